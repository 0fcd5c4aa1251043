"""Times every side on every case, one call of each in turn: ``in_process.py RUNTIME RESULTS ROUNDS``.

Runs in the model's folder. The proxy's log lines and markers go where they would go; the times, to the file RESULTS.
"""

import json
import os
import random
import sys
from time import perf_counter

import floor
import sides
from cases import CASES

WARM_UP = 5
# The short cases are worth more rounds: they cost less time and vary more.
SHORT, MORE = 4096, 5


def main(runtime, results, rounds):
    floor.keep_memory()  # for all sides, since they share one process
    sys.path.insert(1, os.getcwd())
    ours = sides.Ours(runtime)  # imports the application, as its host does
    from api import app

    compared = [sides.App(app), sides.Floor(app), ours, sides.Naive(app), sides.ApigWsgi(app)]
    compared += sides.for_starlette() + sides.with_pybase64(ours)
    times = {case.name: measure(case, compared, int(rounds)) for case in CASES}
    with open(results, "w") as file:
        json.dump(times, file)


def measure(case, compared, rounds):
    """Seconds of each call, by side, in the order of the rounds."""
    check(case, compared)
    if len(case.body) < SHORT and "out" not in case.name:
        rounds *= MORE
    times = {side.name: [] for side in compared}
    messages = {side.name: side.message(case) for side in compared}
    order, chance = list(compared), random.Random(1)
    for number in range(WARM_UP + rounds):
        chance.shuffle(order)  # each finds the processor's caches as the one before left them
        for side in order:
            message = side.fresh(messages[side.name])
            began = perf_counter()
            side.call(message)
            took = perf_counter() - began
            if number >= WARM_UP:
                times[side.name].append(took)
    return times


def check(case, compared):
    """Exits where the sides don't answer alike: then there is nothing to compare."""
    wanted = None
    for side in compared:
        answer = side.answer(side.call(side.fresh(side.message(case))))
        if wanted is None:
            wanted = answer
        if answer != wanted or answer[0] != 200:
            sys.exit(
                "%s: %s answers %.300r, %s answers %.300r" % (case.name, side.name, answer, compared[0].name, wanted)
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
