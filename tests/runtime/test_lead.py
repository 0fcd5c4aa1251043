"""Who has the lead, without any sockets: two threads that take turns."""

import threading
import time

import pytest
from modelproxy import lead as lead_module
from modelproxy.lead import Lead


@pytest.fixture
def lead():
    return Lead()


@pytest.fixture
def stands_by(lead, monkeypatch):
    """Starts the server's own thread, which stands by; an event tells that it is to take the lead."""
    monkeypatch.setattr(lead_module, "MOMENT_SECONDS", 0.01)
    monkeypatch.setattr(lead_module, "RESTLESS_MOMENTS", 2)
    over = threading.Event()

    def stand_by():
        lead.stand_by()
        over.set()

    threads = []

    def start():
        threads.append(threading.Thread(target=stand_by, daemon=True))
        threads[0].start()
        return over

    yield start
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def no_need():
    raise AssertionError("nobody else has the lead")


def test_who_stands_by_is_needed_by_a_job_that_takes_longer_than_a_moment(lead, stands_by):
    lead.take(no_need)
    over = stands_by()
    for _ in range(3):  # jobs that take no time
        lead.leave()
        lead.take(no_need)
        time.sleep(0.005)
    assert not over.is_set()
    lead.leave()
    assert over.wait(10)


def test_a_rest_ends_with_a_job(lead, stands_by):
    lead.take(no_need)
    over = stands_by()
    while not lead._rests:
        time.sleep(0.001)
    time.sleep(0.1)
    assert not over.is_set()
    lead.leave()
    assert over.wait(10)


@pytest.mark.parametrize("rests", [False, True])
def test_a_hurry_ends_it_at_once(lead, stands_by, monkeypatch, rests):
    lead.take(no_need)
    over = stands_by()
    while lead._rests != rests:
        time.sleep(0.001)
    lead.hurry()
    lead.hurry()
    assert over.wait(10)
    with_lead = threading.Thread(target=lead.__enter__)
    with_lead.start()
    lead.leave()
    with_lead.join(10)
    assert not lead._urgent
    lead.__exit__()


def test_the_lead_is_asked_for_and_signals_are_heard_meanwhile(lead, monkeypatch):
    monkeypatch.setattr(lead_module, "SIGNAL_SECONDS", 0.01)
    asked, taken = threading.Event(), threading.Event()

    def take():
        lead.take(asked.set)
        taken.set()

    with lead:
        thread = threading.Thread(target=take)
        thread.start()
        assert asked.wait(10)
        assert lead.wanted
        assert not taken.wait(0.1)
    thread.join(10)
    assert taken.is_set()
    assert not lead.wanted
