"""What the proxy adds to a model, measured against what a user could pick instead: ``scripts/bench.sh``.

The driver, here, needs Python 3.10 and nothing else. What is measured runs in processes of its own, in virtual
environments of the models' eras: ``inside/`` is the code for those (Python 3.6 syntax), ``model/`` the model served.
"""
