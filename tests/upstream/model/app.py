"""A model that echoes, and does what upstream's test actions do when the value says so."""

import os
import sys
import time

from flask import Flask, Response, jsonify, request

AT_LOAD = {name: os.environ.get(name) for name in ("SOME_VAR", "ANOTHER_VAR")}


def misbehave(what):
    if what == "sleep":
        print("sleeping", flush=True)
        time.sleep(60)
    elif what == "exit":
        print("exit", flush=True)
        os._exit(1)
    elif what == "leave":
        sys.exit(1)
    elif what == "files":
        kept = [open(os.devnull) for _ in range(2000)]  # noqa: SIM115 - to have none left
        print(len(kept))
    elif what == "memory":
        print(len(bytearray(1 << 30)))
    elif what == "raise":
        raise ZeroDivisionError("division by zero")


misbehave(os.environ.get("AT_LOAD"))
app = Flask(__name__)


@app.route("/", methods=["POST"])
def predict():
    value = request.get_json()
    if isinstance(value, dict):
        misbehave(value.get("do"))
        if "delimiter" in value:
            winter = value["delimiter"] + " \u2603 " + value["delimiter"]
            print(winter)
            return jsonify(winter=winter)
        if "environment" in value:
            seen = {name: os.environ.get(name) for name in value["environment"]}
            return jsonify(at_load=AT_LOAD, seen=seen, cwd=os.getcwd(), pid=os.getpid())
        if "size" in value:
            return jsonify(arg="a" * value["size"])
        if "text" in value:
            return Response(value["text"], mimetype="text/plain")
    print("hello stdout")
    print("hello stderr", file=sys.stderr)
    return Response(request.get_data(), mimetype="application/json")
