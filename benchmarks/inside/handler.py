"""The floor's straight-line handler behind other people's servers: ``application`` for WSGI, ``run`` for the Functions
Framework. All that differs then is the server.
"""

import os
import sys

import floor
from cases import init_value

sys.path.insert(1, os.getcwd())
from api import app

floor.keep_memory()
os.environ.update(init_value()["env"])


def application(environ, start_response):
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    result = floor.run(app, body) if environ["PATH_INFO"] == "/run" else b"{}"
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(result)))])
    return [result]


def run(request):
    result = floor.run(app, request.get_data()) if request.path == "/run" else b"{}"
    return result, 200, {"Content-Type": "application/json"}
