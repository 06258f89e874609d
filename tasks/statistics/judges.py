"""What a judge that errs at known rates gives on average, and those rates from rows of known truth."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Rates(NamedTuple):
    """Of rewards from 0 to 1, each None where there is no such row."""

    accuracy: float | None
    """Share of the rows that are right."""
    false_negative: float | None
    """What right rows miss of a reward of 1, on average."""
    false_positive: float | None
    """What wrong rows get, on average."""


def measured_reward(accuracy: float, false_negative: float, false_positive: float) -> float:
    """The mean reward that such a judge gives: what the policy is paid, of which `accuracy` is the truth."""
    return accuracy * (1 - false_negative) + (1 - accuracy) * false_positive


def rates(rows: Iterable[Mapping[str, Any]]) -> Rates:
    """Of rows with `reward` and `right`, those where one is undecided left out."""
    decided = [(row["reward"], row["right"]) for row in rows if None not in (row["reward"], row["right"])]
    right, wrong = ([reward for reward, is_right in decided if is_right is kind] for kind in (True, False))
    missed, paid = (sum(of) / len(of) if of else None for of in (right, wrong))
    return Rates(len(right) / len(decided) if decided else None, None if missed is None else 1 - missed, paid)
