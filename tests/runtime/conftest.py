"""Tests of what goes into the image: Python 3.6 syntax, run on every Python from 3.6 to 3.13."""

import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "..", "runtime"))

# Where a shell started the tests in the background SIGINT is ignored, in the processes that they start as well.
signal.signal(signal.SIGINT, signal.default_int_handler)
