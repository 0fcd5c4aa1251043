"""Serves the sample models for their tests, each in its own process: all are called `app`, `api`, `core`."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

MODELS = Path(__file__).parents[2] / "models"
SERVE = Path(__file__).with_name("serve.py")


class Model:
    def __init__(self, name, port):
        self.folder = MODELS / name
        self.url = f"http://127.0.0.1:{port}"
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path="/model/predict", **options):
        return self.session.get(self.url + path, timeout=60, **options)

    def post(self, **options):
        return self.session.post(self.url + "/model/predict", timeout=60, **options)

    def post_image(self, picture, **options):
        return self.post(files={"image": ("picture", picture)}, **options)


@contextmanager
def serve(name):
    command = [sys.executable, "-B", str(SERVE)]
    with subprocess.Popen(
        command, cwd=MODELS / name, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            line = process.stdout.readline()
            assert line, f"{name} ended before it served"
            model = Model(name, int(line))
            with model.session:
                yield model
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def digit_classifier():
    with serve("max-digit-classifier") as model:
        yield model


@pytest.fixture(scope="session")
def digit_restorer():
    with serve("max-digit-restorer") as model:
        yield model


@pytest.fixture(scope="session")
def language_identifier():
    with serve("max-language-identifier") as model:
        yield model


@pytest.fixture(scope="session")
def sound_generator():
    with serve("max-sound-generator") as model:
        yield model
