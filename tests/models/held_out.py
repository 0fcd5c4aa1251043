"""What the models were not trained on, and what their training knows of it."""

import importlib.util
import io
from pathlib import Path

import numpy as np
from PIL import Image

MODELS = Path(__file__).parents[2] / "models"


def png(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def digits(model):
    """The pictures (8x8, 0 to 16, ink) and digits that the model wasn't trained on."""
    with np.load(model.folder / "samples" / "held-out.npz") as data:
        return data["images"].astype(float), data["labels"]


def on_paper(digit):
    return Image.fromarray((255 - digit * (255 / 16)).round().astype(np.uint8))


def training_module(model, name):
    """A module of a model's training/ that needs nothing but numpy and Pillow."""
    spec = importlib.util.spec_from_file_location(f"{model}_{name}", MODELS / model / "training" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
