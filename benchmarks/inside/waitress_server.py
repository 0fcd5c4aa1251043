"""On waitress: the floor's handler, or the proxy's own without its server. ``waitress_server.py PORT [RUNTIME]``."""

import os
import sys

from waitress import serve


def proxys_own(runtime):
    """For one caller at a time, as ``sides.Ours`` is."""
    import sides

    sys.path.insert(1, os.getcwd())
    ours = sides.Ours(runtime)

    def application(environ, start_response):
        body = bytearray(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        result = ours.call(body) if environ["PATH_INFO"] == "/run" else b"{}"
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(result)))])
        return [result]

    return application


def main(port, runtime=None):
    if runtime is None:
        from handler import application
    else:
        application = proxys_own(runtime)
    serve(application, host="127.0.0.1", port=int(port), threads=8)


if __name__ == "__main__":
    main(*sys.argv[1:])
