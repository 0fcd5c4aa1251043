"""What Linux tells of processes and their TCP ports (proc(5); the kernel's networking/proc_net_tcp.rst)."""

import _socket
import os
import sys

_LISTEN = "0A"  # TCP_LISTEN of include/net/tcp_states.h
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LOOPBACK = ("127.", "::1")


class Listener:
    """A listening socket: its ``port``, ``address``, ``user`` and ``name``, which no two have at a time (the kernel's
    numbers come round), and the ``addresses`` to connect to, to be tried in turn; ``held_as`` is where it is found in
    /proc, once it is known whose it is."""

    __slots__ = ("address", "addresses", "held_as", "name", "port", "user")

    def __init__(self, address, port, name="", user=0, taken=()):
        """``taken`` are ports on which IPv4 is another's."""
        self.address = address
        self.port = port
        self.name = name
        self.user = user
        self.held_as = ""
        self.addresses = (address,)
        if address == "0.0.0.0":
            self.addresses = ("127.0.0.1",)
        elif address == "::":  # it takes IPv4 too unless it is told not to, and many containers have no IPv6
            self.addresses = ("::1",) if port in taken else ("::1", "127.0.0.1")

    def __str__(self):
        return ("[%s]:%d" if ":" in self.address else "%s:%d") % (self.address, self.port)

    @property
    def is_inward(self):
        """True where only this machine can connect, as to an application server behind a web server."""
        return self.address.startswith(_LOOPBACK)

    @property
    def is_open(self):
        """Whether it listens still, rather than another on its port. Looks where it was held first, since it can take a
        millisecond to read the table. (Who shuts a socket down closes it, too.)"""
        try:
            if os.readlink(self.held_as) == self.name:
                return True
        except OSError:  # its process has ended, or isn't known
            pass
        now = listening().get(self.name) if self.name else self
        return now is not None and (now.port, now.user) == (self.port, self.user)


def are_known():
    """False where there is no /proc to ask, such as on macOS."""
    return os.path.exists(_TABLES[0])


def listening(tables=_TABLES):
    """The sockets of this network namespace that listen: a dict of name, as links in /proc have it, to ``Listener``."""
    found, taken = {}, set()
    for table in tables:
        try:
            with open(table) as lines:
                rows = [line.split() for line in lines]
        except OSError:  # a kernel without IPv6
            continue
        for row in rows[1:]:
            if row[3] == _LISTEN:
                address, _, port = row[1].partition(":")
                name = "socket:[%s]" % row[9]  # its inode
                listener = found[name] = Listener(_address(address), int(port, 16), name, int(row[7]), taken)
                if table == tables[0]:  # IPv4's
                    taken.add(listener.port)
    return found


def _address(digits):
    """An address as the kernel prints it: 32-bit words in the machine's own order of bytes."""
    raw = bytes.fromhex(digits)
    if sys.byteorder == "little":
        raw = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    if raw.startswith(b"\0" * 10 + b"\xff\xff"):  # ::ffff:127.0.0.1, as Java listens
        raw = raw[12:]
    return _socket.inet_ntop(_socket.AF_INET if len(raw) == 4 else _socket.AF_INET6, raw)


def family(child, mark):
    """This process's ``child``, and the processes that have the variable ``mark`` (b"NAME=value") in their environment,
    as a daemon has that nobody is the parent of; without a mark all children; and what descends from those. Numbers
    alone tell nothing, also of groups and sessions: they may be another's by now."""
    parents, own = {}, os.getpid()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as stat:
                    state, parent = stat.read().rpartition(b")")[2].split()[:2]
            except (OSError, ValueError):  # it has ended meanwhile
                continue
            if state not in (b"Z", b"X"):
                parents[int(name)] = int(parent)
    ours = {pid for pid in parents if (_has_mark(pid, mark) if mark and pid != child else parents[pid] == own)}
    more = True
    while more:
        more = {pid for pid, parent in parents.items() if parent in ours} - ours
        ours |= more
    return ours - {own}


def _has_mark(pid, mark):
    try:
        with open("/proc/%d/environ" % pid, "rb") as environ:
            return mark in environ.read().split(b"\0")
    except OSError:  # it has ended, or is another user's
        return False


def of_nobody(sockets, pids):
    """Those of ``sockets`` that no other process than ``pids`` is known to hold, and that are our user's or one's of
    theirs: what another user's processes hold, can't be told either."""
    others = {int(name) for name in os.listdir("/proc") if name.isdigit()}.difference(pids)
    held = of_processes(sockets, others)[0]
    users = {os.geteuid()}
    for pid in pids:
        try:
            users.add(os.stat("/proc/%d" % pid).st_uid)
        except OSError:  # it has ended meanwhile
            continue
    return [listener for listener in sockets.values() if listener not in held and listener.user in users]


def of_processes(sockets, pids):
    """Those of ``sockets`` that the processes hold; and whether all processes let us look."""
    held, open_to_us = [], True
    for pid in sorted(pids):  # who began it is likely to have it for longest
        try:
            for path, link in _open_files("/proc/%d/fd/" % pid):
                if link in sockets and sockets[link] not in held:
                    held.append(sockets[link])
                    sockets[link].held_as = path
        except PermissionError:  # another user's, or one that changed its user
            open_to_us = False
    return held, open_to_us


def _open_files(folder):
    try:
        for name in os.listdir(folder):
            try:
                yield folder + name, os.readlink(folder + name)
            except FileNotFoundError:  # closed meanwhile
                continue
    except (FileNotFoundError, ProcessLookupError):  # the process has ended
        return
