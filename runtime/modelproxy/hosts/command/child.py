"""A command as a child process: its start, its streams, how it ended, and the end of all that it started."""

import binascii
import os
import select
import signal
import subprocess
import threading
import time
from collections import deque
from time import monotonic

from ... import log
from .. import Unloadable
from . import ports

MARK = "MODELWHISK_COMMAND"  # the variable by which a daemon is known
TAIL_LINES = 20
TAIL_CHARACTERS = 2000
_ATOMIC = 4096  # PIPE_BUF: what is written to a pipe at once isn't torn apart by another thread's line
_LONGEST_LINE = 65536

_children = {}  # pid → Child, of those that run
_children_lock = threading.Lock()


class Child:
    """``status`` is None while it runs, then as ``os.waitpid`` has it; ``broken`` where it is to be replaced."""

    def __init__(self, words, environ):
        """Starts it. Raises ``Unloadable`` where there is no such command."""
        self.status = None
        self.ended = 0.0
        self.broken = False
        self._stopping = False
        self.output = Output()
        # `kill 0` in a script must not reach us. But where we lead a group, and aren't all that there is, who pauses or
        # kills us as a group means the command too (`modelwhisk local` without docker).
        apart = os.getpid() == 1 or os.getpgrp() != os.getpid()
        environ, self._mark = _marked(environ)
        with _children_lock:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the image's own command
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=self.output.theirs[0],
                    stderr=self.output.theirs[1],
                    env=environ,
                    start_new_session=apart,
                )
            except (OSError, ValueError) as error:
                raise Unloadable("%s can't be started: %s" % (words[0], error)) from None
            finally:
                self.output.begin()
            self.pid = self._process.pid
            _children[self.pid] = self
        threading.Thread(target=_reap, args=(self.pid,), daemon=True).start()

    def family(self):
        """The pids of all that it is or started, as far as can be told."""
        pid = self.pid if self.status is None else 0
        return ports.family(pid, self._mark) if ports.are_known() else {pid} - {0}

    def listeners(self, sockets):
        """Those of ``sockets`` that it holds, or what it started, as far as can be told."""
        family = self.family()
        held, all_seen = ports.of_processes(sockets, family)
        return held if held or all_seen else ports.of_nobody(sockets, family)

    def wait(self, seconds):
        """True once it has ended; waits that long for it."""
        end = monotonic() + seconds
        while self.status is None and monotonic() < end:
            time.sleep(0.005)
        return self.status is not None

    def stop(self, patience):
        """Ends it and all that it started: asks, and after ``patience`` seconds doesn't ask any more."""
        self._stopping = True
        self._tell(signal.SIGTERM, patience) or self._tell(signal.SIGKILL, 1)
        self.output.drain()

    def _tell(self, number, patience):
        end, told, pause = monotonic() + patience, set(), 0.005
        while True:
            members = self.family()
            for pid in members - told:
                try:
                    os.kill(pid, number)
                except OSError:  # it has ended, or belongs to another user
                    pass
            told |= members
            if not members or monotonic() >= end:
                return not members
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def how_it_ended(self):
        if os.WIFSIGNALED(self.status):
            number = os.WTERMSIG(self.status)
            try:
                name = signal.Signals(number).name
            except ValueError:  # a real-time signal
                name = "signal"
            hint = ", perhaps for want of memory" if number == signal.SIGKILL else ""
            return "was ended by %s (%d%s)" % (name, number, hint)
        return "ended with exit status %d" % os.WEXITSTATUS(self.status)

    def end(self, status):
        """In the thread that waits for it."""
        self.ended = monotonic()
        # Popen mustn't wait for it as well.
        self._process.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        self.output.drain()
        self.status = status
        if not self._stopping:
            log.line("the command %s" % self.how_it_ended())


def _marked(environ):
    """The environment with a mark, and the mark. A container's first process needs none: daemons are its children."""
    if os.getpid() == 1:
        return environ, None
    value = binascii.b2a_hex(os.urandom(8)).decode("ascii")
    return dict(environ, **{MARK: value}), ("%s=%s" % (MARK, value)).encode("ascii")


def _reap(pid):
    """Waits for a child. As a container's first process, which gets the orphans of all others, for those too."""
    every = os.getpid() == 1
    while True:
        try:
            ended, status = os.waitpid(-1 if every else pid, 0)
        except ChildProcessError:
            return
        with _children_lock:
            child = _children.pop(ended, None)
        if child is not None:
            child.end(status)
        if not every:
            return


class Output:
    """A child's stdout and stderr, passed on to ours in whole lines: the platform's markers must begin one."""

    def __init__(self):
        self._lines = deque(maxlen=TAIL_LINES)
        self._lock = threading.Lock()
        self._poll = select.poll()
        self._streams = {}  # our end of a pipe → [our own stream, what of a line has come]
        self.theirs = []
        for own in (1, 2):
            ours, theirs = os.pipe()
            os.set_blocking(ours, False)
            self._poll.register(ours, select.POLLIN)
            self._streams[ours] = [own, b""]
            self.theirs.append(theirs)

    def begin(self):
        """Called once the child has its ends of the pipes."""
        for theirs in self.theirs:
            os.close(theirs)
        threading.Thread(target=self._pump, daemon=True).start()

    def tail(self):
        """The last lines, as one text."""
        text = b" | ".join(self._lines).decode("utf-8", "replace")
        return text[-TAIL_CHARACTERS:]

    def drain(self):
        """Passes on all that has been written, the beginning of a line as a line: what was printed while an activation
        ran belongs before its marker."""
        with self._lock:
            for ours, stream in self._streams.items():
                self._pass_on(ours)
                if stream[1]:
                    self._emit(stream[0], stream[1] + b"\n")
                    stream[1] = b""

    def _pump(self):
        """Ends when nobody has the other ends any more: that may be long after the child, which may have children."""
        while self._streams:
            for ours, _ in self._poll.poll():
                with self._lock:
                    if self._pass_on(ours):
                        continue
                    own, rest = self._streams.pop(ours)
                    if rest:
                        self._emit(own, rest + b"\n")
                    self._poll.unregister(ours)
                    os.close(ours)

    def _pass_on(self, ours):
        """False at the end of the stream. Reads as much as a pipe holds."""
        try:
            data = os.read(ours, 65536)
        except BlockingIOError:
            return True
        stream = self._streams[ours]
        whole, end, rest = (stream[1] + data).rpartition(b"\n")
        if len(rest) > _LONGEST_LINE:
            whole, end, rest = whole + end + rest, b"\n", b""
        stream[1] = rest
        if end:
            self._emit(stream[0], whole + end)
        return bool(data)

    def _emit(self, own, data):
        data = log.unmarked(data)  # an access log has the caller's words
        self._lines.extend(data[:-1].split(b"\n")[-TAIL_LINES:])
        while data:
            cut = data.rfind(b"\n", 0, _ATOMIC) + 1 or data.find(b"\n", _ATOMIC) + 1
            log.write(own, data[:cut])
            data = data[cut:]
