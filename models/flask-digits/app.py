"""Tells which handwritten digit a picture shows. Run by: gunicorn app:app"""
import logging
import os

from flask import Flask, jsonify, request
from model import LABELS, DigitModel, PictureError
from werkzeug.exceptions import BadRequest, HTTPException

logging.basicConfig(level=os.environ.get("LOG_LEVEL", "WARNING"))

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 4 * 1024 * 1024

model = DigitModel(os.path.join(app.root_path, "weights.npz"))


@app.route("/")
def health():
    return jsonify(status="ok", model="flask-digits", classes=len(LABELS))


@app.route("/labels")
def labels():
    return jsonify(labels=LABELS)


@app.route("/inference", methods=["POST"])
def inference():
    file = request.files.get("image")
    if file is None:
        raise BadRequest("Send a picture as the form file 'image'.")
    top = request.form.get("top", request.args.get("top", "3"))
    if not top.isdecimal() or not 1 <= int(top) <= len(LABELS):
        raise BadRequest("'top' must be a number from 1 to %d." % len(LABELS))
    try:
        probabilities = model.predict(file.read())
    except PictureError as error:
        raise BadRequest(str(error)) from error
    best = probabilities.argsort()[::-1][: int(top)]
    app.logger.info("%s is %s", file.filename, LABELS[best[0]])
    return jsonify(
        file=file.filename,
        digit=int(best[0]),
        predictions=[
            {"digit": int(digit), "label": LABELS[digit], "probability": round(float(probabilities[digit]), 4)}
            for digit in best
        ],
    )


@app.errorhandler(HTTPException)
def error_as_json(error):
    # error.get_response() keeps what else belongs to it, such as Allow with a 405.
    response = error.get_response()
    response.data = jsonify(error=error.description, status=error.code).data
    response.content_type = "application/json"
    return response


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=5000)
