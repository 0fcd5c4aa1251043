"""What is compared, each behind the same calls, around the same Flask application:

``message(case)``   what the side's platform would send.
``fresh(message)``  the same for one call, as the side's server hands it over.
``call(message)``   the measured part: message in, result out.
``answer(result)``  (status, media type, body) that the platform would make of it; every side's must be the same.
"""

import asyncio
import json
import os
import sys
from io import BytesIO

import floor
import naive_proxy
from cases import MOUNT, init_value
from results import answer_of_action, answer_of_gateway


class Side(object):
    def fresh(self, message):
        return message

    def handled(self, message):
        """A call as its server has it, for what is counted: nothing is put together for a comparison."""
        self.call(message)


class App(Side):
    """The application's own time, on an environ that is ready."""

    name = "app"

    def __init__(self, app):
        self._app = app
        self._started = None

    def message(self, case):
        return floor.environ_of(case.headers(), MOUNT, len(case.body)), case.body

    def fresh(self, message):
        environ, body = message
        return dict(environ, **{"wsgi.input": BytesIO(body)})

    def call(self, environ):
        response = self._app(environ, self._start_response)
        body = b"".join(response)
        response.close()
        return body

    def answer(self, body):
        status, headers = self._started
        return int(status[:3]), dict(headers)["Content-Type"], body

    def _start_response(self, status, headers, exc_info=None):
        self._started = status, headers


class Floor(Side):
    """The least that the standard library can do for the same message."""

    name = "floor"

    def __init__(self, app):
        self._app = app

    def message(self, case):
        return case.run_message()

    def fresh(self, message):
        return bytearray(message)

    def call(self, message):
        return floor.run(self._app, message)

    def answer(self, result):
        return answer_of_action(result)


class Ours(Side):
    """The proxy's own code, from the request's body to the reply's, all but the socket. Plays the server.

    The standard library's base64, whatever is installed here; ``Quickened`` is for what an image may have.
    """

    name = "ours"

    def __init__(self, runtime):
        sys.path.insert(0, runtime)
        from modelproxy import packed

        packed.install()  # as modelproxy.start does
        from modelproxy import base64_codec, hosts, http1
        from modelproxy.action import Action
        from modelproxy.jobs import Job
        from modelproxy.settings import Settings

        settings = Settings({})
        self._codec = base64_codec
        self._functions = base64_codec.decode, base64_codec.encode
        self._job = Job
        self._action = Action(settings, hosts.make(settings, os.getcwd())[0])
        self._reply = None
        message = json.dumps({"value": init_value()}).encode("ascii")
        self._perform(http1.parse_head(b"POST /init HTTP/1.1\r\nHost: localhost:8080"), bytearray(message))
        if self._reply.status != 200:
            raise RuntimeError("/init failed: %r" % self._reply.body)
        self._head = http1.parse_head(b"POST /run HTTP/1.1\r\nHost: localhost:8080")

    def message(self, case):
        return case.run_message()

    def fresh(self, message):
        self._codec.decode, self._codec.encode = self._functions
        return bytearray(message)

    def handled(self, message):
        self._perform(self._head, message)

    def call(self, message):
        self._perform(self._head, message)
        return b"".join(self._reply.pieces)

    def answer(self, result):
        return answer_of_action(result)

    def _perform(self, head, body):
        job = self._job(self, None, head, body)
        self._action.admit(job)
        self._action.perform(job)

    def reply(self, connection, head, reply):
        """What a ``server.Server`` does with the reply to a job."""
        self._reply = reply


class Quickened(Ours):
    """The same proxy where the image has pybase64."""

    name = "ours+pybase64"

    def __init__(self, ours):
        self.__dict__.update(ours.__dict__)
        self._codec.quicken()
        self._functions = self._codec.decode, self._codec.encode


def with_pybase64(ours):
    sys.path.append(os.path.join(sys.prefix, "pybase64"))  # benchmarks/environments.py
    try:
        import pybase64  # noqa: F401 - whether it is here
    except ImportError:
        return []
    return [Quickened(ours)]


class Naive(Side):
    """The thirty lines that people paste, called through WSGI as Flask's development server would."""

    name = "naive"

    def __init__(self, app):
        self._proxy = naive_proxy.make(app)
        self._status = ""

    def message(self, case):
        return case.run_message()

    def call(self, message):
        environ = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(message),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "SERVER_SOFTWARE": "Werkzeug",
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/run",
            "QUERY_STRING": "",
            "REQUEST_URI": "/run",
            "RAW_URI": "/run",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": 40000,
            "SERVER_NAME": "0.0.0.0",
            "SERVER_PORT": "8080",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost:8080",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(message)),
        }
        response = self._proxy(environ, self._start_response)
        result = b"".join(response)
        response.close()
        return result

    def answer(self, result):
        if self._status != "200 OK":
            raise ValueError("the naive proxy answered with %s" % self._status)
        return answer_of_action(result)

    def _start_response(self, status, headers, exc_info=None):
        self._status = status


class ApigWsgi(Side):
    """apig-wsgi, with the JSON around it that AWS's runtime client would read and write."""

    name = "apig-wsgi"

    def __init__(self, app):
        from apig_wsgi import make_lambda_handler

        self._handle = make_lambda_handler(app)

    def message(self, case):
        return case.gateway_event()

    def call(self, event):
        return json.dumps(self._handle(json.loads(event), None))

    def answer(self, result):
        return answer_of_gateway(result)


class Starlette(Side):
    """The same model on Starlette: the application's own time, for what mangum adds to it."""

    name = "starlette"

    def __init__(self, app):
        self._app = app
        self._loop = asyncio.get_event_loop()
        self._sent = []

    def message(self, case):
        fields = [(name.encode("ascii"), value.encode("ascii")) for name, value in case.headers().items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "https",
            "path": "/model/predict",
            "raw_path": b"/model/predict",
            "root_path": "",
            "query_string": b"",
            "headers": fields,
            "server": ("whisk.example", 443),
            "client": ("192.0.2.7", 0),
        }
        return scope, case.body

    def fresh(self, message):
        scope, body = message
        return dict(scope), body

    def call(self, message):
        scope, body = message

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        self._sent = []
        self._loop.run_until_complete(self._app(scope, receive, self._send))
        return self._sent[1]["body"]

    async def _send(self, event):
        self._sent.append(event)

    def answer(self, body):
        start = self._sent[0]
        return start["status"], dict(start["headers"])[b"content-type"].decode("ascii"), body


class Mangum(ApigWsgi):
    """mangum around the model on Starlette, with the JSON around it that AWS's runtime client would read and write."""

    name = "mangum"

    def __init__(self, app):
        from mangum import Mangum as Adapter

        self._handle = Adapter(app, lifespan="off")


def for_starlette():
    """The sides for a model on Starlette; none where the Python is too old for it."""
    try:
        import asgi
        import mangum  # noqa: F401 - whether it is here
    except ImportError:
        return []
    asyncio.set_event_loop(asyncio.new_event_loop())
    return [Starlette(asgi.app), Mangum(asgi.app)]
