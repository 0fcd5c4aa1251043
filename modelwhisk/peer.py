"""Whose process of this machine is at the other end of a connection.

The key that every standalone OpenWhisk has is known to all users of a machine, and who has it can run code as whoever
runs a folder here; and the port of a platform that doesn't run, or of a model's process that has ended, is whoever's
takes it. Linux tells whose each socket is: at once where it is asked for one (sock_diag(7)), and else in a list of all
(/proc/net/tcp, proc_pid_net(5)), which takes milliseconds. Other systems don't.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import re
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

TRUSTED_USERS = "MODELWHISK_TRUSTED_USERS"  # the variable for ids of other users, who count as oneself
_TABLES = Path("/proc/net")
_STATE, _USER, _INODE = 3, 7, 9  # columns of a row there
_MAPPED = bytes(10) + b"\xff\xff"  # RFC 4291 section 2.5.5.2: what an IPv4 address has before it as an IPv6 one

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
_ABOUT_SOCKETS, _BY_FAMILY, _IS_REQUEST = 4, 20, 1
_QUESTION = struct.Struct("=IHHII BBBxI 2s2s16s16sI8s")  # a header, then inet_diag_req_v2
_ANSWER = struct.Struct("=IHHII BBBB 2s2s16s16sI8s 12xII")  # a header, then inet_diag_msg to its inode
_ANY_STATE, _NO_COOKIE = 0xFFFFFFFF, b"\xff" * 8
# `lo` in every network namespace (include/net/flow.h). Without it a socket that is bound to a device isn't found.
_LOOPBACK_DEVICE = 1

# tcp(7), include/net/tcp_states.h: a client's end that is connected, also where it has sent all; and ours then.
_CONNECTED, _CONNECTED_HERE = frozenset({1, 4, 5}), frozenset({1, 8})
_LISTENING = frozenset({10})
# A connection that no process has accepted yet, or hasn't been given yet (TCP_DEFER_ACCEPT); and what stands for its
# user, who isn't known by it.
_QUEUED, _NOBODY_YET = frozenset({1, 3}), -1

Address = tuple[str, int]


class End(Protocol):
    """Our end of a connection: a socket, or what asyncio shows of one."""

    def getsockopt(self, level: int, name: int, size: int, /) -> bytes:
        """As a socket's."""


class AnotherUsers(Exception):
    """What a connection to this machine leads to is another user's; the text says what to do."""


class Peer:
    """The other end, `address`, of a connection to `own`, where `end` is ours; it is looked up once, when it is asked
    for.
    """

    def __init__(self, address: Address, own: Address, end: End) -> None:
        self._end = end
        self._ends = [(_plain(host), port) for host, port in (address, own)]
        self._found: bool | None = None

    async def is_another_user(self) -> bool:
        """Whether it came to an address of the loopback, and isn't known to be of our own user or root, or of those
        whom `TRUSTED_USERS` names.

        So it is said of a process that has closed its end already, too, which is nobody's then. It is never said where
        the system doesn't tell, nor of other addresses of ours: those are for others, containers say, and between them
        and this machine's own processes the source may be another than the socket's (docker's masquerading).
        """
        if self._found is None:
            self._found = await asyncio.to_thread(self._look)
        return self._found

    async def takes_from_us(self) -> bool:
        """Whether what we send on a connection that we have made comes to our own user's process, root's, or that of
        another who is trusted, which has accepted it, or will. It is said as well where the system doesn't tell, and of
        what isn't the loopback.
        """
        return await asyncio.to_thread(self._takes)

    def refuse_others(self) -> None:
        """Raises `AnotherUsers` where what we send on a connection that we have made comes to somebody else's process.

        Not where there is none on this machine: docker may lead a port to a container, and WSL to Windows.
        """
        user = self._taker() if self._is_told else None
        if user is None or user in _trusted():
            return
        host, port = self._ends[0]
        if user == _NOBODY_YET:
            raise AnotherUsers(f"it isn't known whose process serves on {host} port {port}: nothing was sent there")
        raise AnotherUsers(
            f"another user of this machine (id {user}) serves on {host} port {port}: nothing was sent there. Where "
            f"that is meant to be, set {TRUSTED_USERS}={user}"
        )

    def _takes(self) -> bool:
        return not self._is_told or self._taker() in _trusted()

    def _taker(self) -> int | None:
        """The user whose process takes what we send; None where there is none, and `_NOBODY_YET` where there is one of
        whom nothing is found."""
        accepted = (self._packed, _CONNECTED)
        # As long as it waits to be accepted, who listens there is still who was connected to. It may be accepted, and
        # listened no more, after the first look.
        user = None
        for one in (accepted, self._waits, accepted):
            user = _user(*one)
            if user not in (None, _NOBODY_YET):
                break
        return self._theirs_who_listen() if user == 0 else user

    def _theirs_who_listen(self) -> int:
        """The same of what root has accepted. In that name the kernel accepts for a listener of AF_SMC, too, which
        anybody may open (net/smc/af_smc.c), and to which TCP comes.
        """
        user = _asked(*self._waits)
        if user is None and not self._is_asked:
            user = _listed(*self._waits)
        if user is None:
            return 0 if os.geteuid() == 0 else _NOBODY_YET
        return user

    def _look(self) -> bool:
        if not self._is_told:
            return False
        return _user(self._packed, _CONNECTED) not in _trusted() or not self._is_connected()

    @property
    def _is_told(self) -> bool:
        return self._ends[1][0].is_loopback and (_TABLES / "tcp").exists()

    @property
    def _is_asked(self) -> bool:
        """Whether the kernel can be asked, which knows our end then: it says alike that there is none and that it can't
        (sock_diag(7), ENOENT)."""
        return _asked(self._packed[::-1], _CONNECTED_HERE) is not None

    @property
    def _packed(self) -> list[tuple[bytes, int]]:
        return [(host.packed, port) for host, port in self._ends]

    @property
    def _waits(self) -> tuple[list[tuple[bytes, int]], frozenset[int]]:
        """Where it waits to be accepted."""
        address, own = self._packed
        return [address, (bytes(len(own[0])), 0)], _LISTENING

    def _is_connected(self) -> bool:
        """Whether it still is: as long as there is our end, another connection between the two addresses there can't
        be. Who resets theirs has it closed, and what was found may be the next one's who got their port.
        """
        try:
            return self._end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in _CONNECTED_HERE
        except OSError:  # closed by ourselves
            return False


def peer_of(writer: asyncio.StreamWriter) -> Peer:
    """Who is at the other end of a connection."""
    address, own = (writer.get_extra_info(end)[:2] for end in ("peername", "sockname"))
    return Peer(address, own, writer.get_extra_info("socket"))


def peer_at(end: socket.socket) -> Peer | None:
    """Who is at the other end of a connection that we have made by a socket; None where that is closed already."""
    try:
        return Peer(end.getpeername()[:2], end.getsockname()[:2], end)
    except OSError:
        return None


def _plain(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(host.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _trusted() -> set[int]:
    return {os.geteuid(), 0, *map(int, re.findall(r"\d+", os.environ.get(TRUSTED_USERS, "")))}


def _user(ends: list[tuple[bytes, int]], states: frozenset[int]) -> int | None:
    """The user of the socket, in one of `states`, that is at the first of two addresses and connected to the other, or
    listens, where the other is zeros; None where there is none, and `_NOBODY_YET` where it is in a queue."""
    user = _asked(ends, states)
    return user if user is not None else _listed(ends, states)


def _asked(ends: list[tuple[bytes, int]], states: frozenset[int]) -> int | None:
    """The same of the kernel; None where that can't be asked, too."""
    family = socket.AF_INET if len(ends[0][0]) == 4 else socket.AF_INET6
    ports, hosts = [port.to_bytes(2, "big") for _, port in ends], [packed for packed, _ in ends]
    identity = [*ports, *hosts, _LOOPBACK_DEVICE, _NO_COOKIE]
    header = (_QUESTION.size, _BY_FAMILY, _IS_REQUEST, 0, 0)
    question = _QUESTION.pack(*header, family, socket.IPPROTO_TCP, 0, _ANY_STATE, *identity)
    with contextlib.suppress(OSError):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _ABOUT_SOCKETS) as kernel:
            kernel.settimeout(1)
            kernel.send(question)
            answer = kernel.recv(4096)
        if len(answer) >= _ANSWER.size:
            found = _ANSWER.unpack_from(answer)
            kind, state, user, inode = found[1], found[6], found[-2], found[-1]
            if kind == _BY_FAMILY:  # else an error
                return _whose(state, user, inode, states)
    return None


def _whose(state: int, user: int, inode: int, states: frozenset[int]) -> int | None:
    """The user of a socket that was found, as `_user` gives it."""
    if inode:  # None for one that would take such a connection, or makes it only now
        return user if state in states else None
    # What has none is no process's, and its user is said to be 0, which is root.
    return _NOBODY_YET if states is _CONNECTED and state in _QUEUED else None


def _listed(ends: list[tuple[bytes, int]], states: frozenset[int]) -> int | None:
    """The same by the lists of all sockets.

    They don't tell which device a socket is bound to: where several would do, it is said of the one who isn't trusted.
    """
    (host, port), (other, _) = ends
    in_ipv6 = len(host) == 4  # an IPv6 socket can have such an address, as Java's all do
    ways = [ends, *([[(_MAPPED + packed, port) for packed, port in ends]] if in_ipv6 else [])]
    if states is _LISTENING:  # at that address, or at all
        hosts = [host, other, *((_MAPPED + host, _MAPPED + other, bytes(16)) if in_ipv6 else ())]
        ways = [[(at, port), (bytes(len(at)), 0)] for at in hosts]
    tables = {4: _rows("tcp"), 16: _rows("tcp6")}
    users = [user for way in ways for user in _owners(tables[len(way[0][0])], way, states)]
    others = [user for user in users if user not in _trusted()]
    return next(iter(others + users), None)


def _rows(table: str) -> bytes:
    try:
        return (_TABLES / table).read_bytes()
    except FileNotFoundError:  # where there is no IPv6
        return b""


def _owners(rows: bytes, ends: list[tuple[bytes, int]], states: frozenset[int]) -> Iterator[int]:
    needle = f" {' '.join(_listed_as(*end) for end in ends)} ".encode()
    at = rows.find(needle)
    while at >= 0:
        row = rows[rows.rfind(b"\n", 0, at) + 1 : rows.find(b"\n", at)].split()
        user = _whose(int(row[_STATE], 16), int(row[_USER]), int(row[_INODE]), states)
        if user is not None:
            yield user
        at = rows.find(needle, at + 1)


def _listed_as(packed: bytes, port: int) -> str:
    """An address as it stands there: words of 4 bytes, each as a number of the machine's."""
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"
