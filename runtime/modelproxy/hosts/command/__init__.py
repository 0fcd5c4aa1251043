"""Serves whatever listens on a TCP port: starts a command as a child, waits until it answers, passes requests on.

The command is the model's image's own (ENTRYPOINT and CMD), a ``start.sh`` as OpenBayes runs it (model-interfaces.md,
section 4), or a command line. It is started again by the next call where it has ended.
"""

import _thread
import time
from time import monotonic

from ... import log
from ...messages import Request, error_response
from .. import Unloadable
from . import ports
from .child import Child
from .command_line import environment, is_script, port_to_offer, words_of
from .http_exchange import BadAnswer, connect, exchange
from .waiting import Waiting

REFUSING_PATIENCE = 10.0  # seconds for a server that has stopped listening, but not ended
NOTICING_PATIENCE = 0.25  # seconds in which an end is noticed after its connections'
STOP_PATIENCE = 3.0
DESCRIPTION_TRIES = 3  # a server that has just come up, or fails, may not describe itself yet


class Host:
    default_path = "/"

    def __init__(self, settings):
        self._settings = settings
        self._words = ()
        self._offered = 0
        self._environ = {}
        self._child = None
        self._listener = None
        self._starting = _thread.allocate_lock()
        self._inputs = None
        self._tries_left = DESCRIPTION_TRIES

    def load(self):
        """Starts the command and waits until it answers. Raises ``Unloadable`` with its last lines where it ends."""
        settings = self._settings
        self._words = words_of(settings.target, settings.base_command)
        self._offered = settings.command_port or port_to_offer(settings.port, is_script(settings.target))
        # Once: when it is started again, that is amid an activation, whose key it would keep.
        self._environ = environment(self._offered)
        self._start()

    def handle(self, request):
        if request.default and request.path == "/" and request.method == "POST":
            inputs = self.describe(request.mount, "/")
            request.path = inputs.path if inputs is not None else "/"
        response = self._pass_on(request)
        self._child.output.drain()
        return response

    def describe(self, mount, path):
        tries, failed = self._tries_left, []
        if tries:
            from .description import inputs_of

            self._inputs = inputs_of(lambda document: self._document(document, mount, failed), path)
            self._tries_left = tries - 1 if failed and self._inputs is None else 0
        return self._inputs

    @property
    def is_described(self):
        """Whether ``describe`` gives the same from now on."""
        return not self._tries_left

    def close(self):
        if self._child is not None:
            self._child.stop(STOP_PATIENCE)

    # --- requests -------------------------------------------------------------------------------------------------

    def _document(self, path, mount, failed):
        """The body of one of the server's own documents, b"" where it has none; it is ``failed`` where it may yet."""
        response = self._pass_on(Request("GET", path, headers=[("host", "localhost")], mount=mount))
        if response.status >= 500:
            failed.append(path)
        return response.body if response.status == 200 else b""

    def _pass_on(self, request):
        try:
            child, connection = self._connected()
        except (Unloadable, OSError) as error:
            log.line("the model's server can't be reached: %s" % error)  # what it printed is nobody else's business
            return error_response(502, "The model's server can't be reached; the log says why.")
        try:
            response = exchange(connection, request)
        except BadAnswer as error:
            return self._without_answer(child, error)
        if request.mount:
            _mount_location(response, request)
        return response

    def _connected(self):
        """The child and a connection to it; where it has ended, to the one that is started in its place."""
        child = self._child
        if not child.broken:
            try:
                return child, self._connection()
            except ConnectionRefusedError as error:
                log.line("the model's server can't be reached: %s" % error)
        with self._starting:
            if self._child is child:
                self._wait_or_start_again(child)
            return self._child, self._connection()

    def _connection(self):
        """A connection to a socket that is the command's own. Raises ``ConnectionRefusedError`` where nobody takes it,
        or somebody else does, who has taken the port."""
        while True:
            listener = self._listener
            connection = connect(listener.addresses, listener.port)
            if listener.is_open:
                return connection
            connection.close()
            own = [each for each in self._child.listeners(ports.listening()) if each.port == listener.port]
            if not own:
                raise ConnectionRefusedError("what listens on %s isn't the command's own" % listener)
            self._listener = own[0]

    def _wait_or_start_again(self, child):
        """A server that refuses connections may be about to listen again; not for long, and not once it has ended."""
        end = monotonic() + REFUSING_PATIENCE
        while not child.wait(0.05) and monotonic() < end:
            try:
                self._connection().close()
                return
            except ConnectionRefusedError:
                continue
        log.line("the command is started again")
        child.stop(STOP_PATIENCE)
        self._start()

    def _without_answer(self, child, error):
        """Not asked again, since what was asked for may have been done (RFC 9110 section 9.2.2)."""
        if child.wait(NOTICING_PATIENCE) and child.status != 0:
            child.broken = True  # children that it left behind may hold its port
            what = "%s before it had answered; the next call starts it again" % child.how_it_ended()
        else:
            if child.status == 0:  # its daemon may be ending; once that is done, the next call sees it
                time.sleep(NOTICING_PATIENCE)
            what = str(error)
            log.line("the command " + what)
        return error_response(502, "The model's server %s. What it printed is in the log." % what)

    def _start(self):
        before = ports.listening()
        child = self._child = Child(self._words, self._environ)
        try:
            listener = self._listener = Waiting(child, before, self._settings, self._offered).listener()
        except BaseException:
            child.stop(STOP_PATIENCE)
            raise
        log.line("the command listens on %s, where requests go" % listener)


def _mount_location(response, request):
    """A redirect within the server stays under the mount, which a server needn't know of: as the web server in front
    of it would do (nginx, ``proxy_redirect``)."""
    own = request.header("host").lower()
    for index, (name, value) in enumerate(response.headers):
        if name.lower() == "location":
            start, path = "", value
            scheme, absolute, rest = value.partition("://")
            if absolute and scheme.lower() in ("http", "https") and rest.partition("/")[0].lower() == own:
                path = rest[len(own) :]
                start = "%s://%s" % (request.scheme, rest[: len(own)])
            is_ours = path.startswith("/") and not path.startswith("//")
            if is_ours and not (path + "/").startswith(request.mount + "/"):
                response.headers[index] = (name, start + request.mount + path)
