"""The least that the standard library can do for a /run message: straight-line code, unchecked, for the cases only.

Parse, base64 in, the environ, the process's environment set and put back, the application, base64 or string escaping
out, the envelope joined around it, the log line, the markers.
"""

import binascii
import json
import os
import sys
from io import BytesIO
from json.encoder import encode_basestring
from time import perf_counter

_MARKER = b"XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n"
_BASE = {
    "REQUEST_METHOD": "POST",
    "PATH_INFO": "/model/predict",
    "QUERY_STRING": "",
    "REQUEST_URI": "/model/predict",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "443",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "https",
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": False,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
}
_SPECIAL = {"content-type": "CONTENT_TYPE"}


def keep_memory():
    """Makes glibc keep some freed memory, as it does once a block of this size was freed: mallopt(3), M_MMAP_THRESHOLD.

    Else it gives back what each large message took and takes it anew, or doesn't, as chance has it: that alone can
    cost more than all the rest.
    """
    bytearray(4 * 1024 * 1024)


def environ_of(headers, mount, length):
    environ = dict(_BASE, SCRIPT_NAME=mount, CONTENT_LENGTH=str(length))
    for name, value in headers.items():
        environ[_SPECIAL.get(name) or "HTTP_" + name.upper().replace("-", "_")] = value
    # No proxy lets the application compress: the platforms can't carry that under every type.
    environ.pop("HTTP_ACCEPT_ENCODING", None)
    return environ


def run(app, message):
    """The bytes of the result."""
    began = perf_counter()
    activation = json.loads(message.decode("utf-8"))
    value = activation.pop("value")
    # /init has set them all: there is none to remove afterwards.
    variables = [(b"__OW_" + key.upper().encode(), text.encode()) for key, text in activation.items()]
    before = [(name, os.environb[name]) for name, _ in variables]
    for name, text in variables:
        os.environb[name] = text
    data = binascii.a2b_base64(value["__ow_body"])
    environ = environ_of(value["__ow_headers"], "/api/v1/web/guest/default/model", len(data))
    environ["wsgi.input"] = BytesIO(data)
    started = []

    def start_response(status, headers, exc_info=None):
        started[:] = status, headers

    response = app(environ, start_response)
    body = b"".join(response)
    response.close()
    for name, text in before:
        os.environb[name] = text
    status, headers = started
    headers = {name: text for name, text in headers if name != "Content-Length"}
    if headers["Content-Type"] == "application/json":
        encoded = encode_basestring(body.decode("utf-8")).encode("utf-8")
    else:
        encoded = b'"' + binascii.b2a_base64(body, newline=False) + b'"'
    result = b"".join(
        (
            b'{"statusCode":',
            status[:3].encode(),
            b',"headers":',
            json.dumps(headers).encode(),
            b',"body":',
            encoded,
            b"}",
        )
    )
    os.write(
        1,
        b"POST %b %b in=%d out=%d ms=%.3f activation=%b\n"
        % (
            environ["PATH_INFO"].encode(),
            status[:3].encode(),
            len(data),
            len(body),
            (perf_counter() - began) * 1000,
            activation["activation_id"].encode(),
        )
        + _MARKER,
    )
    os.write(2, _MARKER)
    return result
