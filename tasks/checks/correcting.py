"""Correcting: which trajectory a first solution gives, by sequential rejection sampling, and what became of answers.

Self-rewarding correction (arXiv 2502.19613): D1, a wrong solution, called wrong, and a right one behind it; D2, a
right solution, called wrong, and a right one behind it; D3, a right solution, called right.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple

from schemas.manifest import Score
from tasks.statistics.intervals import wilson

Kind = Literal["D1", "D2", "D3"]


def trajectory(is_right: bool, accepts: Collection[bool], corrected: bool, doubted: bool) -> Kind | None:
    """`accepts`: the verdicts that were sampled; `corrected`: whether a right solution was, after the verdict wrong.
    `doubted`: a right solution is to give D2, if it can."""
    revised = False in accepts and corrected
    if not is_right:
        return "D1" if revised else None
    if revised and doubted:
        return "D2"
    return "D3" if True in accepts else None


class Turned(NamedTuple):
    """An answer as it was first, what the model said of it, and as it was last."""

    first: bool
    accepts: bool | None
    last: bool


def flips(answers: Iterable[Turned]) -> dict[str, Score]:
    """Shares with intervals; one of nothing is left out."""
    counts = Counter(answers)

    def share(of: list[Turned], among: list[Turned]) -> Score:
        return wilson(sum(counts[each] for each in of), sum(counts[each] for each in among))

    every = list(counts)
    right, wrong = ([each for each in every if each.first is truth] for truth in (True, False))
    flagged = [each for each in every if each.accepts is False]
    found = {
        "last_right": share([each for each in every if each.last], every),
        "first_right": share(right, every),
        "wrong_to_right": share([each for each in wrong if each.last], wrong),
        "right_to_wrong": share([each for each in right if not each.last], right),
        "accepts_right": share([each for each in right if each.accepts], right),
        "flags_wrong": share([each for each in wrong if each.accepts is False], wrong),
        "flagged_right_to_wrong": share(
            [each for each in flagged if each.first and not each.last], [each for each in flagged if each.first]
        ),
        "without_verdict": share([each for each in every if each.accepts is None], every),
    }
    return {name: score for name, score in found.items() if score.n}
