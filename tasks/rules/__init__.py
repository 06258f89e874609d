"""What a stage holds a row to: each rule said once, for the stage, which takes the first that refuses, and for `why`.

The rules of the stage `select` are in select.py here, and so on: generators of `Rule`, in the order they are tried,
and a function `rules` that replays them on what is stored. `why` finds them by the stage's name.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import takewhile
from typing import Any, NamedTuple

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]
"""By table: a question, say, and what was said and made of it."""


class Rule(NamedTuple):
    """One rule, tried on one row."""

    name: str
    """The reason that it refuses for."""
    figure: float | None = None
    """None: it is not measured, or nobody kept it."""
    threshold: float | None = None
    outcome: str = "passed"
    """passed, dropped, or, of more than will be used, capped."""


def outcome(refuses: bool) -> str:
    return "dropped" if refuses else "passed"


def first_refusal(rules: Iterable[Rule]) -> Rule | None:
    """Rules behind it are not tried."""
    return next((rule for rule in rules if rule.outcome == "dropped"), None)


def replayed(stage: str, settings: Row, rows: Rows, refusals: Sequence[Row]) -> Iterator[Row]:
    """Rows of stage, filter, figure, threshold, and outcome: passed, capped, dropped or not tried. `settings`: all
    that the stage was given, by parameter.

    What the stage kept of its refusals counts, not what the rules would say today.
    """
    try:
        tried = list(_rules_of(stage)(settings, rows))
    except (ValueError, KeyError):  # settings or rows of another version
        tried = []
    refused = {row["reason"] for row in refusals[:1]}
    passed = list(takewhile(lambda rule: rule.name not in refused, tried))
    for rule in passed:
        yield entry(stage, rule, "capped" if rule.outcome == "capped" else "passed")
    for row in refusals:
        yield entry(stage, Rule(row["reason"], row["figure"], row["threshold"]), "dropped")
    for rule in tried[len(passed) + 1 :]:
        yield entry(stage, rule._replace(figure=None), "not tried")


def _rules_of(stage: str) -> Callable[[Row, Rows], Iterable[Rule]]:
    name = f"{__name__}.{stage}"
    if not re.fullmatch("[a-z_]+", stage) or find_spec(name) is None:
        return lambda settings, rows: ()
    found: Callable[[Row, Rows], Iterable[Rule]] = getattr(import_module(name), "rules", lambda settings, rows: ())
    return found


def entry(stage: str, rule: Rule, outcome: str = "passed") -> Row:
    return {"stage": stage, "filter": rule.name, "figure": rule.figure, "threshold": rule.threshold} | {
        "outcome": outcome
    }
