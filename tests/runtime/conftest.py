"""Tests of what goes into the image: Python 3.6 syntax, run on every Python from 3.6 to 3.13."""

import gc
import os
import signal
import sys

import hypothesis
import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "..", "runtime"))

# Where a shell started the tests in the background SIGINT is ignored, in the processes that they start as well.
signal.signal(signal.SIGINT, signal.default_int_handler)

# As tests/conftest.py has it: a busy machine is no failure, and CI tries the same examples each time.
hypothesis.settings.register_profile(
    "bed",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("bed")


def pytest_runtest_setup(item):
    """Before something as deep as the stack is read, what earlier tests left is collected, and hypothesis's measuring
    of the collector taken away: up to Python 3.8 a finalizer or callback that is run deep in there ends the process
    ("Cannot recover from stack overflow")."""
    if sys.version_info < (3, 9):
        gc.callbacks.clear()
        if any(word in item.nodeid for word in ("[[[[", "levels_than", "deep", "holds itself", "loop")):
            gc.collect()


@pytest.hookimpl(trylast=True)  # when all fixtures have ended
def pytest_runtest_teardown(item):
    """A test that leaves its own onnxruntime behind fails, not a later one that takes it for the real one. The
    collector sees again what an action has frozen: hypothesis looks by it for who has its random numbers."""
    if hasattr(gc, "unfreeze"):
        gc.unfreeze()
    module = sys.modules.get("onnxruntime")
    if module is not None and not hasattr(module, "get_available_providers"):
        del sys.modules["onnxruntime"]
        raise AssertionError("%s left its onnxruntime behind" % item.nodeid)
