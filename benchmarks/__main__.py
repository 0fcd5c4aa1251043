"""The command line: which groups on which Pythons, how often, and where the report goes."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from . import groups, page, precedence, report
from .environments import DEFAULT_PYTHONS, FURTHER_PYTHONS, Environment, Missing
from .figures import Table

ROUNDS, QUICK_ROUNDS = 300, 40
PAGE = Path(".cache/benchmark.html")


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    tables = []
    with tempfile.TemporaryDirectory(prefix="modelwhisk-bench-") as scratch:
        for table in _tables(options, rounds, Path(scratch)):
            tables.append(table)
            report.show(table, sys.stdout)
    report.verdict(tables, sys.stdout)
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(page.rendered(tables), encoding="utf-8")
    print(f"With plots: {options.page}")
    if options.json:
        options.json.write_text(json.dumps(report.as_json(tables), indent=1) + "\n", encoding="utf-8")
    return 1 if options.check and not all(bar.met for table in tables for bar in table.bars()) else 0


def _tables(options: argparse.Namespace, rounds: int, scratch: Path) -> Iterator[Table]:
    """Each as soon as it is measured."""
    once = [name for name in options.groups if name in groups.ONCE]
    each = [name for name in options.groups if name in groups.GROUPS]
    environments = _environments(options.pythons, scratch) if each else []
    further = [name for name in each if name in groups.ON_FURTHER_PYTHONS]
    with precedence.taken() as granted:
        report.heading(sys.stdout, granted)
        for environment in environments:
            print(f"\n{environment.described()}", flush=True)
            for name in each if options.pythons or environment.version in DEFAULT_PYTHONS else further:
                yield groups.GROUPS[name](environment, rounds)
        for name in once:
            folder = scratch / name
            folder.mkdir()
            sized = {"size": options.vectors} if name == "drift-search" else {}
            yield groups.ONCE[name](folder, rounds, **sized)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench.sh",
        description="Measures what the proxy adds to a model, beside what one could use instead: one report. "
        "All sides take turns within one run, so that the ratios hold on a busy machine too.",
    )
    known = [*groups.GROUPS, *groups.ONCE]
    parser.add_argument(
        "--groups",
        type=_list_of(known),
        default=[name for name in known if name not in groups.LONG],
        metavar="A,B",
        help=f"what to measure (default: all but {', '.join(groups.LONG)}): {', '.join(known)}",
    )
    parser.add_argument(
        "--pythons",
        type=lambda text: text.split(","),
        default=None,
        metavar="X.Y,…",
        help=f"the models' Pythons (default: those of {', '.join(DEFAULT_PYTHONS)} that are here, and of "
        f"{', '.join(FURTHER_PYTHONS)} for {', '.join(groups.ON_FURTHER_PYTHONS)})",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=0,
        metavar="N",
        help=f"calls of each side for each case (default {ROUNDS}; starts of a process: a tenth)",
    )
    parser.add_argument(
        "--vectors",
        type=int,
        default=groups.drift_search.SIZE,
        metavar="N",
        help="vectors that drift-search is measured on (default: %(default)s, which take half an hour to make)",
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds: a first impression")
    parser.add_argument(
        "--page", type=Path, default=PAGE, metavar="FILE", help=f"the report with plots, as HTML (default {PAGE})"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the figures there as well")
    parser.add_argument("--check", action="store_true", help="exit status 1 where a bar is missed")
    options = parser.parse_args(arguments)
    if options.rounds < 0:
        parser.error("--rounds must be positive")
    return options


def _list_of(known: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(known)}")
        return names

    return parse


def _environments(wanted: list[str] | None, scratch: Path) -> list[Environment]:
    environments = []
    for version in wanted or DEFAULT_PYTHONS + FURTHER_PYTHONS:
        try:
            environments.append(Environment.ready(version, scratch / version))
        except Missing as missing:
            if wanted:
                sys.exit(f"bench.sh: {missing}")
            print(f"left out: {missing}")
    return environments


if __name__ == "__main__":
    sys.exit(main())
