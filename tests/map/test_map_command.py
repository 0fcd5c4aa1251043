"""`modelwhisk map` as a process: nothing lost, nothing done twice, whatever happens to the server or to itself."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from flaky_platform import CALM, STORM, deep, flaky_platform
from PIL import Image
from sample_models import ASSETS, WORDS, serving

MAP = [sys.executable, "-m", "modelwhisk", "map"]
JOBS = 8


@pytest.fixture
def run(tmp_path):
    def call(*arguments, variables=None, given="", code=0):
        environment = {**os.environ, **(variables or {})}
        command = [*MAP, *map(str, arguments)]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    return call


def numbers(path, count):
    path.write_text("".join(f'{{"n": {number}}}\n' for number in range(count)))
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def untimed(found):
    return [{key: item[key] for key in ("input", "status", "answer")} for item in found]


def expected(count):
    return [{"input": {"n": n}, "status": 200, "answer": {"square": n * n}} for n in range(count)]


def test_a_bad_day_loses_nothing_and_repeats_nothing(run, tmp_path):
    with flaky_platform(STORM, seed=7) as platform:
        done = run(
            platform.url, "-i", numbers(tmp_path / "in.jsonl", 150), "-j", JOBS, "-o", "out.jsonl", "--attempts", 20,
            "--json", variables=platform.variables,
        )  # fmt: skip
        fates = Counter(fate for _, fate in platform.done)
        assert platform.answered() == dict.fromkeys(range(150), 1)
    assert all(fates[fate] for fate in STORM)
    assert untimed(lines(tmp_path / "out.jsonl")) == expected(150)
    summary = json.loads(done.stderr.splitlines()[-1])
    assert (summary["succeeded"], summary["failed"], summary["cold_starts"]) == (150, {}, 15)
    assert summary["gb_seconds"] == pytest.approx(150 * 0.1 * 0.25)
    assert summary["retried"] > 0


def test_by_name_it_knows_the_secret(run, tmp_path):
    with flaky_platform(CALM) as platform:
        run("squares", "-i", "-", "--inputs-format", "lines", given="3\n4\n", variables=platform.variables)
        assert platform.headers[-1]["X-Require-Whisk-Auth"] == "open sesame"


def test_killed_again_and_again_and_resumed(run, tmp_path):
    chance = random.Random(11)
    inputs, out = numbers(tmp_path / "in.jsonl", 400), tmp_path / "out.jsonl"
    with flaky_platform({**CALM, "busy": 0.1, "not ready": 0.05}, seed=5, delay=0.03) as platform:
        command = [*MAP, platform.url, "-i", str(inputs), "-j", str(JOBS), "-o", str(out), "--resume"]
        kills = 0
        for _ in range(3):
            had = len(out.read_bytes()) if out.exists() else 0
            with subprocess.Popen(
                command, env={**os.environ, **platform.variables}, stderr=subprocess.DEVNULL
            ) as process:
                while process.poll() is None and (len(out.read_bytes()) if out.exists() else 0) <= had + 2000:
                    time.sleep(0.005)
                time.sleep(chance.uniform(0, 0.1))
                process.kill()
            kills += process.returncode == -signal.SIGKILL
            with out.open("ab") as file:  # as a write that was cut in the middle leaves it
                file.write(b'{"input": {"n": ')
        assert kills == 3
        assert 0 < len(lines_that_parse(out)) < 400
        done = run(*command[len(MAP) :], variables=platform.variables)
        again = sum(count - 1 for count in platform.answered().values())
    assert "torn" in done.stderr
    assert untimed(lines(out)) == expected(400)
    # What was on its way when it was killed, and no more.
    assert again <= kills * JOBS


def lines_that_parse(path):
    return [line for line in path.read_bytes().split(b"\n") if line.endswith(b"}")]


def test_resuming_what_is_done_sends_nothing(run, tmp_path):
    inputs = numbers(tmp_path / "in.jsonl", 5)
    with flaky_platform(CALM) as platform:
        run(platform.url, "-i", inputs, "-o", "out.jsonl")
        before = (tmp_path / "out.jsonl").read_bytes()
        run(platform.url, "-i", inputs, "-o", "out.jsonl", "--resume")
        assert len(platform.done) == 5
        assert (tmp_path / "out.jsonl").read_bytes() == before
        again = run(platform.url, "-i", inputs, "-o", "out.jsonl", code=1)
        assert "--resume" in again.stderr
        run(platform.url, "-i", inputs, "-o", "out.jsonl", "--overwrite")
        assert len(platform.done) == 10


def test_interrupted_by_hand_it_ends_what_is_on_its_way(run, tmp_path):
    inputs, out = numbers(tmp_path / "in.jsonl", 500), tmp_path / "out.jsonl"
    with flaky_platform(CALM, delay=0.02) as platform:
        command = [*MAP, platform.url, "-i", str(inputs), "-j", "4", "-o", str(out)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            while not out.exists() or len(out.read_bytes()) < 1000:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "--resume" in said
        assert len(lines(out)) == len(platform.done) < 500
        run(*command[len(MAP) :], "--resume")
        assert set(platform.answered().values()) == {1}
    assert untimed(lines(out)) == expected(500)


def test_failures_are_lines_and_may_be_tried_again(run, tmp_path):
    inputs = numbers(tmp_path / "in.jsonl", 3)
    with flaky_platform(CALM) as platform:
        platform.script = ["gateway", "broken"]
        done = run(platform.url, "-i", inputs, "-o", "out.jsonl", "-j", 1, "--attempts", 1, code=1)
        assert "1 x 502: bad gateway" in done.stderr
        assert [line["status"] for line in lines(tmp_path / "out.jsonl")] == [502, 500, 200]
        run(platform.url, "-i", inputs, "-o", "out.jsonl", "--resume", code=1)
        assert len(platform.done) == 3
        run(platform.url, "-i", inputs, "-o", "out.jsonl", "--resume", "--retry-failed")
    assert untimed(lines(tmp_path / "out.jsonl")) == expected(3)


# Of a thousand calls within each other, which reader and writer of JSON may make, a run has a few of its own.
DEPTHS = [800, 801, *range(960, 1000, 2), 5_000]


def test_answers_however_deep_are_kept_and_end_no_run(run, tmp_path):
    """One of about 982 levels could be read, and not written: it ended the run."""
    inputs = numbers(tmp_path / "in.jsonl", len(DEPTHS) + 1)
    with flaky_platform(CALM) as platform:
        platform.script = [f"deep {levels}" for levels in DEPTHS]
        for resume in ((), ("--resume",)):
            run(platform.url, "-i", inputs, "-o", "out.jsonl", "-j", 1, *resume)
        assert len(platform.done) == len(DEPTHS) + 1
    first, *others, last = lines(tmp_path / "out.jsonl")
    assert first["answer"] == json.loads(deep(800))
    assert [(tmp_path / line["file"]).read_bytes() for line in others] == [deep(levels) for levels in DEPTHS[1:]]
    assert all(line["file"].endswith(".json") for line in others)
    assert last["answer"] == {"square": len(DEPTHS) ** 2}


def test_bad_inputs_are_lines_too(run, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"n": 1}\n{"n": "x"}\n{"note": "y"}\n')
    with flaky_platform(CALM) as platform:
        run(platform.url, "-i", "in.jsonl", "-o", "out.jsonl", code=1)
        assert [number for number, _ in platform.done] == [1]
    errors = [line.get("error") for line in lines(tmp_path / "out.jsonl")]
    assert errors[0] is None
    assert errors[1].startswith("n: must be a whole number")
    assert errors[2].startswith("n: is missing")


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        ((), 2, "--inputs FILE"),
        (("-F", "image=@*.nothing"), 2, "image: no file matches"),
        (("-F", "image"), 2, "not FIELD=VALUE"),
        (("-i", "nowhere.txt"), 2, "nowhere.txt can't be read"),
        (("-i", "in.jsonl", "-p", "wrong=1"), 2, "wrong: the model has no such input"),
        (("-i", "in.jsonl", "--resume"), 2, "need --out"),
        (("-i", "in.jsonl", "-o", "/proc/nothing/x"), 1, "/proc/nothing"),
    ],
)
def test_wrong_usage_sends_nothing(run, tmp_path, arguments, code, problem):
    numbers(tmp_path / "in.jsonl", 2)
    with flaky_platform(CALM) as platform:
        assert problem in run(platform.url, *arguments, code=code).stderr
        assert not platform.done


def test_answers_that_are_files_go_behind_no_link_that_nobody_named(run, tmp_path):
    """Which may be an archive's, in whose folder of pictures one stands; its model chose what the files are."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out.files").symlink_to("elsewhere")
    numbers(tmp_path / "in.jsonl", 1)
    with flaky_platform(CALM) as platform:
        assert "it is a link" in run(platform.url, "-i", "in.jsonl", "-o", "out.jsonl", code=1).stderr
        assert not platform.done
        run(platform.url, "-i", "in.jsonl", "-o", "out.jsonl", "--files", "out.files")


def test_table_in_and_out(run, tmp_path):
    (tmp_path / "in.csv").write_text("n,note\n3,x\n4,\n")
    with flaky_platform(CALM) as platform:
        run(platform.url, "-i", "in.csv", "-o", "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [json.loads(row["answer"]) for row in rows] == [{"square": 9}, {"square": 16}]
    assert json.loads(rows[0]["input"]) == {"n": "3", "note": "x"}


@pytest.mark.parametrize("unordered", [(), ("--unordered", "-o", "/dev/stdout")], ids=["ordered", "unordered"])
def test_to_stdout(run, tmp_path, unordered):
    with flaky_platform(STORM, seed=2) as platform:
        done = run(
            platform.url, "-i", numbers(tmp_path / "in.jsonl", 30), "--attempts", 20, *unordered,
            variables=platform.variables,
        )  # fmt: skip
    found = untimed(json.loads(line) for line in done.stdout.splitlines())
    assert sorted(found, key=lambda item: item["input"]["n"]) == expected(30)
    assert bool(unordered) or found == expected(30)


def test_pictures_out_are_files(run, tmp_path, models):
    run(models["digit-restorer"], "-F", f"image=@{ASSETS}/*digit*.png", "-o", "out.jsonl", "-j", 2)
    found = lines(tmp_path / "out.jsonl")
    assert len(found) == 11
    for line in found:
        assert line["sent_files"] == ["image"]
        with Image.open(tmp_path / line["file"]) as picture:
            assert picture.size == (256, 256)


def test_lines_of_text_for_the_only_input(run, tmp_path, models):
    (tmp_path / "in.txt").write_text("All of this is plain English.\nDies hier ist ein deutscher Satz.\n")
    run(models["language-identifier"], "-i", "in.txt", "-o", "out.jsonl")
    found = lines(tmp_path / "out.jsonl")
    assert [line["answer"]["predictions"][0]["language"] for line in found] == ["en", "de"]
    assert not any("sent_files" in line for line in found)


def digits(folder, count):
    """`count` different files of digits, and the word that each shows."""
    folder.mkdir()
    pictures = [(ASSETS / f"digit-{digit}.png").read_bytes() for digit in range(10)]
    for number in range(count):
        (folder / f"{number:05}.png").write_bytes(pictures[number % 10])
    return [WORDS[number % 10] for number in range(count)]


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_digits(tmp_path, count):
    words = digits(tmp_path / "digits", count)
    with serving("digit-classifier", max_containers=2) as urls:
        command = [*MAP, urls["digit-classifier"], "-F", "image=@digits/*.png", "-p", "top=1", "--jobs", str(JOBS)]
        out = tmp_path / "out.jsonl"
        first = subprocess.Popen([*command, "--out", str(out)], cwd=tmp_path, stderr=subprocess.DEVNULL)
        with first:  # killed in the middle
            while first.poll() is None and (not out.exists() or len(out.read_bytes()) < count * 100):
                time.sleep(0.01)
            first.kill()
        assert 0 < len(lines_that_parse(out)) < count
        done = subprocess.run(
            [*command, "--out", str(out), "--resume", "--json"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    print(done.stderr)
    found = lines(out)
    assert [line["input"]["image"] for line in found] == [f"digits/{number:05}.png" for number in range(count)]
    assert [line["answer"]["predictions"][0]["label"] for line in found] == words
    assert len({line["activation"] for line in found}) == count
