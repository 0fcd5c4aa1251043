"""Trains the model, writes model.json, openapi.json and samples/, and prints the accuracy.

python training/train.py
"""

import csv
import json
from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDER = Path(__file__).resolve().parent.parent
SEED = 1995
CLASSES = ["benign", "malignant"]


def write(name, document):
    (FOLDER / name).write_text(json.dumps(document, indent=1) + "\n")


def openapi(features):
    sample = {
        "type": "object",
        "required": features,
        "properties": {name: {"type": "number", "minimum": 0} for name in features},
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": "Cell nuclei", "version": "1.0.0"},
        "paths": {
            "/predict": {
                "post": {
                    "summary": "Benign or malignant",
                    "requestBody": {"required": True, "content": {"application/json": {"schema": sample}}},
                    "responses": {"200": {"description": "The diagnosis, and how sure it is"}},
                }
            },
            "/features": {"get": {"summary": "The features", "responses": {"200": {"description": "Their names"}}}},
        },
    }


def main():
    data = load_breast_cancer()
    chosen = [index for index, name in enumerate(data.feature_names) if name.startswith("mean ")]
    features = [str(data.feature_names[index]).removeprefix("mean ").replace(" ", "_") for index in chosen]
    inputs, malignant = data.data[:, chosen], 1 - data.target
    train, held_out, train_labels, held_out_labels = train_test_split(
        inputs, malignant, test_size=0.25, stratify=malignant, random_state=SEED
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
    folds = cross_val_score(model, train, train_labels, cv=10)
    model.fit(train, train_labels)
    scaler, regression = model[0], model[1]
    write(
        "model.json",
        {
            "features": features,
            "classes": CLASSES,
            "means": [float(value) for value in scaler.mean_],
            "deviations": [float(value) for value in scaler.scale_],
            "weights": [float(value) for value in regression.coef_[0]],
            "bias": float(regression.intercept_[0]),
        },
    )
    write("openapi.json", openapi(features))
    samples = FOLDER / "samples"
    samples.mkdir(exist_ok=True)
    with open(samples / "held-out.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*features, "truth"])
        for row, label in zip(held_out, held_out_labels, strict=True):
            writer.writerow([*row, CLASSES[label]])
    first = dict(zip(features, (float(value) for value in held_out[0]), strict=True))
    (samples / "one.json").write_text(json.dumps(first) + "\n")
    right = int((model.predict(held_out) == held_out_labels).sum())
    print(f"10-fold cross-validation within the training part: {100 * folds.mean():.1f} %")
    print(f"held-out accuracy: {100 * right / len(held_out):.1f} % ({right} of {len(held_out)})")
    missed = int(((model.predict(held_out) == 0) & (held_out_labels == 1)).sum())
    print(f"malignant taken for benign: {missed} of {int(held_out_labels.sum())}")


if __name__ == "__main__":
    main()
