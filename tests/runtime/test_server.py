"""Real sockets: slow, rude and many peers, pipelining, answers larger than a socket's buffer, late answers, the end."""

import contextlib
import json
import os
import select
import signal
import socket
import threading
import time
import types

import pytest
from modelproxy import connection as connection_module
from modelproxy import jobs as jobs_module
from modelproxy import lead as lead_module
from modelproxy import server as server_module
from modelproxy.connection import Connection
from modelproxy.http1 import Reply, error_reply, parse_head
from modelproxy.jobs import ENOUGH, Inbox, Job
from modelproxy.listener import listen
from modelproxy.reader import Refused
from modelproxy.server import Server

LARGE = 20000000  # bytes of the answer to /large, of which a socket takes some at once


class Application:
    """Answers with the body it got, after whatever the test wants done."""

    def __init__(self):
        self.late_after = None
        self.work = lambda job: None
        self.done = []

    def refuse(self, head):
        return error_reply(404, "no") if head.target == "/no" else None

    def admit(self, job):
        if self.late_after is not None:
            job.late_at = job.arrived + self.late_after

    def overdue(self, job):
        return error_reply(504, "late")

    def perform(self, job):
        self.work(job)
        self.done.append(job)
        if job.claim():
            answer = b"x" * LARGE if job.head.target == "/large" else b"%d %s" % (len(job.body), bytes(job.body[:20]))
            job.send(Reply(200, [("X-Target", job.head.target)], answer))


class Running:
    taking_turns = False  # whether the only thread that does jobs waits on the sockets too

    def __init__(self, read_timeout=5, keep_alive=0, workers=1, max_body=1000000):
        self.listener = listen("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        self.application = Application()
        self.inbox = Inbox()
        self.server = Server(self.listener, self.application, self.inbox, max_body, read_timeout, keep_alive)
        self.threads = [threading.Thread(target=self.server.serve)]
        self.next_job = self.server.next_job if self.taking_turns and workers == 1 else self.inbox.get
        self.threads += [threading.Thread(target=self.work) for _ in range(workers)]
        for thread in self.threads:
            thread.daemon = True
            thread.start()

    def work(self):
        while True:
            job = self.next_job()
            if job is ENOUGH:
                self.inbox.put(job)
                return
            self.application.perform(job)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.drain()
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()
        self.listener.close()
        self.server._waker.close()
        self.server._woken.close()

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.settimeout(10)
        return connection

    def ask(self, wire):
        with self.connect() as connection:
            connection.sendall(wire)
            return rest_of(connection)


@pytest.fixture(autouse=True, params=[False, True], ids=["one waits", "both in turn"])
def _each_way(request, monkeypatch):
    monkeypatch.setattr(Running, "taking_turns", request.param)


def rest_of(connection):
    pieces = []
    while True:
        piece = connection.recv(1 << 20)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def post(body, target=b"/", extra=b""):
    return b"POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s" % (target, extra, len(body), body)


def split(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def test_a_request_and_its_answer():
    with Running() as running:
        answer = running.ask(post(b"hello"))
        assert split(answer) == (200, b"5 hello")
        assert b"Content-Length: 7\r\n" in answer
        assert b"Connection: close" in answer


def test_a_refusal_of_a_whole_request_and_of_a_broken_one():
    with Running() as running:
        assert split(running.ask(post(b"hello", b"/no")))[0] == 404
        status, body = split(running.ask(b"rubbish\r\n\r\n"))
        assert status == 400
        assert "request line" in json.loads(body.decode("ascii"))["error"]
        assert split(running.ask(post(b"next")))[0] == 200


def test_a_body_too_large_is_answered_though_the_client_sends_it_all_first():
    with Running(max_body=1000) as running:
        assert split(running.ask(post(b"x" * 30000000)))[0] == 413


def test_a_client_that_never_stops_sending_is_left(monkeypatch):
    monkeypatch.setattr(server_module, "LINGER_BYTES", 1 << 20)
    with Running(max_body=1000) as running, running.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000000\r\n\r\n")
        with pytest.raises(OSError):  # noqa: PT011 - broken pipe or reset, as the kernel likes
            while True:
                connection.sendall(b"x" * 65536)


def test_a_refused_client_that_trickles_is_left(monkeypatch):
    monkeypatch.setattr(server_module, "LINGER_SECONDS", 0.5)
    with Running() as running, running.connect() as connection:
        connection.sendall(b"rubbish\r\n\r\n")
        with pytest.raises(OSError):  # noqa: PT011 - broken pipe or reset, as the kernel likes
            while True:
                connection.sendall(b"x")
                time.sleep(0.1)


def test_a_refused_client_that_sent_much_is_left_as_soon(monkeypatch):
    extended, extend = [], Connection.extend

    def noted(connection, count, most):
        extended.append((connection.state, most))
        extend(connection, count, most)

    monkeypatch.setattr(Connection, "extend", noted)
    with Running() as running:
        assert split(running.ask(b"rubbish\r\n\r\n" + b"x" * 60000))[0] == 400
    assert extended[0] == (Connection.READING, 5)
    assert {most for state, most in extended if state != Connection.READING} <= {server_module.LINGER_SECONDS}


def test_a_client_that_takes_its_answer_in_a_trickle_is_left():
    with Running(read_timeout=1) as running, running.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(post(b"", b"/large"))
        assert select.select([connection], [], [], 10)[0]
        while running.server._connections or running.server._handed_back:
            assert connection.recv(10)
            time.sleep(0.02)


def test_a_slow_request_is_waited_for_and_a_slower_one_is_not():
    with Running(read_timeout=1) as running:
        with running.connect() as connection:
            for piece in (b"POST / HTTP/1.1\r\n", b"Host: x\r\nContent-", b"Length: 3\r\n\r\n", b"abc"):
                connection.sendall(piece)
                time.sleep(0.1)
            assert split(rest_of(connection)) == (200, b"3 abc")
        for sent in (b"POST / HT", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na"):
            with running.connect() as connection:
                connection.sendall(sent)
                status, body = split(rest_of(connection))
                assert status == 408
                assert b"within its time" in body


def test_an_idle_connection_is_closed_without_a_word():
    with Running(read_timeout=1) as running, running.connect() as connection:
        assert rest_of(connection) == b""


def test_a_ping_that_only_connects_and_one_that_resets_do_no_harm():
    with Running() as running:
        running.connect().close()
        with running.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(b"POST / HT")
        assert split(running.ask(post(b"x")))[0] == 200


def test_a_client_that_is_gone_before_the_answer_costs_nothing():
    with Running() as running:
        running.application.work = lambda job: time.sleep(0.1)
        with running.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(post(b"x"))
        assert split(running.ask(post(b"y"))) == (200, b"1 y")


def test_a_request_that_is_dropped_ends_its_connection():
    """Also where it is the last that the end waits for."""
    running = Running(keep_alive=60)
    running.application.perform = lambda job: time.sleep(0.3) or (job.claim() and job.drop())
    with running.connect() as dropped, running.connect() as last:
        dropped.sendall(post(b"x"))
        assert rest_of(dropped) == b""
        last.sendall(post(b"x"))
        time.sleep(0.1)
        with running:
            pass
        assert rest_of(last) == b""
    assert not running.server._away


def test_a_client_is_gone_once_it_has_reset_the_connection_and_not_where_it_only_sends_no_more():
    found = []
    with Running() as running:
        running.application.work = lambda job: found.append(job.is_forsaken())
        with running.connect() as connection:
            connection.sendall(post(b"x"))
            connection.shutdown(socket.SHUT_WR)
            assert split(rest_of(connection))[0] == 200
        assert found == [False]
        left = threading.Event()
        running.application.work = lambda job: left.wait(10) and found.append(job.is_forsaken())
        with running.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(post(b"x"))
            while not running.server._away:
                time.sleep(0.01)
        left.set()
        while len(found) < 2:
            time.sleep(0.01)
        assert found == [False, True]


def test_a_half_closed_client_gets_its_answer():
    with Running() as running, running.connect() as connection:
        connection.sendall(post(b"x"))
        connection.shutdown(socket.SHUT_WR)
        assert split(rest_of(connection)) == (200, b"1 x")
    with Running() as running, running.connect() as connection:
        connection.sendall(post(b"x")[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert split(rest_of(connection))[0] == 400


def test_an_answer_larger_than_the_socket_s_buffer_reaches_a_slow_reader_while_others_are_served():
    with Running() as running, running.connect() as slow:
        slow.sendall(post(b"", b"/large"))
        assert select.select([slow], [], [], 10)[0]
        assert split(running.ask(post(b"x")))[0] == 200
        assert len(split(rest_of(slow))[1]) == LARGE


def test_a_reader_that_never_reads_is_given_up():
    with Running(read_timeout=1) as running, running.connect() as slow:
        slow.sendall(post(b"", b"/large"))
        assert select.select([slow], [], [], 10)[0]
        time.sleep(1.5)
        assert len(rest_of_reset(slow)) < LARGE


def kept_by(server):
    """Bytes of the answers that are there for clients that have yet to take them."""
    waiting = [*server._handed_back, *server._connections.values()]
    pieces = [
        piece for connection in waiting if connection.state == Connection.WRITING for piece in connection.out or ()
    ]
    return sum(len(piece.obj) for piece in pieces)


@pytest.fixture
def short_moment(monkeypatch):
    """What clients have before they may be found slow."""
    monkeypatch.setattr(server_module, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(server_module, "SIGNAL_SECONDS", 0.1)


def not_taking(running, stack):
    """A client that asks for a large answer and takes nothing of it."""
    client = stack.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", running.port))
    client.sendall(post(b"", b"/large"))
    return client


@pytest.mark.usefixtures("short_moment")
@pytest.mark.parametrize("workers", [1, 3])
def test_those_who_take_nothing_fill_no_memory(monkeypatch, workers):
    """However many they are; nobody else has to wait for them for more than a moment."""
    monkeypatch.setattr(server_module, "MAX_KEPT", 2 * LARGE)
    with Running(read_timeout=60, workers=workers) as running, contextlib.ExitStack() as others:
        kept = []
        running.application.work = lambda job: kept.append(kept_by(running.server))
        for _ in range(10):
            not_taking(running, others)
        assert split(running.ask(post(b"x"))) == (200, b"1 x")
        assert len(kept) == 11
        assert max(kept) <= (2 + 1 + workers) * LARGE  # besides the largest, that, and what was made meanwhile


@pytest.mark.usefixtures("short_moment")
@pytest.mark.parametrize("ending", [False, True])
def test_who_takes_a_large_answer_at_a_decent_pace_is_not_hurt_by_those_who_take_nothing(monkeypatch, ending):
    """Nor by one that has just begun to, when it has taken for more than a moment itself; nor when all is to end."""
    monkeypatch.setattr(server_module, "MAX_KEPT", LARGE)
    monkeypatch.setattr(server_module, "SILENT_SECONDS", 0.6)  # a busy machine may be silent for less
    found = []
    with Running(read_timeout=60) as running, contextlib.ExitStack() as others:
        slow = [not_taking(running, others) for _ in range(2)]
        decent = others.enter_context(running.connect())
        decent.sendall(post(b"", b"/large"))
        reading = threading.Thread(target=lambda: found.append(slowly_read(decent)))
        reading.start()
        slow.append(not_taking(running, others))
        time.sleep(0.2)
        if ending:
            running.server.stop()
        else:
            assert split(running.ask(post(b"x"))) == (200, b"1 x")
        reading.join()
        assert found[0] > LARGE
        assert len(rest_of_reset(slow[0])) < LARGE


@pytest.mark.parametrize(("kilobytes_per_second", "is_left"), [(0, True), (80, True), (200, False)])
def test_who_takes_little_is_left_though_others_have_just_begun(monkeypatch, kilobytes_per_second, is_left):
    """As one has with each answer that is made: all others would wait for a moment, for each."""
    left, now = [], time.monotonic()
    with contextlib.closing(listen("127.0.0.1", 0)) as listener:
        server = Server(listener, Application(), Inbox(), 1, 60)
        server._waker.close()
        server._woken.close()
    for number, since in enumerate((now, now - 10, now)):
        taking = Connection(types.SimpleNamespace(fileno=lambda: -1), "", None, 60)
        taking.state, taking.since, taking.kept = Connection.WRITING, since, 40 << 20
        taking.moved = int((now - since) * 1000 * kilobytes_per_second)
        server._connections[number] = taking
    monkeypatch.setattr(server, "_close", left.append)
    server._inbox.held = True
    server._relieve()
    assert left == [server._connections[1]] * is_left
    assert server._inbox.held is not is_left


@pytest.mark.usefixtures("short_moment")
def test_an_answer_larger_than_all_that_may_be_kept_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(server_module, "MAX_KEPT", 1000)
    with Running(read_timeout=60) as running, running.connect() as slow:
        slow.sendall(post(b"", b"/large"))
        for _ in range(4):
            assert slow.recv(100000)
            assert split(running.ask(post(b"x"))) == (200, b"1 x")
            time.sleep(0.1)
        assert len(rest_of(slow)) > LARGE - 400000


@pytest.mark.usefixtures("short_moment")
def test_answers_for_which_there_is_memory_are_waited_for():
    with Running(read_timeout=60) as running, contextlib.ExitStack() as others:
        slow = [not_taking(running, others) for _ in range(3)]
        time.sleep(0.4)
        assert split(running.ask(post(b"x"))) == (200, b"1 x")
        for client in slow:
            assert len(split(rest_of(client))[1]) == LARGE


def slowly_read(client):
    """The number of bytes that come, over more than a moment."""
    count = 0
    while True:
        piece = client.recv(500000)
        if not piece:
            return count
        count += len(piece)
        time.sleep(0.02)


def rest_of_reset(connection):
    try:
        return rest_of(connection)
    except OSError:
        return b""


# --- kept connections ---------------------------------------------------------------------------------------------


def answers(connection, count):
    """So many answers from a kept connection."""
    found, data = [], b""
    while len(found) < count:
        piece = connection.recv(1 << 20)
        assert piece
        data += piece
        while b"\r\n\r\n" in data:
            head, _, rest = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            if len(rest) < length:
                break
            found.append((int(head.split()[1]), rest[:length]))
            data = rest[length:]
    assert data == b""
    return found


def test_a_kept_connection_serves_one_after_another_and_pipelined():
    with Running(keep_alive=5) as running, running.connect() as connection:
        for body in (b"a", b"bb"):
            connection.sendall(post(body))
            assert answers(connection, 1) == [(200, b"%d %s" % (len(body), body))]
        chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
        connection.sendall(post(b"1") + post(b"", b"/no") + chunked + post(b"4")[:-1])
        assert [status for status, _ in answers(connection, 3)] == [200, 404, 200]
        connection.sendall(b"4")
        assert answers(connection, 1) == [(200, b"1 4")]
        connection.sendall(post(b"last", extra=b"Connection: close\r\n") + post(b"never"))
        assert split(rest_of_reset(connection) or b"x 200\r\n\r\n6 last")[0] == 200


def test_a_client_that_has_gone_is_told_nothing_of_a_request_it_only_began():
    """Pipelined, so that its head is read when the one before is answered: to a connection that is reset."""
    begun = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with Running(keep_alive=60) as running:
        running.application.work = lambda job: time.sleep(0.2)
        for _ in range(3):
            with running.connect() as connection:
                connection.sendall(post(b"x") + begun)
        assert split(running.ask(post(b"y", extra=b"Connection: close\r\n"))) == (200, b"1 y")


def test_a_large_answer_on_a_kept_connection_and_what_follows_it():
    with Running(keep_alive=5) as running, running.connect() as connection:
        connection.sendall(post(b"", b"/large") + post(b"x"))
        (first, large), second = answers(connection, 2)
        assert (first, len(large), second) == (200, 20000000, (200, b"1 x"))


def test_rubbish_after_a_good_request_is_answered_and_ends_the_connection():
    with Running(keep_alive=5) as running, running.connect() as connection:
        connection.sendall(post(b"x") + b"rubbish\r\n\r\n")
        wire = rest_of(connection)
        assert wire.startswith(b"HTTP/1.1 200")
        assert b"HTTP/1.1 400" in wire


def test_http_1_0_is_closed_unless_it_asks():
    with Running(keep_alive=5) as running:
        assert split(running.ask(b"GET / HTTP/1.0\r\n\r\n"))[0] == 200
        with running.connect() as connection:
            connection.sendall(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert answers(connection, 1) == [(200, b"0 ")]


def test_a_kept_connection_ends_after_its_time():
    with Running(keep_alive=1) as running, running.connect() as connection:
        connection.sendall(post(b"x"))
        answers(connection, 1)
        began = time.time()
        assert rest_of(connection) == b""
        assert 0.5 < time.time() - began < 5


# --- deadlines and threads ----------------------------------------------------------------------------------------


def test_a_late_job_is_answered_by_the_server_and_its_own_answer_is_dropped():
    with Running() as running:
        go_on = threading.Event()
        running.application.late_after = 0.2
        running.application.work = lambda job: go_on.wait(10)
        began = time.time()
        assert split(running.ask(post(b"x")))[0] == 504
        assert 0.15 < time.time() - began < 5
        go_on.set()
        running.application.late_after = None
        assert split(running.ask(post(b"y"))) == (200, b"1 y")
        assert len(running.application.done) == 2


def test_a_job_in_time_is_not_answered_twice():
    with Running() as running:
        running.application.late_after = 0.3
        assert split(running.ask(post(b"x")))[0] == 200
        time.sleep(0.5)
        assert split(running.ask(post(b"y")))[0] == 200


def test_a_deadline_that_is_near_is_kept():
    with Running() as running:
        go_on = threading.Event()
        running.application.late_after = 0.01
        running.application.work = lambda job: go_on.wait(10)  # so the others never begin
        for _ in range(3):
            assert split(running.ask(post(b"x")))[0] == 504
        go_on.set()


# --- who waits on the sockets -------------------------------------------------------------------------------------


def test_others_are_answered_while_a_job_takes_long():
    with Running() as running, running.connect() as connection:
        go_on = threading.Event()
        running.application.work = lambda job: go_on.wait(10)
        for _ in range(3):
            assert split(running.ask(post(b"x", b"/no")))[0] == 404
        connection.sendall(post(b"x"))
        for _ in range(3):
            assert split(running.ask(post(b"x", b"/no")))[0] == 404
        go_on.set()
        assert split(rest_of(connection)) == (200, b"1 x")
        for _ in range(3):
            assert split(running.ask(post(b"y"))) == (200, b"1 y")


@pytest.fixture
def resting(monkeypatch):
    """A server whose own thread has stood by for long enough to rest."""
    monkeypatch.setattr(Running, "taking_turns", True)
    monkeypatch.setattr(lead_module, "RESTLESS_MOMENTS", 1)
    with Running() as running:
        for _ in range(3):
            assert split(running.ask(post(b"x"))) == (200, b"1 x")
        while not running.server._lead._rests:
            time.sleep(0.01)
        yield running


def test_a_rest_ends_with_a_job_that_takes_long(resting):
    go_on = threading.Event()
    resting.application.work = lambda job: go_on.wait(10)
    with resting.connect() as connection:
        connection.sendall(post(b"x"))
        assert split(resting.ask(post(b"x", b"/no")))[0] == 404
        go_on.set()
        assert split(rest_of(connection)) == (200, b"1 x")


def test_a_rest_ends_with_the_server(resting):
    resting.server.drain()
    resting.server._serving.release()  # for which the fixture's own ``drain`` would wait


def got_by_who_waits(idle, job, error):
    """What ``idle`` gives to who waits for a job, where ``job`` comes with an alarm whose handler raises ``error``."""
    wait = idle.next_job if Running.taking_turns else idle._inbox.get

    rings = []

    def rang(_, frame):
        rings.append(frame)
        if frame.f_code.co_name == "undisturbed" or len(rings) > 20:  # else it rings once more
            signal.setitimer(signal.ITIMER_REAL, 0)
            idle._inbox.put(job)
            raise error("too slow")

    before = signal.signal(signal.SIGALRM, rang)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        return wait()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("error", [ValueError, TimeoutError])
def test_a_model_s_alarm_that_rings_when_nothing_is_predicted_costs_nothing(idle, capfd, error):
    job = Job(idle, None, None, b"")
    assert got_by_who_waits(idle, job, error) is job
    out, err = capfd.readouterr()
    assert "a signal handler failed while there was nothing to predict" in out and "too slow" in err


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_signal_that_is_to_end_the_process_does_so(idle, error):
    with pytest.raises(error):
        got_by_who_waits(idle, ENOUGH, error)
    assert not idle._lead._lock.locked()


def test_a_wait_s_own_failure_is_not_taken_for_a_signal_s():
    with pytest.raises(TypeError):
        jobs_module.undisturbed(select.poll().poll, "no number")


def test_what_the_other_thread_has_read_waits_for_nothing(idle, monkeypatch):
    job = Job(idle, None, None, b"")
    idle._complete.append(job)
    monkeypatch.setattr(idle, "_turn", lambda most: pytest.fail("waits on the sockets"))
    assert idle.next_job() is job


def test_several_workers_do_several_jobs_at_once():
    meet = threading.Barrier(4, timeout=10)
    with Running(workers=4) as running:
        running.application.work = lambda job: meet.wait()
        found = []
        threads = [threading.Thread(target=lambda: found.append(split(running.ask(post(b"x"))))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert found == [(200, b"1 x")] * 8


# --- too many -----------------------------------------------------------------------------------------------------


def test_idle_connections_make_room(monkeypatch):
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 10)
    with Running() as running:
        idle = [running.connect() for _ in range(30)]
        assert split(running.ask(post(b"x")))[0] == 200
        for connection in idle:
            connection.close()


def test_no_more_than_so_many_wait_for_the_model(monkeypatch):
    monkeypatch.setattr(server_module, "MAX_WAITING", 3)
    with Running() as running:
        go_on = threading.Event()
        running.application.work = lambda job: go_on.wait(10)
        clients = []
        for number in range(3):
            clients.append(running.connect())
            clients[-1].sendall(post(b"x"))
            while len(running.server._away) <= number:
                time.sleep(0.01)
        assert split(running.ask(post(b"y")))[0] == 503
        assert split(running.ask(post(b"y", b"/no")))[0] == 404  # what the model isn't asked
        go_on.set()
        for client in clients:
            assert split(rest_of(client)) == (200, b"1 x")
            client.close()
        assert split(running.ask(post(b"y"))) == (200, b"1 y")


@pytest.mark.parametrize("target", [b"/", b"/large"], ids=["answered at once", "answered later"])
def test_those_who_pipeline_shut_nobody_out(monkeypatch, target):
    """All their requests are here before anybody else comes, and each is sent far more than is read in one go."""
    monkeypatch.setattr(server_module, "MAX_WAITING", 3)
    monkeypatch.setattr(server_module, "MAX_AHEAD", 2)
    ahead = post(b"x", target) + post(b"x") * 5000
    with Running(read_timeout=60, keep_alive=60) as running:
        go_on = threading.Event()
        running.application.work = lambda job: go_on.wait(10)
        clients = []
        for number in range(3):
            clients.append(running.connect())
            clients[-1].sendall(ahead)
            while len(running.server._away) <= number:
                time.sleep(0.01)
        refused = running.connect()
        refused.sendall(post(b"y") * 5000)
        wire = rest_of(refused)
        assert wire.count(b"HTTP/1.1") == wire.count(b"HTTP/1.1 503") == 1
        go_on.set()
        wire = rest_of(clients[0])
        assert wire.count(b"HTTP/1.1") == wire.count(b"Connection: close\r\n") == 1  # and it is whole
        assert wire.endswith(b"1 x" if target == b"/" else b"x" * 20000000)
        assert split(running.ask(post(b"y", extra=b"Connection: close\r\n"))) == (200, b"1 y")
        for connection in [*clients, refused]:
            connection.close()


def test_of_those_who_pipeline_what_is_refused_each_has_one_answer_a_turn():
    asked = []
    with Running(keep_alive=60) as running, running.connect() as greedy, socket.socket() as other:

        def refuse(head):
            if len(asked) == 10:  # while one of them is looked at, another client comes
                other.connect(("127.0.0.1", running.port))
                other.sendall(post(b"", b"/other"))
            asked.append(head.target)
            return error_reply(404, "no")

        running.application.refuse = refuse
        greedy.sendall(post(b"", b"/no") * 300)
        assert [status for status, _ in answers(greedy, 300)] == [404] * 300
        assert asked.count("/no") == 300 and asked.index("/other") < 15


def test_those_who_ask_one_after_the_other_are_kept_however_many_wait(monkeypatch):
    monkeypatch.setattr(server_module, "MAX_AHEAD", 0)
    with Running(keep_alive=5) as running, running.connect() as connection:
        for _ in range(3):
            connection.sendall(post(b"x"))
            assert answers(connection, 1) == [(200, b"1 x")]


def test_who_sends_no_more_gets_the_answer_however_many_wait(monkeypatch):
    monkeypatch.setattr(server_module, "MAX_AHEAD", 0)
    with Running(keep_alive=60) as running, running.connect() as connection:
        running.application.work = lambda job: time.sleep(0.2)
        connection.sendall(post(b"x"))
        connection.shutdown(socket.SHUT_WR)
        assert split(rest_of(connection)) == (200, b"1 x")


@pytest.mark.parametrize("slow_to", ["send", "take", "leave"])
def test_those_who_are_slow_shut_nobody_out(monkeypatch, slow_to):
    """However many they are, and though each moves a byte from time to time where it can."""
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 4)
    monkeypatch.setattr(server_module, "LINGER_SECONDS", 60.0)
    begun = {"send": post(b"x" * 1000)[:-999], "take": post(b"", b"/large"), "leave": b"rubbish\r\n\r\n"}[slow_to]
    with Running(read_timeout=60) as running:
        slow = [running.connect() for _ in range(5)]
        for connection in slow:
            connection.sendall(begun)
        over = threading.Event()
        trickle = threading.Thread(target=trickle_until, args=(over, slow))
        try:
            if slow_to != "take":
                trickle.start()
            time.sleep(0.2)
            for _ in range(3):
                assert split(running.ask(post(b"x"))) == (200, b"1 x")
        finally:
            over.set()
            if slow_to != "take":
                trickle.join()
            for connection in slow:
                connection.close()


def trickle_until(over, connections):
    while not over.wait(0.05):
        for connection in connections:
            send_if_heard(connection)


def send_if_heard(connection, data=b"x"):
    with contextlib.suppress(OSError):  # it may have made room
        connection.sendall(data)


def test_the_slowest_makes_room_and_who_has_just_come_does_so_last(monkeypatch):
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 3)
    monkeypatch.setattr(connection_module, "SILENT_SECONDS", 60.0)
    with Running(read_timeout=60) as running, running.connect() as fast, running.connect() as slow:
        fast.sendall(post(b"y" * 500000)[:-1])
        slow.sendall(b"GET")
        time.sleep(0.3)
        with running.connect() as fresh, running.connect():  # one too many, of whom these two have said nothing yet
            assert rest_of_reset(slow) == b""
            for client, rest in ((fast, b"y"), (fresh, post(b"z"))):
                client.sendall(rest)
                assert split(rest_of(client))[0] == 200


def test_who_is_idle_makes_room_before_the_slowest(monkeypatch):
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(connection_module, "SILENT_SECONDS", 0.1)
    with Running(read_timeout=60) as running, running.connect() as slow:
        slow.sendall(b"GET")
        time.sleep(0.1)
        with running.connect() as idle:
            time.sleep(0.3)
            with running.connect():
                assert rest_of(idle) == b""
            slow.sendall(b" / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert split(rest_of(slow))[0] == 200


def test_those_who_trickle_do_not_outlast_who_has_yet_to_speak(monkeypatch):
    """Each that comes afterwards has somebody make room, who was always the one that had said nothing yet."""
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 10)
    monkeypatch.setattr(connection_module, "SILENT_SECONDS", 60.0)
    with Running(read_timeout=60) as running, contextlib.ExitStack() as others:
        for _ in range(10):
            others.enter_context(running.connect()).sendall(b"GET")
        time.sleep(0.2)
        with running.connect() as asking:
            for _ in range(5):
                others.enter_context(running.connect()).sendall(b"GET")
            assert split(running.ask(post(b"x"))) == (200, b"1 x")
            asking.sendall(post(b"hello"))
            assert split(rest_of(asking)) == (200, b"5 hello")


def test_who_asks_on_and_on_lets_no_more_in_than_there_may_be(monkeypatch):
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 3)
    request, next_one = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost:"
    with Running(read_timeout=60, keep_alive=60) as running, running.connect() as asking:
        asking.sendall(request + next_one)  # it isn't idle, ever
        others = []
        for _ in range(20):
            assert answers(asking, 1) == [(200, b"0 ")]
            others.append(running.connect())
            others[-1].sendall(b"GET")
            time.sleep(0.01)
            asking.sendall(request[len(next_one) :] + next_one)
        found = len(running.server._connections)
        for connection in others:
            connection.close()
        assert found <= 4  # of which one may just be closed


def test_without_descriptors_idle_connections_make_room():
    with Running(read_timeout=2) as running:
        idle = running.connect()
        time.sleep(0.1)
        taken = []
        client = socket.socket()
        client.settimeout(10)
        try:
            import resource

            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 200), hard))
            try:
                while True:
                    taken.append(os.dup(0))
            except OSError:
                pass
            client.connect(("127.0.0.1", running.port))
            client.sendall(post(b"x"))
            assert split(rest_of(client)) == (200, b"1 x")
        finally:
            for descriptor in taken:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            client.close()
            idle.close()


def test_a_request_that_is_on_its_way_makes_no_room_for_others(monkeypatch):
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 1)
    with Running(read_timeout=5) as running:
        with running.connect() as connection:
            time.sleep(0.2)
            connection.sendall(post(b"x"))
            assert split(rest_of(connection)) == (200, b"1 x")
        assert split(running.ask(post(b"x"))) == (200, b"1 x")


def test_descriptors_that_the_model_gives_back_make_room(monkeypatch):
    refused = []

    class Full:
        def __init__(self, listener):
            self.fileno = listener.fileno
            self._listener = listener

        def _accept(self):
            if len(refused) < 2:
                refused.append(1)
                raise OSError(24, "Too many open files")
            return self._listener._accept()

    monkeypatch.setattr(server_module, "ACCEPT_AGAIN_SECONDS", 0.1)
    listener = listen("127.0.0.1", 0)
    server = Server(Full(listener), Application(), Inbox(), 1000, 5)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        with socket.create_connection(listener.getsockname(), 10) as connection:
            connection.sendall(post(b"x", b"/no"))
            assert split(rest_of(connection))[0] == 404
    finally:
        server.drain()
        thread.join(10)
        for one in (listener, server._waker, server._woken):
            one.close()
    assert refused == [1, 1]


def test_the_end_waits_for_answers_and_closes_the_idle():
    running = Running(keep_alive=60)
    idle = running.connect()
    running.application.work = lambda job: time.sleep(0.3)
    with running.connect() as connection:
        connection.sendall(post(b"x"))
        time.sleep(0.1)
        with running:
            pass
        assert split(rest_of(connection)) == (200, b"1 x")
    assert rest_of(idle) == b""
    idle.close()


def test_the_end_waits_for_a_request_that_is_still_coming():
    running = Running()
    with running.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")
        time.sleep(0.1)
        running.server.stop()
        time.sleep(0.1)
        connection.sendall(b"bc")
        with running:
            pass
        assert split(rest_of(connection)) == (200, b"3 abc")


def test_no_client_s_bytes_put_the_end_off(monkeypatch):
    monkeypatch.setattr(server_module, "LAST_SECONDS", 0.3)
    running = Running(read_timeout=60)
    with running.connect() as connection:
        connection.sendall(post(b"x" * 8000)[:-8000])
        time.sleep(0.1)
        running.server.stop()
        for _ in range(20):  # twice as fast as who is waited for
            send_if_heard(connection, b"x" * 400)
            time.sleep(0.05)
        assert split(rest_of_reset(connection))[0] == 408
    with running:
        pass


def test_the_end_waits_for_an_answer_that_does_not_fit_into_the_socket():
    running = Running(workers=2)
    running.application.work = lambda job: time.sleep(0.2)
    with running.connect() as connection:
        connection.sendall(post(b"x", b"/large"))
        time.sleep(0.1)
        running.server.stop()
        status, body = split(rest_of(connection))
        assert (status, len(body)) == (200, 20000000)
    with running:
        pass


def test_a_connection_kept_while_the_end_comes_is_closed_with_its_answer():
    running = Running(keep_alive=60)
    with running.connect() as connection:
        connection.sendall(post(b"x", b"/large"))
        time.sleep(0.3)  # most of the answer is still to be written
        running.server.stop()
        assert split(rest_of(connection))[0] == 200
    with running:
        pass


def test_a_fault_of_the_server_s_own_ends_the_process(idle, monkeypatch, capfd):
    def end(status):
        raise SystemExit(status)  # as nothing else that the thread does

    monkeypatch.setattr(server_module.os, "_exit", end)
    monkeypatch.setattr(idle, "_attend", lambda ready: 1 // 0)
    idle._wake()
    with pytest.raises(SystemExit, match=r"^70$"):
        (idle.next_job if Running.taking_turns else idle.serve)()
    assert "ZeroDivisionError" in capfd.readouterr()[1]


@pytest.fixture
def idle():
    """A server that nobody runs yet."""
    listener = listen("127.0.0.1", 0)
    server = Server(listener, Application(), Inbox(), 1000, 5, 5)
    yield server
    listener.close()
    server._waker.close()
    server._woken.close()


@contextlib.contextmanager
def taking_nothing():
    """Our end of a connection that earlier answers have filled."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                ours.send(bytes(65536))
        yield ours


@contextlib.contextmanager
def asking(server, many):
    """Clients of a server that nobody runs, all accepted."""
    with contextlib.ExitStack() as clients:
        made = [clients.enter_context(socket.socket()) for _ in range(many)]
        for client in made:
            client.connect(server._listener.getsockname())
            client.settimeout(10)
            server._turn()
        try:
            yield made
        finally:
            server._take_back()
            for known in list(server._connections.values()):
                server._close(known)


def test_those_who_are_refused_do_not_wait_for_the_model(idle, monkeypatch):
    """All of them ask within one turn, before the one who asks the model."""
    monkeypatch.setattr(server_module, "MAX_WAITING", 2)
    with asking(idle, 7) as clients:
        for client in clients[:-3]:
            client.sendall(post(b"", b"/no"))
        for client in clients[-3:]:
            client.sendall(post(b"x"))
        idle._turn()
        assert [answers(client, 1)[0][0] for client in clients[:-3]] == [404] * 4
        assert [len(idle._complete), idle._complete[0].body, idle._complete[1].body] == [2, b"x", b"x"]
        assert answers(clients[-1], 1)[0][0] == 503
        for job in idle._complete:
            job.drop()


def test_those_who_are_refused_are_counted_when_others_come(idle, monkeypatch):
    """Whenever somebody comes, these have just been answered."""
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 3)
    monkeypatch.setattr(server_module, "MAX_AHEAD", 100)
    with asking(idle, 3) as clients, contextlib.ExitStack() as others:
        for _ in range(5):
            for client in clients:
                send_if_heard(client, post(b"", b"/no"))
            others.enter_context(socket.socket()).connect(idle._listener.getsockname())
            idle._turn()
            assert len(idle._connections) + len(idle._away) == 3


def test_in_a_turn_as_many_may_come_as_others_are_attended_to(idle):
    with asking(idle, 2) as clients, contextlib.ExitStack() as others:
        for client in clients:
            client.sendall(b"GET")
        for _ in range(4):
            others.enter_context(socket.socket()).connect(idle._listener.getsockname())
        idle._turn()
        assert len(idle._connections) == 2 + 3
        idle._turn()
        assert len(idle._connections) == 2 + 4


def test_a_client_that_left_before_it_was_accepted(idle):
    """poll() says that somebody is there, and then nobody is."""
    idle._accept()
    assert not idle._connections


@pytest.mark.parametrize("without_descriptors", [False, True], ids=["from the start", "after a lack of descriptors"])
def test_whose_bytes_have_come_is_not_taken_for_idle(idle, monkeypatch, without_descriptors):
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(connection_module, "SILENT_SECONDS", 0.0)
    with contextlib.ExitStack() as clients:
        slow, asking, late = [clients.enter_context(socket.socket()) for _ in range(3)]
        slow.connect(idle._listener.getsockname())
        slow.sendall(b"GET")
        idle._turn()
        asking.connect(idle._listener.getsockname())
        idle._turn()
        if without_descriptors:
            idle._accept_more(False)
            idle._accept_more(True)
        asking.sendall(b"GET")
        late.connect(idle._listener.getsockname())
        idle._turn()  # which finds both
        slow.settimeout(10)
        assert slow.recv(1) == b""
        for known in list(idle._connections.values()):
            idle._close(known)


def test_it_may_be_woken_for_nothing_and_any_number_of_times(idle):
    idle._take_back()
    with pytest.raises(BlockingIOError):
        while True:
            idle._waker.send(bytes(65536))
    idle._wake()
    assert idle._woken.recv(10) == bytes(10)


def test_a_connection_that_made_room_within_the_turn_is_left_alone(idle):
    with socket.create_connection(idle._listener.getsockname(), 10):
        idle._attend([idle._listener.fileno()])
        (descriptor,) = idle._connections
        idle._make_room()
        assert not idle._connections
        idle._attend([descriptor])  # poll() had told of it before
        assert not idle._connections


def test_a_refusal_of_a_client_that_has_gone(idle):
    ours, theirs = socket.socketpair()
    theirs.close()
    connection = Connection(ours, "192.0.2.7", None, 0)
    idle._connections[connection.descriptor] = connection
    idle._poll.register(connection.descriptor, select.POLLIN)
    idle._refuse(connection, Refused(None, error_reply(400, "no")))
    assert not idle._connections
    assert ours.fileno() == -1


def test_a_client_that_has_gone_is_not_read_on(idle):
    ours = socket.socket()  # never connected: shutdown fails as after a reset
    connection = Connection(ours, "192.0.2.7", None, 0)
    idle._connections[connection.descriptor] = connection
    idle._poll.register(connection.descriptor, select.POLLIN)
    idle._read_no_more(connection)
    assert not idle._connections
    assert ours.fileno() == -1


def test_an_answer_to_a_client_whose_connection_takes_nothing(idle):
    """As when earlier answers fill it: all of it is written later."""
    with taking_nothing() as ours:
        connection = Connection(ours, "192.0.2.7", None, 0)
        idle.reply(connection, parse_head(b"GET / HTTP/1.1\r\nHost: x"), Reply(200, [], b"hello"))
        assert connection.state == Connection.WRITING
        assert b"".join(bytes(piece) for piece in connection.out).endswith(b"\r\n\r\nhello")


def test_the_end_waits_for_a_refusal_that_its_client_is_slow_to_take(idle):
    with taking_nothing() as ours:
        connection = Connection(ours, "192.0.2.7", None, 0)
        idle._connections[connection.descriptor] = connection
        idle._poll.register(connection.descriptor, select.POLLIN)
        idle.stop()
        idle._refuse(connection, Refused(parse_head(b"GET / HTTP/1.1\r\nHost: x"), error_reply(404, "no"), True))
        assert not idle._over()
        idle._take_back()
        assert not idle._over()
        assert idle._connections[connection.descriptor].state == Connection.WRITING


def test_a_wait_for_a_job_is_a_series_of_short_ones(monkeypatch):
    """A signal that comes just before the wait is heard after it, so it must end."""
    monkeypatch.setattr(jobs_module, "SIGNAL_SECONDS", 0.01)
    inbox = Inbox()
    thread = threading.Timer(0.1, inbox._jobs.append, ["told without a wake"])
    thread.start()
    assert inbox.get() == "told without a wake"
    thread.join()


def test_after_a_stop_of_the_process_its_clients_have_their_time_anew(monkeypatch):
    """Here a wait that takes longer than it may tells of one; tests/faults stops a real process."""
    monkeypatch.setattr(server_module, "STOPPED_SECONDS", -1.0)
    with Running(read_timeout=1) as running, running.connect() as connection:
        for piece in (b"POST / HTTP/1.1\r\n", b"Host: x\r\nContent-", b"Length: 3\r\n\r\n", b"abc"):
            connection.sendall(piece)
            time.sleep(0.5)  # two seconds in all, where one may be taken
        assert split(rest_of(connection)) == (200, b"3 abc")
