"""The floor's handler on waitress: ``waitress_server.py PORT``."""

import sys

from waitress import serve

import handler

if __name__ == "__main__":
    serve(handler.application, host="127.0.0.1", port=int(sys.argv[1]), threads=8)
