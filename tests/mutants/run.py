"""Mutation testing of the proxy's pure modules: `scripts/test.sh mutants [MODULE]...`

Each mutant is tried in a process of its own, forked from this one, which has imported all that the tests need but the
proxy: a fifth of a second instead of several. Its time is counted in seconds of CPU, so that a busy machine kills none.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.util
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import h11  # noqa: F401
import hypothesis
import msgpack  # noqa: F401
import numpy  # noqa: F401
import pytest
from equivalents import EQUIVALENTS
from mutations import Mutant, mutants_of
from score import Score, table, verdict
from targets import CHECKOUT, TARGETS, Target

PASSED = 0

EXAMPLES = 25  # of each property
# Over whatever a test or conftest.py says.
SETTINGS = {
    "max_examples": EXAMPLES,
    "derandomize": True,
    "database": None,
    "deadline": None,
    "phases": [hypothesis.Phase.explicit, hypothesis.Phase.generate],  # one counterexample will do, however long
}
STILL = 4  # seconds of sleep without any work after which a mutant waits for what never comes


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a source of our own."""

    def __init__(self, target: Target, source: str) -> None:
        self._target = target
        self._source = source

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name != self._target.module:
            return None
        return importlib.util.spec_from_file_location(name, self._target.source, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, str(self._target.source), "exec"), module.__dict__)


def _few_examples() -> None:
    settings = hypothesis.settings
    as_told = settings.__init__

    def few(self: hypothesis.settings, *arguments: object, **options: object) -> None:
        as_told(self, *arguments, **{**options, **SETTINGS})  # type: ignore[arg-type]

    settings.__init__ = few  # type: ignore[method-assign,assignment]


def start(target: Target, source: str, cpu_seconds: int) -> int:
    """The pid of a process that runs the target's tests on ``source``; its status is pytest's."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nothing, descriptor)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))  # some mutants ask for all the memory there is
        sys.meta_path.insert(0, Mutated(target, source))
        _few_examples()
        configuration = str(CHECKOUT / "tests" / "runtime" / "pytest.ini")
        # Only the plugin that pytest.ini has a setting of: the others cost more than the tests.
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        options = ["-x", "-q", "--tb=no", "--assert=plain", "--timeout=0"]
        options += ["-p", "pytest_timeout", "-p", "no:unraisableexception"]
        status = int(pytest.main([*options, "-c", configuration, *target.test_files]))
    finally:
        os._exit(status)


class Stillness:
    """Ends processes that wait for ever. One that a busy machine lets wait for a processor isn't asleep."""

    def __init__(self) -> None:
        self._since: dict[int, tuple[str, float]] = {}
        self._looked = 0.0

    def end(self, pids: Iterable[int]) -> None:
        """Looks at them, every half second however often it is called (Linux: proc(5), /proc/pid/stat)."""
        now = time.monotonic()
        if now - self._looked < 0.5:
            return
        self._looked = now
        for pid in pids:
            state, *fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(") ")[2].split()
            work = " ".join([state, *fields[10:12]])  # with the seconds of CPU in user and in kernel mode
            known, since = self._since.get(pid, ("", now))
            if state != "S" or work != known:
                self._since[pid] = work, now
            elif now - since > STILL:
                os.kill(pid, signal.SIGKILL)


def survivors(target: Target, mutants: Sequence[Mutant], cpu_seconds: int, jobs: int) -> Iterator[Mutant]:
    """Those whose tests pass."""
    waiting, running, stillness = list(reversed(mutants)), dict[int, Mutant](), Stillness()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[start(target, mutant.source, cpu_seconds)] = mutant
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            time.sleep(0.01)
            stillness.end(running)
            continue
        mutant = running.pop(pid)
        if status == PASSED:
            yield mutant


def check(target: Target, jobs: int) -> Score:
    """Tries a module's mutants; prints each survivor that nothing explains."""
    source = target.source.read_text("utf-8")
    began = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _, status = os.waitpid(start(target, source, 600), 0)
    if status != PASSED:
        print(f"{target.path}: its tests fail as it is", flush=True)
        return Score(target.path, broken=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = 1 + 2 * math.ceil(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    mutants = list(mutants_of(source))
    score = Score(target.path, len(mutants))
    unseen = {key for key in EQUIVALENTS if key[0] == target.path}
    for mutant in survivors(target, mutants, cpu_seconds, jobs):
        key = (target.path, mutant.before, mutant.after)
        unseen.discard(key)
        if key in EQUIVALENTS:
            score.explained += 1
        else:
            score.unexplained += 1
            print(f"{target.path}:{mutant.line} survived\n  - {mutant.before}\n  + {mutant.after}", flush=True)
    score.useless = len(unseen)
    for _, old, new in unseen:
        print(f"{target.path}: no such mutant survives, so it is no equivalent\n  - {old}\n  + {new}", flush=True)
    seconds = time.monotonic() - began
    print(f"{target.path}: {score.killed} of {score.mutants} mutants killed, in {seconds:.0f} s", flush=True)
    return score


def main() -> int:
    """Prints each survivor that equivalents.py doesn't explain, and a table of all."""
    parser = argparse.ArgumentParser(prog="scripts/test.sh mutants")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="as http1 or formats/multipart; default: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    chosen = [target for target in TARGETS if not options.modules or target.path in options.modules]
    if unknown := set(options.modules) - {target.path for target in TARGETS}:
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    scores = [check(target, options.jobs) for target in chosen]
    wrong = verdict(scores, whole=len(chosen) == len(TARGETS))
    print("", table(scores), *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
