"""Preferring: what a judge of pairs is shown, what its comparisons come to, and how often it is right."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

from schemas.manifest import Score
from tasks.checks.grading import mean_over_questions, without
from tasks.pairing import win_rates
from tasks.statistics.intervals import wilson

HALF = 0.5
Row = Mapping[str, Any]
Chances = Mapping[tuple[str, str], float | None]
"""(attempt, other) -> the chance that the attempt is preferred; None if nobody could tell."""


def shown_pair(question: str, first: str, second: str, marks: Sequence[str]) -> dict[str, str]:
    """Question and answers as data: see `shown` of grading."""
    question, first, second = (without(marks, text) for text in (question, first, second))
    fence = hashlib.sha256("\0".join((question, first, second)).encode("utf-8", "replace")).hexdigest()[:12]
    return {"question": question, "first": first, "second": second, "fence": fence}


def chances(comparisons: Iterable[Row]) -> dict[tuple[str, str], float | None]:
    """Of every two that were compared, each against the other: the mean over both orders, so that a judge who always
    says "the first" says nothing. An order in which nothing could be read counts a half."""
    orders: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row in comparisons:
        said = orders[row["first_id"], row["second_id"]]
        said += [] if row["prefers_first"] is None else [row["prefers_first"]]
    found: dict[tuple[str, str], float | None] = {}
    for one, other in list(orders):
        ahead, behind = orders[one, other], orders.get((other, one), [])
        won = sum(ahead) / len(ahead) if ahead else HALF
        lost = sum(behind) / len(behind) if behind else HALF
        found[one, other] = (won + 1 - lost) / 2 if ahead or behind else None
    return found


def matrix(attempts: Sequence[Row], preferred: Chances) -> list[list[float]]:
    """The chance of each attempt against each. Nobody compares an attempt with itself or with its own text: that is a
    half, and so is what nobody could tell."""
    return [[_chance(preferred.get((one["id"], other["id"]))) for other in attempts] for one in attempts]


def _chance(said: float | None) -> float:
    return HALF if said is None else said


def win_shares(preferences: Sequence[Sequence[float]]) -> list[float]:
    """SPO's rewards (Swamy et al. 2024, arXiv 2401.04056): each answer's mean chance of being preferred over the
    others. n win_rate = (n - 1) win_share + 1/2."""
    n = len(preferences)
    return [(n * rate - HALF) / (n - 1) for rate in win_rates(preferences)]


REWARD = {"win_rate": win_rates, "win_share": win_shares}


def rewards(attempts: Sequence[Row], preferred: Chances, kind: str) -> dict[str, float | None]:
    """Of each attempt at one question; None where the judge could tell it from no other."""
    if len(attempts) < 2:
        return {row["id"]: None for row in attempts}
    pool = matrix(attempts, preferred)
    values = dict(zip((row["id"] for row in attempts), REWARD[kind](pool), strict=True))
    told = {one for (one, _), chance in preferred.items() if chance is not None}
    alike = Counter(row["text"] for row in attempts)
    return {row["id"]: values[row["id"]] if row["id"] in told or alike[row["text"]] > 1 else None for row in attempts}


def right_over_wrong(
    groups: Iterable[Sequence[Row]], is_right: Callable[[Any], bool | None], preferred: Chances
) -> Iterator[dict[str, Any]]:
    """Each right attempt at a probe row with each wrong one, and whether the judge saw it."""
    for attempts in groups:
        truth = {row["id"]: is_right(row) for row in attempts}
        for right, wrong in permutations(attempts, 2):
            if truth[right["id"]] is True and truth[wrong["id"]] is False:
                chance = preferred.get((right["id"], wrong["id"]))
                pair = {"attempt_id": right["id"], "other_id": wrong["id"], "question_id": right["question_id"]}
                yield pair | {"chance": chance, "correct": None if chance in (None, HALF) else chance > HALF}


def precision(probe_preferences: Iterable[Row]) -> Score:
    """How often the judge prefers the right attempt over a wrong one, mean over probe rows."""
    return mean_over_questions(probe_preferences)


def prefers_what_is_first(comparisons: Iterable[Row]) -> Score:
    """How often the answer shown first is called better. Every two are shown in both orders: without a position bias
    it is a half, whatever the answers."""
    decided = [row["prefers_first"] for row in comparisons if row["prefers_first"] is not None]
    return wilson(sum(decided), len(decided))
