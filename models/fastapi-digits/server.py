from contextlib import asynccontextmanager
from typing import Annotated

import numpy as np
from digits import NAMES, Classifier, NoDigit, grid_of
from fastapi import FastAPI, File, Form, HTTPException, Query, UploadFile
from pydantic import BaseModel, Field

ml_models = {}


@asynccontextmanager
async def lifespan(app: FastAPI):
    ml_models["digits"] = Classifier()
    yield
    ml_models.clear()


app = FastAPI(
    title="Handwritten digits",
    description="Tells which digit a picture shows.",
    version="1.0.0",
    lifespan=lifespan,
)


class Guess(BaseModel):
    digit: int
    name: str
    probability: float = Field(ge=0, le=1)


class Prediction(BaseModel):
    filename: str | None = None
    predictions: list[Guess]


class Grid(BaseModel):
    """A digit that is 8 x 8 already: 0 is paper, 16 is ink, as in scikit-learn's data."""

    pixels: list[list[Annotated[float, Field(ge=0, le=16)]]]


Top = Annotated[int, Field(ge=1, le=10, description="How many guesses to return")]


def guesses(grid: np.ndarray, top: int) -> list[Guess]:
    probabilities = ml_models["digits"](grid)
    return [
        Guess(digit=digit, name=NAMES[digit], probability=round(float(probabilities[digit]), 4))
        for digit in np.argsort(-probabilities)[:top].tolist()
    ]


async def read(image: UploadFile) -> np.ndarray:
    try:
        return grid_of(await image.read())
    except NoDigit as error:
        raise HTTPException(status_code=400, detail=f"{image.filename}: {error}") from error


@app.post("/predict", response_model=Prediction)
async def predict(image: UploadFile, top: Annotated[Top, Form()] = 3):
    """Which digit the picture shows: dark on light or light on dark, of any size."""
    return Prediction(filename=image.filename, predictions=guesses(await read(image), top))


@app.post("/predict/batch", response_model=list[Prediction])
async def predict_batch(images: Annotated[list[UploadFile], File(max_length=16)], top: Annotated[Top, Query()] = 1):
    """The same for several pictures."""
    return [
        Prediction(filename=image.filename, predictions=guesses(await read(image), top)) for image in images
    ]


@app.post("/predict/pixels", response_model=Prediction, response_model_exclude_none=True)
def predict_pixels(grid: Grid, top: Annotated[Top, Query()] = 3):
    pixels = grid.pixels
    if len(pixels) != 8 or any(len(row) != 8 for row in pixels):
        raise HTTPException(status_code=400, detail="pixels must be 8 rows of 8 numbers")
    return Prediction(predictions=guesses(np.array(pixels, dtype=np.float32) / 16, top))


@app.get("/labels")
def labels() -> dict[int, str]:
    return dict(enumerate(NAMES))


@app.get("/labels/{digit}")
def label(digit: int) -> dict[str, str]:
    if digit not in range(len(NAMES)):
        raise HTTPException(status_code=404, detail=f"there is no digit {digit}")
    return {"name": NAMES[digit]}


@app.get("/health")
async def health():
    return {"status": "ok" if "digits" in ml_models else "loading"}
