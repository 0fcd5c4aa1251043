"""Tests of what goes into the image: Python 3.6 syntax, run on every Python from 3.6 to 3.13."""

import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "..", "runtime"))

# A shell that starts the tests in the background has them ignore SIGINT, and the processes they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
