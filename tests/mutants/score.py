"""What became of the mutants, and the table that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ENOUGH = 95.0  # per cent of all mutants that must be killed, so that explaining them is no way out


@dataclass
class Score:
    """Of one module, or of all of them.

    explained     survivors that equivalents.py has.
    unexplained   other survivors.
    useless       entries of equivalents.py that no survivor needs.
    broken        the tests fail without any mutant, so that none was tried.
    """

    module: str
    mutants: int = 0
    explained: int = 0
    unexplained: int = 0
    useless: int = 0
    broken: bool = False

    @property
    def killed(self) -> int:
        return self.mutants - self.explained - self.unexplained

    @property
    def of_all(self) -> float:
        """Per cent killed, the explained ones counted as alive."""
        return 100 * self.killed / max(self.mutants, 1)

    @property
    def of_others(self) -> float:
        """Per cent killed of those that aren't explained."""
        return 100 * self.killed / max(self.mutants - self.explained, 1)


def total(scores: Sequence[Score]) -> Score:
    """The sum of them."""
    return Score(
        "all of these",
        sum(score.mutants for score in scores),
        sum(score.explained for score in scores),
        sum(score.unexplained for score in scores),
        sum(score.useless for score in scores),
        any(score.broken for score in scores),
    )


def table(scores: Sequence[Score]) -> str:
    """A line for each module, and one for all."""
    lines = [("module", "mutants", "killed", "explained", "unexplained", "killed of all", "killed of others")]
    for score in (*scores, total(scores)):
        counts = (score.mutants, score.killed, score.explained, score.unexplained)
        lines.append((score.module, *map(str, counts), f"{score.of_all:.1f} %", f"{score.of_others:.1f} %"))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]) for name, *cells in lines)


def verdict(scores: Sequence[Score], whole: bool) -> list[str]:
    """What is wrong, nothing if all is well; ``whole`` where all modules were run."""
    everything = total(scores)
    wrong = [f"{score.module}: its tests fail as it is" for score in scores if score.broken]
    if everything.unexplained:
        wrong.append(f"{everything.unexplained} survivors are neither killed nor explained in equivalents.py")
    if everything.useless:
        wrong.append(f"{everything.useless} entries of equivalents.py explain no survivor")
    if whole and everything.of_all < ENOUGH:
        wrong.append(f"{everything.of_all:.1f} % of all mutants are killed; it must be {ENOUGH:.0f}")
    return wrong
