"""How many copies of a payload live at once: ``memory_peak.py RUNTIME RESULTS``, in the model's folder.

Counted by tracemalloc from before the message is there, so that the message itself is among them; a payload is the
file or the picture as the model has it, a third shorter than its base64.
"""

import gc
import json
import os
import sys
import tracemalloc

import floor
import sides
from cases import CASES

MEASURED = ("700 kB upload in", "750 kB PNG out", "250 kB JSON out")
CALLS = 3


def main(runtime, results):
    floor.keep_memory()
    sys.path.insert(1, os.getcwd())
    ours = sides.Ours(runtime)
    from api import ANSWERS, app

    answers = {"750 kB PNG out": "picture", "250 kB JSON out": "labels"}
    found = {}
    for case in CASES:
        if case.name in MEASURED:
            size = len(ANSWERS[answers[case.name]][1]) if case.name in answers else len(case.body)
            compared = [sides.App(app), sides.Floor(app), ours, sides.Naive(app), sides.ApigWsgi(app)]
            found[case.name] = {side.name: [copies(side, case, size) for _ in range(CALLS)] for side in compared}
    with open(results, "w") as file:
        json.dump(found, file)


def copies(side, case, size):
    """What is allocated at the worst moment of a call, in payloads."""
    message = side.message(case)
    side.handled(side.fresh(message))  # what is only made once isn't counted
    gc.collect()
    tracemalloc.start()
    try:
        side.handled(side.fresh(message))
        return tracemalloc.get_traced_memory()[1] / size
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
