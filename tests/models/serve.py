"""Runs the app.py of the model in the working directory unchanged, but on a port that is free, and prints that port."""

import runpy
import sys

from maxfw.core import MAXApp
from werkzeug.serving import make_server


def run(self, *_args, **_kwargs):
    server = make_server("127.0.0.1", 0, self.app, threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()


MAXApp.run = run
sys.path.insert(0, "")
runpy.run_path("app.py", run_name="__main__")
