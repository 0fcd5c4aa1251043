"""Run by benchmarks/groups/drift_detection.py in an environment of its own: tables on stdout, all figures in a file."""

import argparse
import json
from pathlib import Path

from .measure import measured


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=Path)
    parser.add_argument("--quick", action="store_true", help="without the peers")
    options = parser.parse_args()
    options.results.write_text(json.dumps(measured(options.quick), indent=1) + "\n", encoding="utf-8")


main()
