"""How far a prediction's input lies from those that the model was trained on. Nothing here is imported unless a
reference is named (``MODELPROXY_DRIFT``) or embeddings are asked for (``MODELPROXY_DRIFT_COLLECT``).

The same code turns an input into a vector when a reference is fitted, in the action and in reports: the tool imports
it from here.
"""
