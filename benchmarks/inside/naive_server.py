"""The naive proxy as people start it, on Flask's development server: ``naive_server.py PORT``."""

import os
import sys

import naive_proxy


def main(port):
    sys.path.insert(1, os.getcwd())
    from api import app

    naive_proxy.make(app).run(host="0.0.0.0", port=int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
