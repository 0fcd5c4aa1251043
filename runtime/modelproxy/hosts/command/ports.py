"""What Linux tells of processes and their TCP ports (proc(5); the kernel's networking/proc_net_tcp.rst)."""

import _socket
import os
import sys

_LISTEN = "0A"  # TCP_LISTEN of include/net/tcp_states.h
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LOOPBACK = ("127.", "::1")


class Listener:
    """A listening socket: its ``port``, ``address`` and ``inode``."""

    __slots__ = ("address", "inode", "port")

    def __init__(self, address, port, inode):
        self.address = address
        self.port = port
        self.inode = inode

    def __str__(self):
        return ("[%s]:%d" if ":" in self.address else "%s:%d") % (self.address, self.port)

    @property
    def is_inward(self):
        """True where only this machine can connect, as to an application server behind a web server."""
        return self.address.startswith(_LOOPBACK)

    def addresses(self, taken):
        """Where to connect, to be tried in turn. A socket on ``::`` takes IPv4 too unless it is told not to, and many
        containers have no IPv6; but IPv4's port may be another's, of the set ``taken``: our own."""
        if self.address == "0.0.0.0":
            return ("127.0.0.1",)
        if self.address == "::":
            return ("::1",) if self.port in taken else ("127.0.0.1", "::1")
        return (self.address,)


def are_known():
    """False where there is no /proc to ask, such as on macOS."""
    return os.path.exists(_TABLES[0])


def listening(tables=_TABLES):
    """The sockets of this network namespace that listen: a dict of inode to ``Listener``."""
    found = {}
    for table in tables:
        try:
            with open(table) as lines:
                rows = [line.split() for line in lines]
        except OSError:  # a kernel without IPv6
            continue
        for row in rows[1:]:
            if row[3] == _LISTEN:
                address, _, port = row[1].partition(":")
                found[row[9]] = Listener(_address(address), int(port, 16), row[9])
    return found


def _address(digits):
    """An address as the kernel prints it: 32-bit words in the machine's own order of bytes."""
    raw = bytes.fromhex(digits)
    if sys.byteorder == "little":
        raw = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    if raw.startswith(b"\0" * 10 + b"\xff\xff"):  # ::ffff:127.0.0.1, as Java listens
        raw = raw[12:]
    return _socket.inet_ntop(_socket.AF_INET if len(raw) == 4 else _socket.AF_INET6, raw)


def family(roots, leader, mark=None):
    """The processes, but for this one, that descend from ``roots``, are of the group or session ``leader``, or have the
    variable ``mark`` (b"NAME=value") in their environment, as a daemon has that nobody is the parent of."""
    processes = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as stat:
                    state, *numbers = stat.read().rpartition(b")")[2].split()[:4]
            except (OSError, ValueError):  # it has ended meanwhile
                continue
            if state not in (b"Z", b"X"):
                processes[int(name)] = [int(number) for number in numbers]  # parent, group, session
    ours = {pid for pid, (_, group, session) in processes.items() if pid in roots or leader in (group, session)}
    if mark is not None:
        ours.update(pid for pid in processes if _has_mark(pid, mark))
    more = True
    while more:
        more = {pid for pid, (parent, _, _) in processes.items() if parent in ours} - ours
        ours |= more
    return ours - {os.getpid()}


def _has_mark(pid, mark):
    try:
        with open("/proc/%d/environ" % pid, "rb") as environ:
            return mark in environ.read().split(b"\0")
    except OSError:  # it has ended, or is another user's
        return False


def of_nobody(sockets, pids):
    """Those of ``sockets`` that no other process than ``pids`` is known to hold."""
    others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in pids]
    held = {listener.inode for listener in of_processes(sockets, others)[0]}
    return [listener for listener in sockets.values() if listener.inode not in held]


def of_processes(sockets, pids):
    """Those of ``sockets`` that the processes hold; and whether all processes let us look."""
    held, open_to_us = set(), True
    for pid in pids:
        try:
            held.update(_open_files("/proc/%d/fd/" % pid))
        except PermissionError:  # another user's, or one that changed its user
            open_to_us = False
    return [listener for inode, listener in sockets.items() if "socket:[%s]" % inode in held], open_to_us


def _open_files(folder):
    try:
        for name in os.listdir(folder):
            try:
                yield os.readlink(folder + name)
            except FileNotFoundError:  # closed meanwhile
                continue
    except (FileNotFoundError, ProcessLookupError):  # the process has ended
        return
