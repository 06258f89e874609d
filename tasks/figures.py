"""Figures: what the stages of a round measured, and how they are written for people.

Whatever a stage returns is shown; nothing here knows what it is called. The waves of an online round are one stage
with a value a wave. The first figure that a stage returns is its headline.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from schemas.manifest import Manifest, Score, StageRecord

FRAME = ("collect", "validate", "alarms", "gate", "confirm")
"""Stages around every method: what they say has fields of its own in the manifest."""
ELSEWHERE = {"evaluate": "scores", "train": "training_rows"}
"""So has a figure of these."""

Values = Sequence[Any]
"""Of one figure: one, or one a wave in their order."""


def measured(record: StageRecord) -> dict[str, Any]:
    """Figures of a stage that are a number or a score, or some of these by name, and have no field elsewhere."""
    if record.stage in FRAME:
        return {}
    elsewhere = ELSEWHERE.get(record.stage)
    return {name: value for name, value in record.figures.items() if name != elsewhere and _is_measure(value)}


def by_stage(m: Manifest) -> dict[str, dict[str, Values]]:
    """Stage -> figure -> its values."""
    found: dict[str, dict[str, list[Any]]] = {}
    for shown, figures in m.figures.items():
        of_stage = found.setdefault(re.sub(r"\.wave-[0-9]+", "", shown), {})
        for name, value in figures.items():
            of_stage.setdefault(name, []).append(value)
    return {stage: dict(figures) for stage, figures in found.items()}


def rows(m: Manifest) -> list[tuple[str, str, str]]:
    """Stage, figure, and what it was, in words: all there are, in the order played."""
    return [(s, words(name), line(values)) for s, figures in by_stage(m).items() for name, values in figures.items()]


def headlines(m: Manifest) -> dict[str, Values]:
    """The first figure of each stage, by both names: `propose proposed`."""
    first = {stage: next(iter(figures.items())) for stage, figures in by_stage(m).items() if figures}
    return {f"{stage} {words(name)}": values for stage, (name, values) in first.items()}


def scores(m: Manifest) -> dict[str, Score]:
    """Figures that are shares with an interval, by stage and name: `vote precision`."""
    every = {f"{s} {words(name)}": values for s, figures in by_stage(m).items() for name, values in figures.items()}
    return {name: score for name, values in every.items() if (score := pooled(values))}


def precisions(m: Manifest) -> dict[str, Score]:
    """Judge -> how often its labels are right where the truth is known."""
    every = {stage: pooled(figures.get("precision", ())) for stage, figures in by_stage(m).items()}
    return {stage: score for stage, score in every.items() if score}


def pooled(values: Values) -> Score | None:
    """One score of all waves: each asks other rows. None if these are no scores."""
    found = [score for value in values if (score := _score(value))]
    if len(found) < 2:
        return found[0] if found else None
    from tasks.statistics.intervals import wilson  # it imports numpy

    right, undecided = sum(round(s.accuracy * s.n) for s in found), sum(s.undecided for s in found)
    return wilson(right, sum(s.n for s in found), undecided)


def lines(values: Values) -> dict[str, str]:
    """A figure in words; of several by name, a line each. What differs from wave to wave is a range."""
    named = [value for value in values if isinstance(value, Mapping)]
    if pooled(values) or len(named) < len(values):
        return {"": _worded(values)}
    write = _share if all(map(_are_shares, named)) else _number
    names = dict.fromkeys(name for value in named for name in value)
    return {words(name): _worded([value.get(name, 0) for value in named], write) for name in names}


def means(values: Values) -> dict[str, float]:
    """A figure's numbers for a chart, by name, "" for one without: each the mean over the waves."""
    named = [value if isinstance(value, Mapping) else {"": value} for value in values]
    names = dict.fromkeys(name for value in named for name in value)
    numbers = {name: [n for value in named if isinstance(n := value.get(name, 0), int | float)] for name in names}
    return {
        words(name): sum(found) / len(found) if len(found) > 1 else found[0]
        for name, found in numbers.items()
        if found
    }


def line(values: Values) -> str:
    """A figure in one line."""
    return ", ".join(f"{text} {name}" if name else text for name, text in lines(values).items())


def many(number: float, noun: str) -> str:
    """`1 round`, `2 rounds`, `1,024 rows`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def words(name: str) -> str:
    return str(name).replace("_", " ")


def _is_measure(value: Any) -> bool:
    return _is_plain(value) or (isinstance(value, Mapping) and bool(value) and all(map(_is_plain, value.values())))


def _is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)  # JSON has no others
    return isinstance(value, int) or _score(value) is not None


def _score(value: Any) -> Score | None:
    if not isinstance(value, Mapping) or "accuracy" not in value:
        return None
    try:
        return Score.model_validate(value)
    except ValidationError:
        return None


def _are_shares(named: Mapping[str, Any]) -> bool:
    """Whether they make up a whole; where nothing was counted they are all 0."""
    total = sum(value for value in named.values() if isinstance(value, float))
    return bool(named) and all(isinstance(value, float) for value in named.values()) and abs(total - 1) < 1e-6


def _number(value: float) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"


def _share(value: float) -> str:
    return f"{value:.0%}"


def _worded(values: Values, write: Callable[[float], str] = _number) -> str:
    if score := pooled(values):
        return f"{score.accuracy:.1%} [{score.low:.1%}, {score.high:.1%}]"
    numbers = [value for value in values if isinstance(value, int | float)]
    if not numbers:
        return "-"
    low, high = write(min(numbers)), write(max(numbers))
    return low if low == high else f"{low} to {high}"
