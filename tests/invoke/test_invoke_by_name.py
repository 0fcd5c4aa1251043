"""By its name through the REST API of a local platform: client, invoke, plain invocation, map."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from running_platform import running
from sample_models import ASSETS, CHECKOUT, WORDS

from modelwhisk import Client
from modelwhisk.local.actions import Action, web_annotations
from modelwhisk.local.process_container import ProcessFactory

KEY = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:key"
DIGIT = ASSETS / "digit-7.png"


@pytest.fixture(scope="module")
def platform():
    folder = CHECKOUT / "models" / "max-digit-classifier"
    annotations = web_annotations("secure", "open sesame")
    action = Action(name="digits", containers=ProcessFactory(folder), annotations=annotations)
    with running(action, credentials={KEY: "guest"}, max_containers=2) as started:
        yield started


def modelwhisk(platform, folder, *arguments):
    variables = {**os.environ, "WHISK_APIHOST": platform.url, "WHISK_AUTH": KEY}
    command = [sys.executable, "-m", "modelwhisk", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def label(answer):
    return answer["predictions"][0]["label"]


def test_client(platform):
    client = Client(platform.url, KEY)
    assert client.models() == ["digits"]
    model = client.model("digits")
    assert label(model(image=DIGIT)) == "seven"
    assert model.status().ready


@pytest.mark.parametrize("how", [(), ("--plain",)], ids=["web", "plain"])
def test_invoke(platform, tmp_path, how):
    done = modelwhisk(platform, tmp_path, "invoke", "digits", "-F", f"image=@{DIGIT}", "-q", "top=1", *how)
    assert label(json.loads(done.stdout)) == "seven"


def test_map_knows_what_it_cost(platform, tmp_path):
    out = tmp_path / "out.jsonl"
    done = modelwhisk(platform, tmp_path, "map", "digits", "-F", f"image=@{ASSETS}/digit-*.png", "-o", out, "--json")
    assert [label(json.loads(line)["answer"]) for line in out.read_text().splitlines()] == list(WORDS)
    summary = json.loads(done.stderr.splitlines()[-1])
    assert summary["cold_starts"] in (0, 1, 2)
    assert summary["gb_seconds"] > 0
    assert not summary["gb_seconds_estimated"]
