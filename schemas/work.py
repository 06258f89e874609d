"""Work: the most that a stage can come to, before it is played.

A stage's module may have a function `work(settings, rows)` beside the stage: its section, and the most rows of each
table that it is given, by parameter; other inputs of the stage go by their names. Without one, each row that it is
given counts once, or as often as its section's `num_samples` says (tasks/estimate/bounds.py).
"""

from dataclasses import dataclass

ROW_BYTES = 500  # ids, figures, what is short
PROMPT_BYTES = 2_000  # where a row has one
TOKEN_BYTES = 8  # of text: few tokens are longer


@dataclass(frozen=True)
class Work:
    """Of one play of a stage."""

    rows: int
    """That it writes of any one table. What it takes grows with these."""
    tokens: int = 0
    """Generated."""
    trained: int = 0
    """Tokens that optimiser steps go over."""
    bytes: int = 0
    """Of tables, before compression, and weights."""


def of_rows(rows: int, written: int | None = None, longest: int = 0) -> Work:
    """Of a stage that writes rows with a prompt and a text. `written`: texts sampled, if not one a row; `longest`: of
    such a text, in tokens."""
    texts = rows if written is None else written
    return Work(rows, tokens=texts * longest, bytes=texts * (ROW_BYTES + PROMPT_BYTES + longest * TOKEN_BYTES))
