"""Time and memory as the payload grows: ``growth.py RUNTIME RESULTS ROUNDS``, in the model's folder."""

import json
import os
import random
import sys
from time import perf_counter

import floor
import sides
from cases import upload_case
from memory_peak import copies

SIZES = (1000, 10 * 1000, 100 * 1000, 1000 * 1000, 10 * 1000 * 1000, 45 * 1000 * 1000)
# Bytes through each side for each size, at most: large ones get fewer rounds.
BYTES = 400 * 1000 * 1000
LEAST = 3


def main(runtime, results, rounds):
    floor.keep_memory()
    sys.path.insert(1, os.getcwd())
    ours = sides.Ours(runtime)
    from api import app

    compared = [sides.App(app), sides.Floor(app), ours]
    found = {}
    for size in SIZES:
        case = upload_case("", size)
        count = max(LEAST, min(int(rounds), BYTES // size))
        times = turns(compared, case, count)
        found[str(size)] = {"times": times, "copies": {side.name: copies(side, case, size) for side in compared}}
    with open(results, "w") as file:
        json.dump(found, file)


def turns(compared, case, count):
    """Seconds of each call, by side."""
    order, chance = list(compared), random.Random(1)
    messages = {side.name: side.message(case) for side in compared}
    times = {side.name: [] for side in compared}
    for number in range(count + 1):
        chance.shuffle(order)
        for side in order:
            message = side.fresh(messages[side.name])
            began = perf_counter()
            side.call(message)
            if number:
                times[side.name].append(perf_counter() - began)
    return times


if __name__ == "__main__":
    main(*sys.argv[1:])
