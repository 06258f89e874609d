"""Pairing: which of the attempts at one question stand against which. Plain functions of rows, in their order.

Each gives (chosen, rejected) pairs, or none and the reason why the question gives no signal.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

Row = dict[str, Any]
Pairs = tuple[list[tuple[Row, Row]], str]


def distinct(attempts: Sequence[Row]) -> list[Row]:
    """The first of each text."""
    return list({row["text"]: row for row in reversed(attempts)}.values())[::-1]


def correct_with_incorrect(attempts: Sequence[Row], most: int) -> Pairs:
    """Attempts of reward 1 against those of reward 0, each pair once; both lists are walked together, so that the
    first pairs share no attempt. Reasons: `none_right`, `unanimous`, `same_text`."""
    right, wrong = (distinct([row for row in attempts if row["reward"] == value]) for value in (1.0, 0.0))
    if not right:
        return [], "none_right"
    if not wrong:
        return [], "unanimous"
    matched = ((right[i], wrong[(i + turn) % len(wrong)]) for turn in range(len(wrong)) for i in range(len(right)))
    pairs = list(islice((pair for pair in matched if pair[0]["text"] != pair[1]["text"]), most))
    return (pairs, "") if pairs else ([], "same_text")


def best_with_worst(attempts: Sequence[Row], score: str) -> Pairs:
    """The highest score against the lowest, the first of each where several share it. Reason: `no_difference`."""
    if not attempts or max(row[score] for row in attempts) == min(row[score] for row in attempts):
        return [], "no_difference"
    best, worst = max(attempts, key=lambda row: row[score]), min(attempts, key=lambda row: row[score])
    return ([], "same_text") if best["text"] == worst["text"] else ([(best, worst)], "")


def all_combinations(attempts: Sequence[Row], score: str, most: int) -> Pairs:
    """Every two attempts of different score and text, the widest differences first. Reason: `no_difference`."""
    ranked = distinct(sorted(attempts, key=lambda row: -row[score]))
    found = [(a, b) for i, a in enumerate(ranked) for b in ranked[i + 1 :] if a[score] > b[score]]
    found.sort(key=lambda pair: pair[1][score] - pair[0][score])  # stable: ties in the attempts' own order
    return (found[:most], "") if found else ([], "no_difference")


def gold_with_self(gold: str, attempts: Sequence[Row], most: int) -> Pairs:
    """SPIN's pairs: the gold answer against the model's own, those that repeat it left out. Reason: `same_text`."""
    own = [row for row in distinct(attempts) if row["text"].strip() != gold.strip()]
    return ([({"text": gold}, row) for row in own[:most]], "") if own else ([], "same_text")


def chosen_with_recommended(chosen: Row, recommended: Sequence[Row], most: int) -> Pairs:
    """SPRec's pairs: what the user chose against the model's recommendations of another `item`, which is None where
    a text names none. Reasons: `no_item`, `same_item`: that pair has no gradient."""
    named = [row for row in recommended if row["item"] is not None]
    if chosen["item"] is None or not named:
        return [], "no_item"
    others = [row for row in named if row["item"] != chosen["item"]]
    return gold_with_self(chosen["text"], others, most) if others else ([], "same_item")


def win_rates(preferences: Sequence[Sequence[float]]) -> list[float]:
    """SPPO's win rates: each answer's mean chance of being preferred over all answers of the prompt, itself (a half)
    among them. `preferences[i][j]`: the chance that i is preferred over j.

    Raises ValueError for a matrix that is not square, or whose [i][j] and [j][i] do not add up to 1.
    """
    n = len(preferences)
    for i, row in enumerate(preferences):
        if len(row) != n:
            raise ValueError(f"preferences: row {i} has {len(row)} entries, expected {n}")
        for j, chance in enumerate(row):
            if not 0 <= chance <= 1 or abs(chance + preferences[j][i] - 1) > 1e-9:
                raise ValueError(f"preferences[{i}][{j}] = {chance}: with [{j}][{i}] it does not add up to 1")
    return [sum(row) / n for row in preferences]
