"""What CI holds the proxy to: ``gate.py RUNTIME RESULTS``, in the model's folder.

Ratios of times that were taken in turns, the best of several short runs, and counts, which are the same on any machine.
"""

import json
import os
import sys

import floor
import in_process
import sides
from cases import CASES
from memory_peak import copies

TIMED = ("200 B JSON in", "700 kB upload in", "250 kB JSON out", "750 kB PNG out")
RUNS, ROUNDS = 5, 12
COUNTED = "200 B JSON in"
COPIED = ("700 kB upload in", "750 kB PNG out")
PAYLOADS = {"700 kB upload in": 700 * 1000, "750 kB PNG out": 750 * 1000}


def main(runtime, results):
    floor.keep_memory()
    sys.path.insert(1, os.getcwd())
    ours = sides.Ours(runtime)
    from api import app

    cases = {case.name: case for case in CASES}
    compared = [sides.App(app), sides.Floor(app), ours, sides.ApigWsgi(app)]
    runs = [{name: in_process.measure(cases[name], compared, ROUNDS) for name in TIMED} for _ in range(RUNS)]
    found = {
        "runs": runs,
        "calls": {side.name: calls(side, cases[COUNTED]) for side in compared},
        "copies": {name: copies(ours, cases[name], PAYLOADS[name]) for name in COPIED},
    }
    with open(results, "w") as file:
        json.dump(found, file)


def calls(side, case):
    """Function calls of one call of a side, Python's and C's, as sys.setprofile counts them."""
    side.call(side.fresh(side.message(case)))
    message, counted = side.fresh(side.message(case)), [0]

    def count(frame, event, argument):
        counted[0] += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        side.call(message)
    finally:
        sys.setprofile(None)
    return counted[0]


if __name__ == "__main__":
    main(*sys.argv[1:])
