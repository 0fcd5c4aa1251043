"""`modelwhisk invoke` as a process: what it sends, what it writes, how it ends."""

from __future__ import annotations

import io
import json
import os
import pty
import random
import re
import select
import subprocess
import sys
import time

import pytest
from flaky_platform import CALM, flaky_platform
from PIL import Image
from sample_models import ASSETS

INVOKE = [sys.executable, "-m", "modelwhisk", "invoke"]
DIGIT = ASSETS / "digit-7.png"


@pytest.fixture
def run(tmp_path):
    def call(*arguments, code=0, given=b"", variables=None):
        environment = {**os.environ, **(variables or {})}
        command = [*INVOKE, *map(str, arguments)]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, input=given, capture_output=True, timeout=100, check=False
        )
        assert done.returncode == code, done.stderr.decode()
        return done

    return call


@pytest.fixture
def platform():
    with flaky_platform(CALM) as started:
        yield started


@pytest.fixture
def run_in_terminal(tmp_path):
    """Runs with stdout on a terminal, and returns what appeared there."""

    def call(*arguments, **variables):
        ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **variables}
        environment.pop("NO_COLOR", None)
        command = [*INVOKE, *map(str, arguments)]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=theirs, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        ) as process:
            os.close(theirs)
            shown = _until_closed(ours)
            notes = process.stderr.read().decode()
        assert process.returncode == 0, notes
        return shown, notes

    return call


def _until_closed(terminal):
    shown, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # how Linux says that the other side is closed
                break
            if not data:
                break
            shown += data
    os.close(terminal)
    return shown


def first(done):
    return json.loads(done.stdout)["predictions"][0]


def test_a_form(run, models):
    done = run(models["digit-classifier"], "-F", f"image=@{DIGIT}", "-q", "top=1", "-v")
    assert first(done)["label"] == "seven"
    assert b"200, application/json" in done.stderr
    assert b"model " in done.stderr


def test_a_form_from_stdin_with_a_type(run, models):
    given = DIGIT.read_bytes()
    assert first(run(models["digit-classifier"], "-F", "image=@-;type=image/png", given=given))["label"] == "seven"


def test_inputs_by_name(run, models):
    assert first(run(models["digit-classifier"], "-F", f"image=@{DIGIT}", "-p", "top=1"))["label"] == "seven"
    text = "text=This sentence is written in English, for all to read."
    assert first(run(models["language-identifier"], "-p", text))["language"] == "en"


@pytest.mark.parametrize("text", [str(DIGIT), f"@{DIGIT}"])
def test_no_text_becomes_a_file_because_the_model_calls_it_one(run, models, text):
    done = run(models["digit-classifier"], "-p", f"image={text}", code=2)
    assert b"image: is a file: give it as -F image=@PATH" in done.stderr


@pytest.mark.parametrize("data", ["argument", "-", "@-", "@sentence.json"])
def test_a_body_of_json(run, models, tmp_path, data):
    body = json.dumps({"text": ["Dies ist ein deutscher Satz."]})
    (tmp_path / "sentence.json").write_text(body)
    done = run(models["language-identifier"], "-d", body if data == "argument" else data, given=body.encode())
    assert first(done)["language"] == "de"


def test_sound_goes_into_a_file_of_its_own_name(run, models, tmp_path):
    done = run(models["sound-generator"], "-q", "model=two", "-o", tmp_path)
    assert b"audio/wav in" in done.stderr
    assert (tmp_path / "result.wav").read_bytes().startswith(b"RIFF")


def test_bytes_are_untouched_in_a_pipe(run, models):
    picture = run(models["digit-restorer"], "-F", f"image=@{ASSETS}/noisy-digit.png").stdout
    assert Image.open(io.BytesIO(picture)).size == (256, 256)


def test_json_is_coloured_on_a_terminal(run_in_terminal, models):
    shown, _ = run_in_terminal(models["digit-classifier"], "-F", f"image=@{DIGIT}", "-q", "top=1")
    assert b"\x1b[" in shown
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", shown)
    assert b'\r\n  "status": "ok",\r\n' in plain
    assert json.loads(plain)["predictions"][0]["label"] == "seven"


def test_a_picture_is_shown_where_the_terminal_can(run_in_terminal, models, tmp_path):
    arguments = (models["digit-restorer"], "-F", f"image=@{ASSETS}/noisy-digit.png")
    shown, _ = run_in_terminal(*arguments, TERM="xterm-kitty")
    assert b"\x1b_Ga=T,f=100" in shown
    assert not list(tmp_path.iterdir())
    for name in ("result.png", "result-2.png"):  # nothing is overwritten
        shown, notes = run_in_terminal(*arguments)
        assert shown == b""
        assert name in notes
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def noise(path, side):
    Image.frombytes("RGB", (side, side), random.Random(1).randbytes(side * side * 3)).save(path)
    return path


def test_a_picture_that_is_too_large(run, models, tmp_path):
    large = noise(tmp_path / "large.png", 700)
    assert large.stat().st_size > 1_048_576
    done = run(models["digit-classifier"], "-F", f"image=@{large}", code=2)
    assert b"image: the request would be" in done.stderr
    assert b"--shrink" in done.stderr
    assert b"predictions" in run(models["digit-classifier"], "-F", f"image=@{large}", "--shrink").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (("-F", "image=@/nowhere.png"), 2, "image: there is no file /nowhere.png"),
        (("-F", "image"), 2, "is not NAME=VALUE"),
        (("-F", "a=b", "-d", "{}"), 2, "use one"),
        (("-d", "{not json"), 2, "-d: is no JSON"),
        (("-H", "nonsense"), 2, "not a header"),
        (("-p", "n=five"), 2, "n: must be a whole number, not 'five'"),
        (("-p", "nota=5"), 2, "nota: the model has no such input; did you mean note?"),
        (("--check", "-d", '{"note": "x"}'), 2, "n: is missing"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(run, platform, arguments, code, problem):
    assert problem in run(platform.url, *arguments, code=code).stderr.decode()
    assert not platform.done


@pytest.mark.parametrize(("fate", "code"), [("gateway", 5), ("broken", 5), ("reset", 1)])
def test_the_exit_status_follows_the_answer(run, platform, fate, code):
    platform.script = [fate]
    run(platform.url, "-d", '{"n": 3}', code=code)
    assert platform.done == [(3, fate)]


def test_a_4xx(run, models):
    done = run(models["digit-classifier"], "-F", "image=no file", code=4)
    assert b"message" in done.stdout
    assert b"the answer is 400 (activation" in done.stderr


def test_nobody_there(run):
    assert b"refused" in run("http://127.0.0.1:9", "-d", "{}", code=1).stderr


def test_what_isnt_ready_is_followed(run, platform):
    platform.script = ["not ready"]
    done = run(platform.url, "-d", '{"n": 3}', variables=platform.variables)
    assert json.loads(done.stdout) == {"square": 9}
    platform.script = ["not ready"]
    assert b"WHISK_AUTH" in run(platform.url, "-d", '{"n": 3}', code=3).stderr


def test_busy_is_waited_for_as_told(run, platform):
    platform.script = ["busy", "busy"]
    done = run(platform.url, "-d", '{"n": 3}')
    assert json.loads(done.stdout) == {"square": 9}
    assert done.stderr.count(b"the platform asks to wait") == 2
    platform.script = ["busy"]
    run(platform.url, "-d", '{"n": 3}', "--patience", 0, code=4)


def test_by_name(run, platform):
    done = run("squares", "-d", '{"n": 5}', variables=platform.variables)
    assert json.loads(done.stdout) == {"square": 25}
    assert platform.headers[-1]["X-Require-Whisk-Auth"] == "open sesame"
    assert b"no action nobody" in run("nobody", "-d", "{}", variables=platform.variables, code=1).stderr
    assert b"WHISK_APIHOST" in run("squares", "-d", "{}", code=1).stderr


@pytest.mark.parametrize("script", [[], ["not ready"], ["busy"]], ids=["at once", "202", "429"])
def test_plain(run, platform, script):
    platform.script = list(script)
    done = run("squares", "--plain", "-p", "n=5", "-p", "note=x", variables=platform.variables)
    assert json.loads(done.stdout) == {"square": 25}
    assert json.loads(platform.bodies[-1]) == {"n": 5, "note": "x"}


def test_plain_has_files_as_data_urls(run, platform):
    run("squares", "--plain", "-F", f"image=@{DIGIT}", variables=platform.variables)
    assert json.loads(platform.bodies[-1])["image"].startswith("data:image/png;base64,iVBOR")
    large = run(platform.url, "--plain", "-F", "x=" + "y" * 100_000, "-F", "z=@-", given=b"1" * 900_000,
                variables=platform.variables, code=2)  # fmt: skip
    assert b"z: the request would be" in large.stderr
