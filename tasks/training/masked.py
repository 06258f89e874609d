"""Masked: the part of a completion that is written but not learnt. Its tokens have no advantage, so no gradient."""

from collections.abc import Sequence
from typing import Any

from tasks.engines.texts import tokens_of
from tasks.reading.posed import masked_span

Row = dict[str, Any]


def without_masked(
    tokenizer: Any, rows: Sequence[Row], advantages: Sequence[list[float]], pattern: str | None
) -> list[list[float]]:
    """Each row's advantages, 0 where the pattern's group 1 stands in its completion. The tokens still count in a mean
    over tokens, and a KL in the loss still pulls on them."""
    if pattern is None:
        return [*advantages]
    found = []
    for row, values in zip(rows, advantages, strict=True):
        if span := masked_span(row["completion"], pattern):
            first, last = tokens_of(tokenizer, row["prompt_ids"], row["completion_ids"], span)
            values = [0.0 if first <= place < last else value for place, value in enumerate(values)]
        found.append(values)
    return found
