"""Inputs of models/onnx-digits as tritonclient takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from bed import CHECKOUT
from PIL import Image
from tritonclient.http import InferInput
from tritonclient.utils import np_to_triton_dtype

DIGITS = CHECKOUT / "models" / "onnx-digits"


def digits(*numbers: int) -> np.ndarray[Any, Any]:
    pictures = [
        Image.open(CHECKOUT / "assets" / f"digit-{number}.png").convert("L").resize((20, 20)) for number in numbers
    ]
    return np.stack([np.asarray(picture, np.float32)[None] / 255 for picture in pictures])


def given(array: np.ndarray[Any, Any], binary: bool = True, name: str = "image") -> InferInput:
    made = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made
