"""The parts of the beginning and the end of the process that end it, where no measurement could see them run: with
stand-ins for what ends it. test_process.py has the real ends.
"""

import importlib.util
import os
import signal
import sys

import pytest
from modelproxy import jobs, serving
from modelproxy.jobs import Job

from proxy_process import RUNTIME


def test_what_children_of_multiprocessing_import_as_their_main_starts_nothing():
    spec = importlib.util.spec_from_file_location("__mp_main__", os.path.join(RUNTIME, "__main__.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert callable(module.main)


def test_the_end_runs_what_was_registered_and_waits_for_nobody(monkeypatch, capfd):
    import atexit

    order = []
    monkeypatch.setattr(atexit, "_run_exitfuncs", lambda: order.append("registered"))
    monkeypatch.setattr(serving.os, "_exit", order.append)
    serving._end(3)
    assert order == ["registered", 3]
    assert capfd.readouterr()[0] == "modelproxy: ended\n"


class Server:
    def __init__(self):
        self.stopped = 0

    def stop(self):
        self.stopped += 1


@pytest.fixture
def handlers(monkeypatch):
    """The handlers that were set, in order, instead of setting them."""
    found = []
    monkeypatch.setattr(serving.signal, "signal", lambda number, handler: found.append((number, handler)))
    return found


def test_sigterm_stops_the_server(handlers):
    server = Server()
    serving.Ending(server).asked(signal.SIGTERM, None)
    assert (server.stopped, handlers) == (1, [])


def test_a_second_ctrl_c_interrupts(handlers):
    server = Server()
    serving.Ending(server).asked(signal.SIGINT, None)
    assert (server.stopped, handlers) == (1, [(signal.SIGINT, signal.default_int_handler)])


def test_a_forked_child_ends_as_any_process(handlers, monkeypatch):
    server, killed = Server(), []
    ending = serving.Ending(server)
    child = os.getpid() + 1
    monkeypatch.setattr(serving.os, "getpid", lambda: child)
    monkeypatch.setattr(serving.os, "kill", lambda process, number: killed.append((process, number)))
    ending.asked(signal.SIGTERM, None)
    assert server.stopped == 0
    assert handlers == [(signal.SIGTERM, signal.SIG_DFL)]
    assert killed == [(child, signal.SIGTERM)]


class Ended(BaseException):
    pass


def test_a_forked_child_that_comes_out_of_a_prediction_ends_without_an_answer(monkeypatch):
    def end(status):
        raise Ended(status)

    job = Job(None, None, None, b"")
    monkeypatch.setattr(jobs.os, "getpid", lambda: -1)
    monkeypatch.setattr(jobs.os, "_exit", end)
    with pytest.raises(Ended) as ended:
        job.claim()
    assert ended.value.args == (0,)
    assert not job.answered


@pytest.mark.parametrize("before", [[], ["/elsewhere"], [serving.FOLDER_OF_OURS, "/elsewhere"]])
def test_the_model_s_folder_comes_first_and_ours_is_gone(before, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(before))
    monkeypatch.setenv("MODELPROXY_PATH", "/x")
    monkeypatch.setenv("MODELPROX", "kept")
    serving._leave_the_process_to_the_model()
    assert sys.path == [os.getcwd()] + [path for path in before if path == "/elsewhere"]
    assert "MODELPROXY_PATH" not in os.environ
    assert os.environ["MODELPROX"] == "kept"
