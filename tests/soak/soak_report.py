"""What a soak found, in figures: errors, markers, the slope of memory, and whether the bars are met."""

from __future__ import annotations

import statistics

from soak_run import Found, Plan

MAX_SLOPE = 1.0  # kB for 1,000 activations


def slope(found: Found) -> float:
    """kB of resident memory for each 1,000 activations: the least squares line through all measurements."""
    counts = [count / 1000 for count, _ in found.measures]
    sizes = [float(measure.resident) for _, measure in found.measures]
    return statistics.linear_regression(counts, sizes).slope


def spread(found: Found) -> tuple[int, int]:
    """By how much the numbers of open descriptors and of threads differed."""
    measures = [measure for _, measure in found.measures]
    descriptors, threads = [one.descriptors for one in measures], [one.threads for one in measures]
    return max(descriptors) - min(descriptors), max(threads) - min(threads)


def failures(found: Found) -> list[str]:
    """The bars that aren't met."""
    descriptors, threads = spread(found)
    bars = {
        f"{found.wrong} wrong answers": found.wrong == 0 and not found.mistakes,
        f"markers missing on stdout and stderr: {found.missing_markers}": found.missing_markers == (0, 0),
        f"memory grows by {slope(found):.2f} kB for 1,000 activations": slope(found) <= MAX_SLOPE,
        f"descriptors differ by {descriptors}": descriptors == 0,
        f"threads differ by {threads}": threads == 0,
    }
    return [sentence for sentence, met in bars.items() if not met]


def progress(found: Found) -> str:
    count, measure = found.measures[-1]
    return (
        f"{count} activations in {found.seconds:.0f} s, {found.wrong} wrong, {found.pauses} pauses, "
        f"{measure.resident} kB, {measure.descriptors} descriptors, {measure.threads} threads"
    )


def report(found: Found, plan: Plan, where: str) -> str:
    """The whole report as text."""
    (first, at_first), (last, at_last) = found.measures[0], found.measures[-1]
    descriptors, threads = spread(found)
    lines = [
        f"Soak of {where}, seed {plan.seed}",
        f"  activations      {found.activations} in {found.seconds:.0f} s ({found.activations / found.seconds:.0f}/s)",
        f"  wrong answers    {found.wrong}",
        f"  markers missing  stdout {found.missing_markers[0]}, stderr {found.missing_markers[1]}",
        f"  resident memory  {at_first.resident} kB after {first} activations, {at_last.resident} kB after {last}; "
        f"between {min(one.resident for _, one in found.measures)} and "
        f"{max(one.resident for _, one in found.measures)} kB",
        f"  memory slope     {slope(found):+.3f} kB for 1,000 activations ({len(found.measures)} measurements)",
        f"  descriptors      {at_last.descriptors}, differing by {descriptors}",
        f"  threads          {at_last.threads}, differing by {threads}",
    ]
    if found.pauses:
        lines.append(
            f"  pauses           {found.pauses}, {found.paused:.0f} s in all; "
            f"slowest first answer after one {found.slowest_after_pause * 1000:.0f} ms"
        )
    lines += ["  kinds"] + [f"    {count:9d}  {kind}" for kind, count in found.done.most_common()]
    lines += [f"  ! {mistake}" for mistake in found.mistakes]
    return "\n".join(lines)
