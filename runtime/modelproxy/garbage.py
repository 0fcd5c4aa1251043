"""Python's garbage collector around a model's load: a sixth of the time of importing a framework goes into collections,
which find nearly nothing, since what is imported stays."""

import gc

_RARE = 100000  # objects that come before there is a collection, which is some 10 MB


def load(host):
    """``host.load()``, with rare collections; what it raises passes through. Thresholds of the model's own stay."""
    usual = gc.get_threshold()
    rare = (_RARE if 0 < usual[0] < _RARE else usual[0],) + usual[1:]
    gc.set_threshold(*rare)
    try:
        host.load()
    finally:
        if gc.get_threshold() == rare:
            gc.set_threshold(*usual)
    if hasattr(gc, "freeze"):  # Python 3.7
        gc.freeze()  # so that the first prediction needn't walk all that is new


def settle():
    """What is there now but garbage is never garbage, so that later collections needn't walk it."""
    if hasattr(gc, "unfreeze"):
        gc.unfreeze()
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()
