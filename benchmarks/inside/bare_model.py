"""``python app.py`` in the model's folder, but for the port, which app.py fixes to 5000: ``bare_model.py PORT``."""

import os
import sys

import flask

port = int(sys.argv.pop())
run = flask.Flask.run
flask.Flask.run = lambda app, *args, **kwargs: run(app, "127.0.0.1", port)
sys.path[0] = os.getcwd()
with open("app.py") as source:
    exec(compile(source.read(), "app.py", "exec"))  # noqa: S102 the model's own file, as Python itself would run it
