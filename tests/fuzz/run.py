"""Coverage-guided fuzzing: `scripts/test.sh fuzz [TARGET]... [--seconds 300] [--keep]`

Each target starts from its corpus and from SEEDS. With `--keep` what it found joins the corpus, as few inputs as reach
all that was reached. An input that breaks something is printed; it belongs into a test of its own once that is mended.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import corpus
from fuzz_targets import TARGETS
from seeds import SEEDS

HERE = Path(__file__).parent
MOST_BYTES = 4096  # of an input; longer ones reach nothing new and are slow
MOST_KEPT = 1024  # bytes of an input that joins the corpus


def fuzz(target: str, seconds: int, keep: bool) -> tuple[str, bool]:
    """What to print of a target, and whether nothing broke."""
    with tempfile.TemporaryDirectory() as folder:
        found, broken = Path(folder, "found"), Path(folder, "broken")
        found.mkdir()
        broken.mkdir()
        for number, data in enumerate([*SEEDS[target], *corpus.read(target)]):
            (found / f"{number:05}").write_bytes(data)
        limits = [f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", "-timeout=20", "-rss_limit_mb=1000"]
        ended = _run(target, str(found), *limits, f"-artifact_prefix={broken}/")
        runs = re.findall(r"^Done (\d+) runs", ended.stderr, re.MULTILINE)
        reached = re.findall(r"cov: (\d+) ft: (\d+)", ended.stderr)
        inputs = [file.read_bytes() for file in broken.iterdir()]
        coverage = "/".join(reached[-1]) if reached else "?"
        text = f"{target}: {runs[-1] if runs else '?'} runs in {seconds} s, coverage {coverage}"
        if inputs or ended.returncode:
            return f"{text}\n{ended.stderr[-4000:]}\nbroken by: {inputs!r}", False
        if keep:
            kept = [data for file in found.iterdir() if len(data := file.read_bytes()) <= MOST_KEPT]
            corpus.write(target, corpus.fewest(TARGETS[target], kept))
            text += f", corpus of {len(corpus.read(target))}"
        return f"{text}, nothing broke", True


def _run(target: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / "one_target.py"), target, *arguments]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/test.sh fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--seconds", type=int, default=300, help="for each target")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", action="store_true", help="what was found joins the corpus")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    well = True
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for text, fine in pool.map(
            lambda target: fuzz(target, options.seconds, options.keep), options.targets or list(TARGETS)
        ):
            print(text, flush=True)
            well = well and fine
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
