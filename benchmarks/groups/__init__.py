"""What can be measured. Each makes a ``Table``; ``rounds`` is the number of calls of each side.

``GROUPS``   ``measure(environment, rounds)``: for each Python of the models.
``ONCE``     ``measure(scratch, rounds)``: of the tools on the user's machine, whose Python is the driver's; ``scratch``
             is an empty folder.
"""

from collections.abc import Callable

from benchmarks.environments import Environment
from benchmarks.figures import Table

from . import build, clients, cold, drift_detection, drift_search, growth, in_process, mapped, memory, sockets, start

GROUPS: dict[str, Callable[[Environment, int], Table]] = {
    "process": in_process.measure,
    "sockets": sockets.measure,
    "clients": clients.measure,
    "start": start.measure,
    "cold": cold.measure,
    "memory": memory.measure,
    "growth": growth.measure,
}
ONCE: dict[str, Callable[..., Table]] = {
    "build": build.measure,
    "map": mapped.measure,
    "drift-search": drift_search.measure,
    "drift-detection": drift_detection.measure,
}
ON_FURTHER_PYTHONS = ("process",)
# Left out unless they are named: they take half an hour the first time.
LONG = ("drift-search", "drift-detection")
