"""Columns: whether a file's column can hold references at all, and which other one could be meant."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tasks.reading.references import DOUBTFUL, read_reference

Row = dict[str, Any]

LOOKED_AT = 300
"""Rows that a column is judged by: those it begins with."""
FEW = 8
"""Fewer rows than this say nothing of whether a column counts its rows."""
MOST_CHARACTERS = 200
_ID = re.compile(r"(?:.*[_ -])?(?:id|idx|index|uid|uuid|guid|key|number|no|row|hash)", re.IGNORECASE)
_ANSWERS = re.compile(r"answer|gold|target|label|reference|solution|result|truth|correct", re.IGNORECASE)
_PATH = re.compile(r"[A-Za-z][\w.-]*(?:/[\w.-]+){2,}|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{24,64}", re.IGNORECASE)


def no_references(rows: Sequence[Row], question: str, answer: str) -> str | None:
    """What a column holds instead of references; None if it can hold them. Decided by the larger part of its rows."""
    if answer == question:
        return "the questions"
    values = [row.get(answer) for row in rows[:LOOKED_AT] if row.get(answer) is not None]
    if not values:
        return None
    half = len(values) / 2
    asked = [row.get(question) for row in rows[:LOOKED_AT] if row.get(answer) is not None]
    pairs = [
        (text.strip(), str(value).strip()) for text, value in zip(asked, values, strict=True) if isinstance(text, str)
    ]
    if sum(text == value for text, value in pairs) > half:
        return "the questions"
    if _are_ids(answer, values):
        return "ids"
    read = [read_reference(value) for value in values]
    why = Counter(found.how for found in read if found.text is None and found.how != "no answer")
    if why.total() > half:
        return (
            why.most_common(1)[0][0]
            .replace("the answer is", "no answers but", 1)
            .replace("a text that states", "texts that state")
        )
    return None


def column_meant(rows: Sequence[Row], question: str, answer: str) -> str | None:
    """The other column that reads as short answers, by its content and then by its name; None if there is none."""
    looked_at = rows[:LOOKED_AT]
    best: tuple[tuple[bool, float], str] | None = None
    for column in dict.fromkeys(name for row in looked_at for name in row):
        if column in (question, answer) or not isinstance(column, str):
            continue
        values = [row.get(column) for row in looked_at]
        if no_references(looked_at, question, column) or _are_ids(column, values):
            continue
        read = [read_reference(value) for value in values]
        usable = [f for f in read if f.text and len(f.text) <= MOST_CHARACTERS and f.how not in DOUBTFUL]
        distinct = len({found.text for found in usable})
        named = bool(_ANSWERS.search(column))
        if len(usable) < 0.9 * len(values) or (not named and len(usable) >= FEW and distinct < len(usable) / 4):
            continue  # a level or a subject is the same in many rows
        worked_out = sum(len(str(value)) for value in values) / len(values)
        rank = (named, -worked_out)
        if best is None or rank > best[0]:
            best = rank, column
    return best[1] if best else None


def _are_ids(column: str, values: list[Any]) -> bool:
    texts = [str(value).strip() for value in values]
    if len(set(texts)) < len(texts) or len(texts) < 2:
        return False
    if sum(bool(_PATH.fullmatch(text[:300])) for text in texts) > len(texts) / 2:
        return True
    if not _ID.fullmatch(column):
        return False
    counted = [int(text) for text in texts if text.isdecimal() and len(text) < 18]
    return (
        counted == list(range(counted[0], counted[0] + len(texts)))
        if counted
        else all(re.fullmatch(r"[\w.:-]+", text) for text in texts)
    )
