"""Reading: which of two answers a judge called better.

The text is a model's and may be hostile: nothing here raises, and time grows linearly with its length.
"""

from schemas.pattern import last_match
from tasks.reading.thinking import behind_thinking

FIRST = {"1": True, "A": True, "2": False, "B": False}


def prefers_first(text: str, pattern: str) -> bool | None:
    """What the pattern's last match says, behind the judge's thinking; None for neither 1, A, 2 nor B. A word before
    it does not take its place."""
    said = behind_thinking(text)
    stated = last_match(pattern, said) if said is not None else None
    return FIRST.get(stated.strip().upper()) if stated else None
