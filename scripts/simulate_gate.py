"""docs/gate.md's figures: a hundred nights of promotion by several rules, where the truth is known.

An item is answered right if ability + the item's ease + the model's own luck with it is above zero. A candidate keeps
most of its champion's luck. A champion that luck promoted keeps it on the benchmark, not on the sealed set.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from tasks.statistics.significance import mcnemar

NIGHTS, LEVEL = 100, 0.05
EASE, LUCK, KEPT = 1.0, 0.5, 0.8  # spread of items and of luck; how much luck a candidate keeps
SPREAD = float(np.hypot(EASE, LUCK))
Marks = npt.NDArray[Any]


@dataclass
class Night:
    """What a rule may look at: marks of champion and candidate, and the sealed set's only if it asks."""

    before: Marks
    after: Marks
    sealed: Callable[[], tuple[Marks, Marks]]
    promoted: list[int]
    number: int
    reads: list[int]


def p_value(before: Marks, after: Marks) -> float:
    return mcnemar(int((after & ~before).sum()), int((before & ~after).sum()))


def naive(night: Night) -> bool:
    """Any gain at all."""
    return bool(night.after.sum() > night.before.sum())


def fixed_level(night: Night) -> bool:
    """McNemar's test at 5%, every night on the same items."""
    return p_value(night.before, night.after) <= LEVEL


def online_fdr(night: Night) -> bool:
    """The same test at LORD++'s level of the night (Ramdas et al. 2017, arXiv 1710.00499), FDR 5%."""
    return p_value(night.before, night.after) <= lord(night.number, night.promoted)


def sealed_confirms(night: Night) -> bool:
    """5% on the benchmark; then, and only then, 5% on the sealed set: the project's rule."""
    if not fixed_level(night):
        return False
    night.reads.append(night.number)
    return p_value(*night.sealed()) <= LEVEL


def lord(night: int, promoted: list[int]) -> float:
    def gamma(n: int) -> float:
        return 0.0772 * np.log(max(n, 2)) / (n * np.exp(np.sqrt(np.log(n)))) if n > 0 else 0.0

    first = LEVEL / 2
    level = gamma(night) * first
    for number, at in enumerate(promoted):
        level += gamma(night - at) * (LEVEL if number else LEVEL - first)
    return float(level)


RULES = {
    "any gain": naive,
    "5% every night": fixed_level,
    "LORD++, FDR 5%": online_fdr,
    "**5%, then the sealed set**": sealed_confirms,
}
KINDS = ("No change", "One in ten is better", "One in ten is better, three in ten are worse")


def play(rule: Callable[[Night], bool], gains: Marks, items: int, sealed: int, seed: int) -> dict[str, float]:
    """A hundred nights; `gains`: how much abler each night's candidate truly is than its champion."""
    choice = np.random.default_rng(seed)
    ease = choice.normal(0, EASE, items + sealed)
    ability, luck = 0.5, choice.normal(0, LUCK, items + sealed)
    start = ability
    promoted: list[int] = []
    reads: list[int] = []
    counts: dict[str, float] = {"false": 0, "worse": 0, "missed": 0, "real": float((gains > 0).sum())}
    for number, gain in enumerate(gains, 1):
        fresh = KEPT * luck + np.sqrt(1 - KEPT**2) * choice.normal(0, LUCK, items + sealed)
        before, after = ability + ease + luck > 0, ability + gain + ease + fresh > 0

        def read(before: Marks = before, after: Marks = after) -> tuple[Marks, Marks]:
            return before[items:], after[items:]

        night = Night(before[:items], after[:items], read, promoted, number, reads)
        if rule(night):
            promoted.append(number)
            ability, luck = ability + gain, fresh
            counts["false"] += bool(gain <= 0)
            counts["worse"] += bool(gain < 0)
        else:
            counts["missed"] += bool(gain > 0)
    apparent = float((ability + ease + luck > 0)[:items].mean())
    true = [float(norm.cdf(at / SPREAD)) for at in (start, ability)]
    return counts | {"true gain": true[1] - true[0], "apparent": apparent - true[1], "reads": len(reads)}


def points(gain: float) -> float:
    """The ability that is worth so many points of accuracy at the start."""
    return float(SPREAD * norm.ppf(norm.cdf(0.5 / SPREAD) + gain / 100) - 0.5)


def nights(kind: str, seed: int) -> Marks:
    choice = np.random.default_rng(seed + 10_000)
    if kind == "No change":
        return np.zeros(NIGHTS)
    if kind == "One in ten is better":
        return np.where(choice.random(NIGHTS) < 0.1, points(2), 0.0)
    return choice.choice([points(-2), 0.0, points(2)], NIGHTS, p=(0.3, 0.6, 0.1))


def row(name: str, kind: str, seeds: range, items: int, sealed: int) -> str:
    """A rule's line of the table: means over the seeds."""
    played = [play(RULES[name], nights(kind, seed), items, sealed, seed) for seed in seeds]
    mean = {figure: float(np.mean([one[figure] for one in played])) for figure in played[0]}
    missed = f"{mean['missed']:.1f} of {mean['real']:.1f}" if mean["real"] else "-"
    return (
        f"| {name} | {mean['false']:.2f} | {mean['worse']:.2f} | {missed} "
        f"| {100 * mean['true gain']:+.1f} | {100 * mean['apparent']:+.1f} | {mean['reads']:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulate nights of promotion by several rules.")
    parser.add_argument("--repeats", type=int, default=200, help="how many times the hundred nights are played")
    parser.add_argument("--items", type=int, nargs=2, default=(1000, 1000), help="of the benchmark, and sealed")
    asked = parser.parse_args()
    seeds, (items, sealed) = range(asked.repeats), asked.items
    print(f"Seeds 0 to {seeds[-1]}, {NIGHTS} nights each; {items:,} items, {sealed:,} sealed.\n")
    for kind in KINDS:
        print(f"**{kind}**\n")
        print("| rule | false promotions | of them worse | real gains missed | true gain, points |", end="")
        print(" shown beyond the truth, points | sealed reads |\n|---|--:|--:|--:|--:|--:|--:|")
        for name in RULES:
            print(row(name, kind, seeds, items, sealed))
        print()


if __name__ == "__main__":
    main()
