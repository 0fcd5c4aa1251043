"""What can be measured: each group makes a ``Table``, of an ``Environment`` and a number of rounds."""

from . import in_process, memory, sockets, start

GROUPS = {
    "process": in_process.measure,
    "sockets": sockets.measure,
    "start": start.measure,
    "memory": memory.measure,
}
