"""Whose process is at the other end: of real sockets, and by what the system's lists say."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from raw_http import RawResponse, _read, message
from rest_client import BLACK_BOX, Desk, a_desk, basic
from users_server import OTHER, as_root

from modelwhisk import peer
from modelwhisk.local.container_client import post
from modelwhisk.local.credentials import GUEST_KEY
from modelwhisk.local.outcome import Failure
from modelwhisk.peer import AnotherUsers, Peer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems don't tell")


@contextmanager
def user(id: int) -> Iterator[None]:
    me = os.geteuid()
    if id != me:
        os.seteuid(id)
    try:
        yield
    finally:
        if id != me:
            os.seteuid(me)


@contextmanager
def connected(id: int, serve: str = "127.0.0.1", ask: str = "") -> Iterator[tuple[socket.socket, Peer]]:
    """A socket of that user's, and what a server knows of it."""
    family = socket.AF_INET6 if ":" in serve else socket.AF_INET
    with socket.create_server((serve, 0), family=family) as server:
        host = ask or serve
        with user(id):
            client = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        with client:
            client.connect((host, server.getsockname()[1]))
            with server.accept()[0] as accepted:
                yield client, Peer(accepted.getpeername()[:2], accepted.getsockname()[:2], accepted)


def is_another(found: Peer) -> bool:
    return asyncio.run(found.is_another_user())


WAYS = pytest.mark.parametrize("listed", [False, True])
ADDRESSES = pytest.mark.parametrize(
    ("serve", "ask"), [("127.0.0.1", ""), ("127.0.0.1", "::ffff:127.0.0.1"), ("::1", "")]
)


def only_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the kernel can't be asked."""

    def refused(family: int = socket.AF_INET, *given: int, **more: int) -> socket.socket:
        if family == socket.AF_NETLINK:
            raise OSError(93, "Protocol not supported")
        return made(family, *given, **more)

    made = socket.socket
    monkeypatch.setattr(peer.socket, "socket", refused)


@WAYS
@ADDRESSES
@pytest.mark.parametrize("id", [os.geteuid(), pytest.param(OTHER, marks=as_root)])
def test_whose_a_socket_is(monkeypatch: pytest.MonkeyPatch, id: int, serve: str, ask: str, listed: bool) -> None:
    with connected(id, serve, ask) as (client, found):
        if listed:
            only_listed(monkeypatch)
        assert is_another(found) == (id == OTHER)
        client.shutdown(socket.SHUT_WR)
        assert found._look() == (id == OTHER)


@WAYS
def test_who_has_closed_is_nobody_that_is_known(monkeypatch: pytest.MonkeyPatch, listed: bool) -> None:
    """The lists have root as the user of what only waits for its end."""
    if listed:
        only_listed(monkeypatch)
    with connected(os.geteuid()) as (client, found):
        client.close()
        assert is_another(found)
    assert is_another(found)


@pytest.mark.parametrize(
    ("own", "another"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("172.17.0.1", False), ("fe80::1%lo", False)],
)
def test_who_is_not_known_is_refused_on_the_loopback_alone(own: str, another: bool) -> None:
    """Containers call back by other addresses, which `--bind` opens for them."""
    with socket.socket() as end:
        assert is_another(Peer(("::2" if ":" in own else "127.0.0.2", 1), (own, 3233), end)) == another


@WAYS
def test_who_got_the_port_of_another_who_has_gone_is_not_taken_for_them(
    monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    """Theirs, reset once the request was sent, is still answered, and the next connection may have its port."""
    if listed:
        only_listed(monkeypatch)
    at_once = struct.pack("ii", 1, 0)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as theirs, socket.socket() as mine:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        theirs.bind(("127.0.0.1", 0))  # a port that no connection to elsewhere has, too
        theirs.connect(server.getsockname())
        port = theirs.getsockname()
        with server.accept()[0] as end:
            theirs.sendall(b"PUT")
            theirs.close()
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            mine.bind(port)
            mine.connect(server.getsockname())
            with server.accept()[0] as end_of_mine:
                assert end.recv(3) == b"PUT"
                assert is_another(Peer(port, server.getsockname(), end))
                assert not is_another(Peer(port, server.getsockname(), end_of_mine))
            end.close()
            assert is_another(Peer(port, server.getsockname(), end))


@contextmanager
def served_by(id: int, serve: str, ask: str, *, accept: bool, device: str = "") -> Iterator[tuple[socket.socket, Peer]]:
    """What that user's process listens with, and what a client of ours knows of it."""
    with user(id):
        server = socket.socket(socket.AF_INET6 if ":" in serve else socket.AF_INET)
    if device:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    server.bind((serve, 0))
    server.listen()
    host = ask or serve
    with server, socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as client:
        client.connect((host, server.getsockname()[1]))
        found = Peer(client.getpeername()[:2], client.getsockname()[:2], client)
        if not accept:
            yield server, found
            return
        with user(id):
            accepted = server.accept()[0]
        with accepted:
            yield server, found


@WAYS
@pytest.mark.parametrize(
    "place",
    [
        ("127.0.0.1", "", ""),
        ("::1", "", ""),
        ("0.0.0.0", "127.0.0.1", ""),
        ("::", "::1", ""),
        ("127.0.0.1", "", "lo"),
        ("::", "127.0.0.1", "lo"),
        ("::ffff:127.0.0.1", "127.0.0.1", "lo"),
        ("::ffff:0.0.0.0", "127.0.0.1", "lo"),
    ],
)
@pytest.mark.parametrize("accept", [False, True])
@pytest.mark.parametrize("id", [os.geteuid(), pytest.param(OTHER, marks=as_root)])
def test_whose_process_takes_what_is_sent(
    monkeypatch: pytest.MonkeyPatch, id: int, accept: bool, place: tuple[str, str, str], listed: bool
) -> None:
    """Before it is accepted, too: a process that computes does that late. And wherever it listens: an IPv6 socket on an
    IPv4 address of the device `lo` was seen by neither way, and so taken for none of this machine's.
    """
    serve, ask, device = place
    with served_by(id, serve, ask, accept=accept, device=device) as (server, found):
        if listed:
            only_listed(monkeypatch)
        assert asyncio.run(found.takes_from_us()) == (id != OTHER)
        with pytest.raises(AnotherUsers) if id == OTHER else contextlib.nullcontext():
            found.refuse_others()
        server.close()
        assert asyncio.run(found.takes_from_us()) == (id != OTHER and accept)


def test_who_takes_what_is_sent_elsewhere_or_where_nobody_tells(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of a container, whose address is its own, and as on macOS."""
    with socket.socket() as end:
        assert asyncio.run(Peer(("172.17.0.2", 1), ("172.17.0.1", 2), end).takes_from_us())
        assert not asyncio.run(Peer(("127.0.0.1", 1), ("127.0.0.1", 2), end).takes_from_us())
        monkeypatch.setattr(peer, "_TABLES", tmp_path)
        assert asyncio.run(Peer(("127.0.0.1", 1), ("127.0.0.1", 2), end).takes_from_us())


@pytest.mark.parametrize("ended", [True, pytest.param(False, marks=as_root)])
def test_no_init_is_sent_to_whoever_has_the_port_of_a_process_that_has_ended(ended: bool) -> None:
    """It is tried for a minute, and has the parameters for the model's environment."""
    with served_by(os.geteuid() if ended else OTHER, "127.0.0.1", "", accept=True) as (server, _):
        address = server.getsockname()
        call = asyncio.run(post(address, "/init", {"value": {}}, 200, retry=True, ended=lambda: ended))
        assert (call.reply, call.connected) == (Failure.TIMEOUT, False)
        server.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                with server.accept()[0] as connection:
                    connection.settimeout(10)
                    assert (connection.recv(100), ended) == (b"", False)


def test_a_call_that_is_given_up_while_it_looks_leaves_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: Peer) -> bool:
        await asyncio.sleep(60)
        return True

    async def given_up(address: tuple[str, int]) -> None:
        await asyncio.wait_for(post(address, "/run", {"value": {}}, 5000, retry=False), 0.2)

    monkeypatch.setattr(Peer, "takes_from_us", never)
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(asyncio.TimeoutError):
            asyncio.run(given_up(server.getsockname()))
        with server.accept()[0] as connection:
            connection.settimeout(10)
            assert connection.recv(100) == b""
    gc.collect()  # a writer that wasn't closed says so only now


def test_who_accepts_between_two_looks_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """And listens no more at the second."""
    with served_by(os.geteuid(), "127.0.0.1", "", accept=False) as (server, found):
        accepted: list[socket.socket] = []
        looked = peer._user

        def looks(ends: list[tuple[bytes, int]], states: frozenset[int]) -> int | None:
            if states is peer._LISTENING and not accepted:
                accepted.append(server.accept()[0])
                server.close()
            return looked(ends, states)

        monkeypatch.setattr(peer, "_user", looks)
        assert found._takes()
        accepted[0].close()


@as_root
def test_what_is_sent_to_another_user_s_process_is_refused_and_to_none_on_this_machine_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Docker's own rules may lead a port to a container."""
    with served_by(OTHER, "127.0.0.1", "::ffff:127.0.0.1", accept=True) as (server, found):
        with pytest.raises(AnotherUsers, match=rf"\(id {OTHER}\) serves on 127\.0\.0\.1 port \d+: nothing was sent"):
            found.refuse_others()
        monkeypatch.setenv("MODELWHISK_TRUSTED_USERS", str(OTHER))
        found.refuse_others()
    with served_by(OTHER, "127.0.0.1", "", accept=False) as (server, found):
        server.close()
        found.refuse_others()
    with socket.socket() as end:
        assert peer.peer_at(end) is None


@WAYS
def test_what_waits_for_a_process_that_is_not_found_is_not_sent_to_none(
    monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    """Who connects is known to this machine, whatever way to listen may come that isn't looked for."""
    with served_by(os.geteuid(), "127.0.0.1", "", accept=False) as (_, found):
        if listed:
            only_listed(monkeypatch)
        looked = peer._user
        monkeypatch.setattr(peer, "_user", lambda ends, states: looked(ends, states) if states != {10} else None)
        with pytest.raises(AnotherUsers, match=r"^it isn't known whose process serves on 127\.0\.0\.1 port \d+:"):
            found.refuse_others()
        assert not found._takes()


@as_root
@WAYS
def test_what_root_has_accepted_is_theirs_who_listen(monkeypatch: pytest.MonkeyPatch, listed: bool) -> None:
    """The kernel accepts in root's name what falls back to TCP on a listener of AF_SMC, which anybody may open."""
    if listed:
        only_listed(monkeypatch)
    with served_by(OTHER, "127.0.0.1", "", accept=False) as (server, found), server.accept()[0]:
        with pytest.raises(AnotherUsers, match=rf"\(id {OTHER}\) serves"):
            found.refuse_others()
        assert not found._takes()
    with served_by(0, "127.0.0.1", "", accept=True) as (server, found):
        monkeypatch.setattr(os, "geteuid", lambda: OTHER)
        found.refuse_others()
        assert found._takes()
        server.close()
        with pytest.raises(AnotherUsers, match="it isn't known whose process serves on"):
            found.refuse_others()


@as_root
def test_a_listener_of_ipv6_alone_answers_for_no_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lists don't tell whether it takes both; the kernel does."""
    with served_by(0, "127.0.0.1", "", accept=True) as (server, found), socket.socket(socket.AF_INET6) as alone:
        alone.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        alone.bind(("::", server.getsockname()[1]))
        alone.listen()
        server.close()
        monkeypatch.setattr(os, "geteuid", lambda: OTHER)
        with pytest.raises(AnotherUsers, match="it isn't known whose process serves on"):
            found.refuse_others()


def test_root_is_no_other_user(monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(os.geteuid()) as (_, found):
        me = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: OTHER)
        assert is_another(found) == (me != 0)


@pytest.mark.skipif(sys.byteorder != "little", reason="as it stands on most machines")
def test_the_system_s_lists(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    row = "{}: {} {} {} 00000000:00000000 00:00000000 00000000 {:>5}        0 {} 1 0000 20 4 30 10 -1\n"
    here, there = "0100007F:0CA1", "0100007F:C350"
    mapped = "0000000000000000FFFF0000"
    (tmp_path / "tcp").write_text(
        head + row.format(0, here, there, "01", 7, 5) + row.format(1, there, here, "01", 8, 6)
    )
    monkeypatch.setattr(peer, "_TABLES", tmp_path)
    ends = [(bytes([127, 0, 0, 1]), 50_000), (bytes([127, 0, 0, 1]), 3233)]
    assert (peer._listed(ends, peer._CONNECTED), peer._listed(ends[::-1], peer._CONNECTED)) == (8, 7)
    (tmp_path / "tcp").write_text(head + row.format(0, there, here, "06", 0, 0))
    assert peer._listed(ends, peer._CONNECTED) is None
    for state in ("01", "02", "03", "04", "05", "08", "0A"):  # of one that is only being made, say
        (tmp_path / "tcp").write_text(head + row.format(0, there, here, state, 8, 6))
        assert peer._listed(ends, peer._CONNECTED) == (8 if state in ("01", "04", "05") else None)
        # One in a queue has no process yet, and no user.
        (tmp_path / "tcp").write_text(head + row.format(0, there, here, state, 0, 0))
        assert peer._listed(ends, peer._CONNECTED) == (peer._NOBODY_YET if state in ("01", "03") else None)
    nowhere = "00000000:0000"
    listening = [(bytes([127, 0, 0, 1]), 50_000), (bytes(4), 0)]
    for users in ([os.geteuid(), OTHER], [OTHER, os.geteuid()]):  # each may be bound to a device of its own
        rows = [row.format(0, there, nowhere, "0A", user, 6) for user in users]
        (tmp_path / "tcp").write_text(head + "".join(rows))
        assert peer._listed(listening, peer._LISTENING) == OTHER
    (tmp_path / "tcp").write_text(head)
    (tmp_path / "tcp6").write_text(head + row.format(0, mapped + there, mapped + here, "01", 9, 7))
    assert peer._listed(ends, peer._CONNECTED) == 9
    (tmp_path / "tcp").unlink()
    with connected(os.geteuid()) as (_, found):  # as on macOS
        monkeypatch.setattr(os, "geteuid", lambda: OTHER)
        assert not is_another(found)


def asked(desk: Desk, id: int, wires: list[bytes]) -> list[RawResponse]:
    """What a user is answered on one connection."""
    host, port = desk.platform.url.removeprefix("http://").split(":")
    with user(id):
        client = socket.socket()
    with client, client.makefile("rb") as stream:
        client.connect((host, int(port)))
        answers = []
        for wire in wires:
            client.sendall(wire)
            answers.append(_read(stream, "GET"))
        return answers


def wires_with(key: str) -> list[bytes]:
    headers = [("Host", "localhost"), basic(key), ("Content-Type", "application/json")]
    path = "/api/v1/namespaces/_/actions/mine"
    body = json.dumps({"exec": BLACK_BOX, "parameters": [{"key": "PATH", "value": "/evil", "init": True}]}).encode()
    return [message("PUT", f"{path}?overwrite=true", headers, body), message("GET", path, headers)]


@as_root
def test_the_key_that_all_know_is_taken_from_oneself_alone() -> None:
    with a_desk() as desk:
        refused = asked(desk, OTHER, wires_with(GUEST_KEY))
        assert [answer.status for answer in refused] == [403, 403]
        assert b"MODELWHISK_LOCAL_AUTH" in refused[0].body
        assert desk.ask("GET", "actions/mine").status == 404
        assert [answer.status for answer in asked(desk, 0, wires_with(GUEST_KEY))] == [200, 200]
        wrong = wires_with(GUEST_KEY + "x")
        assert [answer.status for answer in asked(desk, OTHER, wrong)] == [401, 401]
        assert asked(desk, OTHER, [b"GET /api/v1/web/guest/default/no HTTP/1.1\r\nHost: a\r\n\r\n"])[0].status == 404


PRIVATE = {"annotations": [{"key": name, "value": True} for name in ("web-export", "require-whisk-auth")]}


def web_call(*headers: tuple[str, str]) -> bytes:
    return message("GET", "/api/v1/web/guest/default/private.json", [("Host", "localhost:3233"), *headers])


@as_root
def test_the_key_that_all_know_is_none_in_another_user_s_web_call() -> None:
    """It passed `require-whisk-auth`, and the action was told that the namespace's owner asked."""
    with a_desk() as desk:
        assert desk.create("private", **PRIVATE).status == 200
        with_key, without = web_call(basic(GUEST_KEY)), web_call()
        mine = asked(desk, 0, [without, with_key])
        assert [answer.status for answer in mine] == [401, 200]
        assert json.loads(mine[1].body)["__ow_user"] == "guest"
        assert [answer.status for answer in asked(desk, OTHER, [without, with_key])] == [401, 401]
        # What asks for no key is told of none, as on a platform.
        desk.create("public", annotations=[{"key": "web-export", "value": True}])
        public = asked(desk, OTHER, [with_key.replace(b"private", b"public")])[0]
        assert (public.status, "__ow_user" in json.loads(public.body)) == (200, False)


@pytest.mark.parametrize(
    "page",
    [
        [("Origin", "https://page.example")],
        [("Origin", "http://localhost:3233")],
        [("Sec-Fetch-Site", "same-origin")],
        [("Host", "page.example")],
    ],
)
def test_the_key_that_all_know_is_none_in_a_page_s_web_call(page: list[tuple[str, str]]) -> None:
    with a_desk() as desk, a_desk(credentials={"me:secret": "guest", GUEST_KEY: "guest"}) as other:
        for one in (desk, other):
            one.create("private", **PRIVATE)
        wire = [web_call(basic(GUEST_KEY), *page)]
        if page[0][0] == "Host":
            wire = [wire[0].replace(b"Host: localhost:3233\r\n", b"")]
        assert asked(desk, os.geteuid(), wire)[0].status == 401
        # On a platform no page knows the key; who has one that is not known to all is asked no more.
        secret = [wire[0].replace(basic(GUEST_KEY)[1].encode(), basic("me:secret")[1].encode())]
        assert [asked(other, os.geteuid(), one)[0].status for one in (wire, secret)] == [401, 200]


@as_root
def test_a_key_of_one_s_own_is_taken_from_others_where_the_platform_is_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Someone may have got it by a port that was the platform's once."""
    wires = wires_with("me:secret")
    with a_desk(credentials={"me:secret": "guest"}) as desk:
        refused = asked(desk, OTHER, wires)
        assert [answer.status for answer in refused] == [403, 403]
        assert b"name their ids in MODELWHISK_TRUSTED_USERS" in refused[0].body
        assert [answer.status for answer in asked(desk, 0, wires)] == [200, 200]
        monkeypatch.setenv("MODELWHISK_TRUSTED_USERS", f"33,{OTHER}")
        assert [answer.status for answer in asked(desk, OTHER, wires)] == [200, 200]
        monkeypatch.delenv("MODELWHISK_TRUSTED_USERS")
    with a_desk(credentials={"me:secret": "guest"}, bind="0.0.0.0") as desk:
        assert [answer.status for answer in asked(desk, OTHER, wires)] == [200, 200]
