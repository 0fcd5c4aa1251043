"""A Flask model that does everything a soak asks for; each answer names the activation that it belongs to."""

import hashlib
import os
import sys
import time

from flask import Flask, Response, abort, jsonify, request

app = Flask(__name__)


def activation():
    return os.environ.get("__OW_ACTIVATION_ID")


@app.after_request
def named(response):
    response.headers["X-Activation"] = activation() or "none"
    return response


@app.route("/", methods=["POST"])
def total():
    """The sum of the numbers in a JSON object, or the digests of a form's files."""
    if request.files:
        return digests()
    return jsonify(activation=activation(), total=sum(request.get_json()["numbers"]))


@app.route("/digests", methods=["POST"])
def digests():
    files = {
        name: [file.filename, file.mimetype, hashlib.sha256(file.read()).hexdigest()]
        for name, file in request.files.items()
    }
    return jsonify(activation=activation(), files=files, fields=request.form.to_dict())


@app.route("/parameters", methods=["GET", "POST"])
def parameters():
    return jsonify(activation=activation(), query=request.args.to_dict(), fields=request.form.to_dict())


@app.route("/bytes/<int:size>/<int:first>")
def many_bytes(size, first):
    block = bytes((first + number) % 256 for number in range(256))
    return Response((block * (size // 256 + 1))[:size], mimetype="image/png")


@app.route("/json/<int:count>")
def much_json(count):
    return jsonify(activation=activation(), values=[f"value {number}" for number in range(count)])


@app.route("/text", methods=["POST"])
def text():
    return Response(request.get_data().decode("utf-8").upper(), mimetype="text/plain")


@app.route("/status/<int:status>")
def failing(status):
    abort(status)


@app.route("/raise")
def raising():
    raise ValueError("told to")


@app.route("/exit")
def leaving():
    sys.exit(3)


@app.route("/sleep/<float:seconds>")
def sleeping(seconds):
    time.sleep(seconds)
    return jsonify(activation=activation())


@app.route("/print/<int:lines>")
def printing(lines):
    for number in range(lines):
        print(f"line {number} on stdout")
        print(f"line {number} on stderr", file=sys.stderr)
    return jsonify(activation=activation())
