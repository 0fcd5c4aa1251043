import contextlib
import gc
import sys
import threading
import time
import weakref

import pytest
from modelproxy.drift.runs import Runs
from modelproxy.drift.workers import Busy, Late, Workers


def raising(error):
    def function(**_):
        raise error

    return function


def test_what_is_returned_and_raised():
    workers = Workers(1)
    assert [workers.call(lambda number=number: number * 2, 10) for number in range(20)] == list(range(0, 40, 2))
    for error in (ValueError("no"), SystemExit(3), MemoryError(), KeyboardInterrupt(), RecursionError()):
        with pytest.raises(type(error)):
            workers.call(raising(error), 10)
    names = {workers.call(threading.get_ident, 10) for _ in range(10)}
    assert len(names) == 1 and threading.get_ident() not in names


def test_what_is_late_goes_on_and_others_are_told_since_when():
    workers, ended, done = Workers(1), threading.Event(), threading.Event()

    def slow():
        ended.wait(20)
        done.set()

    with pytest.raises(Late):
        workers.call(slow, 0.01)
    with pytest.raises(Busy) as busy:
        workers.call(lambda: 1, 10)
    assert busy.value.since > 0
    ended.set()
    done.wait(20)
    while True:
        try:
            assert workers.call(lambda: 5, 10) == 5
            break
        except Busy:
            continue


def test_what_failed_is_free_without_a_collection():
    class Held(list):
        pass

    workers, refs = Workers(1), []

    def fails():
        held = Held()
        refs.append(weakref.ref(held))
        raise ValueError

    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            workers.call(fails, 10)
        end = time.time() + 10
        while refs[0]() is not None:  # the thread lets go of it in its own time
            assert time.time() < end
    finally:
        gc.enable()


def test_what_is_late_is_waited_for():
    workers, told, ended = Workers(1), threading.Event(), []
    workers.wait(None)
    with pytest.raises(Late):
        workers.call(lambda: told.wait(20) and ended.append(1), 0.0)
    workers.wait(told.set)
    assert ended == [1]
    workers.wait(None)


def test_a_thread_that_cant_be_started_is_not_at_work(monkeypatch):
    workers = Workers(1)
    with monkeypatch.context() as without:
        without.setattr("modelproxy.drift.workers.Thread", raising(RuntimeError("can't start new thread")))
        with pytest.raises(RuntimeError):
            workers.call(lambda: 1, 10)
    assert workers.call(lambda: 5, 10) == 5


def test_as_many_at_one_time_as_there_may_be():
    workers, barrier = Workers(4), threading.Barrier(4)
    found = []
    threads = [threading.Thread(target=lambda: found.append(workers.call(barrier.wait, 20))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(found) == [0, 1, 2, 3]


@pytest.mark.parametrize("several", [False, True])
def test_values_between_begin_and_taken(several):
    runs = Runs(several)
    runs.add(1)
    assert runs.taken() == []
    runs.begin()
    for number in range(100):
        runs.add(number)
    assert runs.taken() == list(range(64))
    runs.add(2)
    assert runs.taken() == []


@pytest.mark.parametrize("old", [False, True])
def test_values_belong_to_their_own_request(monkeypatch, old):
    if old:
        monkeypatch.setitem(sys.modules, "contextvars", None)
    runs, barrier, found = Runs(True), threading.Barrier(8), {}

    def request(number):
        runs.begin()
        barrier.wait(20)
        for _ in range(3):
            runs.add(number)
        barrier.wait(20)
        found[number] = runs.taken()

    threads = [threading.Thread(target=request, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == {number: [number] * 3 for number in range(8)}


def test_one_at_a_time_whichever_thread_computes():
    runs = Runs(False)
    runs.begin()
    thread = threading.Thread(target=runs.add, args=(7,))
    thread.start()
    thread.join(20)
    assert runs.taken() == [7]


@pytest.mark.skipif(sys.version_info < (3, 7), reason="contexts are new in Python 3.7")
def test_threads_of_asyncio_have_the_context_of_their_request():
    import asyncio

    runs = Runs(True)

    async def handled(number):
        runs.begin()
        await asyncio.sleep(0)
        await asyncio.get_event_loop().run_in_executor(
            None, __import__("contextvars").copy_context().run, runs.add, number
        )
        return runs.taken()

    async def all_of_them():
        return await asyncio.gather(*[handled(number) for number in range(5)])

    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(all_of_them()) == [[number] for number in range(5)]
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
