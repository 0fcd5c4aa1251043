"""What can be measured. Each makes a ``Table``; ``rounds`` is the number of calls of each side.

``GROUPS``   ``measure(environment, rounds)``: for each Python of the models.
``ONCE``     ``measure(scratch, rounds)``: of the tools on the user's machine, whose Python is the driver's; ``scratch``
             is an empty folder.
"""

from collections.abc import Callable
from pathlib import Path

from benchmarks.environments import Environment
from benchmarks.figures import Table

from . import in_process, memory, sockets, start

GROUPS: dict[str, Callable[[Environment, int], Table]] = {
    "process": in_process.measure,
    "sockets": sockets.measure,
    "start": start.measure,
    "memory": memory.measure,
}
ONCE: dict[str, Callable[[Path, int], Table]] = {}
