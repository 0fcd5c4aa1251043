"""Puts the parts together: the host, the threads, the signals; ends the process well."""

import _thread
import os
import signal
import sys

from . import hosts, log, packed
from .jobs import ENOUGH, Inbox
from .server import Server
from .settings import PREFIX

# Of each thread, as most systems give it: addresses that cost nothing until they are used. JSON that is nested deeply
# takes 1 to 3 MB before Python 3.13 refuses it, and beyond the 1 MB of Alpine's threads the process is over.
_STACK = 8 * 1024 * 1024
FOLDER_OF_OURS = os.path.dirname(os.path.dirname(packed.FOLDER))


def serve(settings, listener):
    """Serves until SIGTERM; returns the status with which the process is to end."""
    _thread.stack_size(_STACK)
    inbox = Inbox()
    try:
        host, choice = hosts.make(settings, os.getcwd())
        log.line(choice)
    except hosts.Unloadable as error:
        host = hosts.Missing(error)  # the reason is what /init answers, not a port that never opens
        log.line("%s" % error)
    if settings.drift or settings.drift_collect:
        host = _watched(settings, host)
    if settings.mode == "web":
        from .web_server import WebServer

        application = WebServer(settings, host)
        server = Server(listener, application, inbox, settings.max_body, settings.read_timeout, settings.keep_alive)
    else:
        from .action import Action

        application = Action(settings, host)
        server = Server(listener, application, inbox, settings.max_body, settings.read_timeout)
    _leave_the_process_to_the_model()
    ending = Ending(server)
    signal.signal(signal.SIGTERM, ending.asked)
    _let_children_hear()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, ending.asked)  # Ctrl-C, which would be taken for a failure of the model's
    _thread.start_new_thread(server.serve, ())
    status = _predict(settings, application, server, inbox)
    if status == 0:
        server.drain()
    host.close()
    _end(status)


def _watched(settings, host):
    try:
        from .drift.watching import watched
    except ModuleNotFoundError as error:
        if error.name != "modelproxy.drift":
            raise
        sentence = "this image was built without what compares predictions: build it with build.sh --drift FILE"
        log.line(sentence)
        return hosts.Missing(hosts.Unloadable(sentence)) if settings.drift_collect else host
    return watched(settings, host)


def _end(status):
    """Ends the process as the interpreter would, but for the model's threads: it would wait for them, perhaps for ever,
    where SIGTERM ends ``python app.py`` at once."""
    import atexit

    atexit._run_exitfuncs()
    log.line("ended")
    os._exit(status)


def _predict(settings, application, server, inbox):
    """Takes jobs until SIGTERM, in this thread and as many more as there may be predictions at one time."""
    if settings.mode == "web":
        try:
            application.load()
        except BaseException as error:  # a model may raise anything when imported, SystemExit included
            log.traceback_of(error)
            log.line("the model can't be loaded, so there is nothing to serve")
            return 1
    for _ in range(settings.concurrency - 1):
        _thread.start_new_thread(_work, (application, inbox, inbox.get))
    _work(application, inbox, inbox.get if settings.concurrency > 1 else server.next_job)
    return 0


def _work(application, inbox, next_job):
    while True:
        job = next_job()
        if job is ENOUGH:
            inbox.put(job)  # for the next thread
            return
        application.perform(job)


class Ending:
    """SIGTERM or SIGINT: what is being predicted is finished and answered, what waits as well; then all ends."""

    def __init__(self, server):
        self._server = server
        self._process = os.getpid()

    def asked(self, number, frame):
        if os.getpid() != self._process:
            # A child that the model forked has our handler, and must end as any process: who calls
            # multiprocessing.Process.terminate() waits for that.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)  # a second one interrupts what is being predicted
        self._server.stop()


def _let_children_hear():
    """Holds SIGTERM back while the model forks: CPython forgets what a new child gets before its interpreter is ready
    (PyOS_AfterFork_Child), but the kernel's default, which ``python app.py`` has, would have ended it."""

    def mask(how):
        signal.pthread_sigmask(how, (signal.SIGTERM,))

    if hasattr(os, "register_at_fork"):  # Python 3.7
        os.register_at_fork(
            before=lambda: mask(signal.SIG_BLOCK),
            after_in_parent=lambda: mask(signal.SIG_UNBLOCK),
            after_in_child=lambda: mask(signal.SIG_UNBLOCK),
        )


def _leave_the_process_to_the_model():
    """What the model sees of the process is what its own ``python app.py`` would have: the folder first on the path, no
    variables of ours. Called once all of the proxy is imported: a model may have a queue.py."""
    if sys.path and os.path.abspath(sys.path[0]) == FOLDER_OF_OURS:
        del sys.path[0]
    sys.path.insert(0, os.getcwd())
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
