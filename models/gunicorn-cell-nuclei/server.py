"""Tells from the measured nuclei of a cell sample whether the tumour is benign or malignant."""

import csv
import io
import json
import math
from pathlib import Path

from flask import Flask, jsonify, request

HERE = Path(__file__).parent
MODEL = json.loads((HERE / "model.json").read_text())
FEATURES = MODEL["features"]
MOST_ROWS = 1000

app = Flask(__name__)
app.json.sort_keys = False


class BadInput(ValueError):
    pass


@app.errorhandler(BadInput)
def bad_input(error):
    return jsonify(error=str(error)), 400


@app.errorhandler(404)
@app.errorhandler(405)
@app.errorhandler(415)
def other_errors(error):
    return jsonify(error=error.description), error.code


@app.get("/")
def health():
    return jsonify(status="ok")


@app.get("/features")
def features():
    return jsonify(features=FEATURES, classes=MODEL["classes"])


@app.get("/openapi.json")
def openapi():
    return app.response_class((HERE / "openapi.json").read_bytes(), mimetype="application/json")


@app.post("/predict")
def predict():
    """One sample as a JSON object; several as a list of them or as a CSV file in the form field `file`."""
    if request.mimetype == "multipart/form-data":
        if "file" not in request.files:
            raise BadInput("The form needs a CSV file in the field 'file'.")
        return jsonify(predictions=[classified(row) for row in rows_of(request.files["file"].read())])
    sample = request.get_json(silent=True)
    if isinstance(sample, dict):
        return jsonify(classified(sample))
    if isinstance(sample, list) and 0 < len(sample) <= MOST_ROWS:
        return jsonify(predictions=[classified(row) for row in sample])
    raise BadInput(f"The body must be a JSON object, or a list of 1 to {MOST_ROWS} of them.")


@app.post("/predict.csv")
def predict_csv():
    """A CSV file as the body; the same with the columns `diagnosis` and `probability` comes back."""
    rows = rows_of(request.get_data())
    table = io.StringIO()
    writer = csv.DictWriter(table, [*FEATURES, "diagnosis", "probability"], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, **classified(row)})
    return app.response_class(
        table.getvalue(), mimetype="text/csv", headers={"Content-Disposition": "attachment; filename=diagnoses.csv"}
    )


def rows_of(data):
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput("The file isn't CSV in UTF-8.") from error
    if not 0 < len(rows) <= MOST_ROWS:
        raise BadInput(f"The file must have a line of column names, and 1 to {MOST_ROWS} more.")
    return rows


def classified(row):
    if not isinstance(row, dict):
        raise BadInput("Each sample must be an object.")
    score = MODEL["bias"]
    for name, mean, deviation, weight in zip(
        FEATURES, MODEL["means"], MODEL["deviations"], MODEL["weights"], strict=True
    ):
        score += weight * (number(row, name) - mean) / deviation
    malignant = 1 / (1 + math.exp(-max(-50.0, min(50.0, score))))
    return {
        "diagnosis": MODEL["classes"][malignant >= 0.5],
        "probability": round(max(malignant, 1 - malignant), 6),
    }


def number(row, name):
    try:
        value = float(row[name])
    except KeyError:
        raise BadInput(f"The feature {name!r} is missing.") from None
    except (TypeError, ValueError):
        raise BadInput(f"The feature {name!r} is {row[name]!r}, which is no number.") from None
    if not math.isfinite(value) or value < 0:
        raise BadInput(f"The feature {name!r} must be finite and not negative.")
    return value
