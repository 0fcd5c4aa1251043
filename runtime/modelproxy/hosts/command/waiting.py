"""From a started command to the port on which it answers."""

import os
import time
from time import monotonic

from ... import log
from ...messages import Request
from .. import Unloadable
from . import ports
from .command_line import OPENBAYES_PORT, is_script
from .http_exchange import BadAnswer, connect, exchange

# Where servers listen that aren't told otherwise: gunicorn and uvicorn, Flask, web servers, application servers, Node.
USUAL_PORTS = (8000, 5000, 80, 8080, 3000)

SETTLING = 0.25  # seconds after which no better port is expected
DAEMON_PATIENCE = 5.0  # seconds for a daemon to listen, after the command that made it has ended well
HINT_AFTER = 10.0
SILENCES = 20  # connections closed without a word after which requests may see for themselves

# Any answer tells that the server is ready: gunicorn listens long before its workers have imported the model.
_PROBE = Request("HEAD", "/", headers=[("host", "localhost"), ("user-agent", "modelproxy")])


class Waiting:
    """For one start of a command.

    before    ``ports.listening()`` from before the start.
    offered   the ``PORT`` that it was given.
    """

    def __init__(self, child, before, settings, offered):
        self._child = child
        self._before = before
        self._told = settings.command_port
        self._own = settings.port
        self._offered = offered
        self._order = (OPENBAYES_PORT, offered) if is_script(settings.target) else (offered,) + USUAL_PORTS
        self._refuted = set()  # names of sockets that don't speak HTTP
        self._began = monotonic()
        self._hinted = False

    def listener(self):
        """The ``Listener`` that answers. Raises ``Unloadable`` where there won't be one; else waits as long as it
        takes: the platform has a limit of its own."""
        silences = 0
        while True:
            listener = self._found()
            try:
                exchange(connect(listener.addresses, listener.port), _PROBE)
                return listener
            except BadAnswer as error:
                if not error.silent:
                    self._refute(listener, error)
                    continue
                silences += 1
            except OSError:  # it doesn't listen any more
                pass
            if silences > SILENCES:
                return listener
            self._check()
            time.sleep(0.1)

    def _refute(self, listener, error):
        what = "what listens on %s %s" % (listener, error)
        if self._told:
            raise Unloadable(what)
        log.line(what)
        self._refuted.add(listener.name)

    def _found(self):
        """The best of what listens, once no better is to be expected."""
        seen, since, pause = set(), 0.0, 0.004
        while True:
            candidates = self._candidates()
            if {listener.name for listener in candidates} != seen:
                seen, since = {listener.name for listener in candidates}, monotonic()
            if candidates:
                best = min(candidates, key=self._rank)
                is_certain = self._told or (best.port in self._order and not best.is_inward)
                if is_certain or monotonic() - since >= SETTLING:
                    return best
            else:
                self._check()
            time.sleep(pause)
            pause = min(pause * 1.25, 0.05)

    def _rank(self, listener):
        known = self._order.index(listener.port) if listener.port in self._order else len(self._order)
        return listener.is_inward, known, listener.port, ":" in listener.address

    def _candidates(self):
        if not ports.are_known():
            return [ports.Listener("0.0.0.0", self._told or self._offered)]
        now = ports.listening()
        new = {
            name: listener
            for name, listener in now.items()
            if name not in self._before and name not in self._refuted and self._told in (0, listener.port)
        }
        return self._child.listeners(new) if new else []

    def _check(self):
        """Raises ``Unloadable`` where nothing will listen any more."""
        child = self._child
        if child.status is None or (child.status == 0 and self._may_be_a_daemon()):
            if not self._hinted and monotonic() - self._began > HINT_AFTER:
                self._hinted = True
                log.line(
                    "the command hasn't opened a TCP port yet%s; a Unix socket isn't looked for, nor another's port"
                    % (" %d" % self._told if self._told else "")
                )
            return
        child.output.drain()
        raise Unloadable(
            "the command %s before it answered on a port%s; its last lines: %s"
            % (child.how_it_ended(), self._hint(child.output.tail().lower()), child.output.tail() or "none")
        )

    def _may_be_a_daemon(self):
        # Twice: who forked and ended while the processes were looked through may be missed, and its child with it.
        if self._child.family() or self._child.family():
            return True
        return os.getpid() != 1 and monotonic() - self._child.ended < DAEMON_PATIENCE

    def _hint(self, said):
        if "in use" in said or "eaddrinuse" in said:
            return (
                ". A port that it wants is taken; the proxy itself has %d. Have the command listen elsewhere (it is "
                "given PORT=%d), or the proxy with MODELPROXY_PORT" % (self._own, self._offered)
            )
        if "denied" in said or "eacces" in said or "not permitted" in said:
            return (
                ". Ports below 1024 may need root, or net.ipv4.ip_unprivileged_port_start=0 (it is given PORT=%d)"
                % self._offered
            )
        return ""
