"""A model for the benchmark: shaped like a MAX model, its answers made beforehand, so that the proxy's share shows.

POST /model/predict takes a file ``image`` and tells its size and checksum, or a JSON object whose ``answer`` names
one of ``ANSWERS``. ``asgi`` is the same on Starlette.
"""

import json
import random
import zlib

from flask import Flask, Response, request


def _picture(size):
    """A PNG by its first bytes, and as incompressible as one after them."""
    return b"\x89PNG\r\n\x1a\n" + random.Random(1).getrandbits(8 * (size - 8)).to_bytes(size - 8, "little")


def _predictions(size):
    """The JSON of a classifier with very many labels, of about this size."""
    numbers = random.Random(2)
    predictions, length = [], 0
    while length < size:
        label = {
            "label_id": "n%08d" % numbers.randrange(10**8),
            "label": "label number %d" % len(predictions),
            "probability": numbers.random(),
        }
        predictions.append(label)
        length += len(json.dumps(label)) + 2
    return json.dumps({"status": "ok", "predictions": predictions}).encode() + b"\n"


ANSWERS = {
    "label": ("application/json", _predictions(100)),
    "20 labels": ("application/json", _predictions(2 * 1000)),
    "2000 labels": ("application/json", _predictions(200 * 1000)),
    "labels": ("application/json", _predictions(250 * 1000)),
    "picture": ("image/png", _picture(750 * 1000)),
}

app = Flask(__name__)


@app.route("/model/predict", methods=["POST"])
def predict():
    if request.files:
        data = request.files["image"].read()
        return Response(
            '{"status": "ok", "predictions": [{"size": %d, "crc": %d}]}\n' % (len(data), zlib.crc32(data)),
            mimetype="application/json",
        )
    content_type, body = ANSWERS[request.get_json()["answer"]]
    return Response(body, mimetype=content_type)
