"""Reading: the grade that a judge gave by a rubric.

The text is a model's and may be hostile: nothing here raises, and time grows linearly with its length.
"""

import re

from schemas.pattern import last_match
from tasks.reading.thinking import behind_thinking

_WORDS = {"yes": "1", "no": "0"}
_GRADE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(?: ?(?:/|out of) ?([0-9]{1,9}))?", re.IGNORECASE)


def read_grade(text: str, pattern: str, scale: int) -> float | None:
    """What the pattern's last match says, behind the judge's thinking; None if that is no number from 0 to the scale,
    or one on another scale (`4/10`). On a scale of 1, yes is 1 and no is 0. A grade before it does not take its
    place."""
    said = behind_thinking(text)
    stated = last_match(pattern, said) if said is not None else None
    stated = stated.strip().rstrip(".,-") if stated else ""
    found = _GRADE.fullmatch(_WORDS.get(stated.lower(), stated) if scale == 1 else stated)
    if found is None or int(found[2] or scale) != scale or float(found[1]) > scale:
        return None
    return float(found[1])
