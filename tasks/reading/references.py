r"""References: the true answer in a value of a user's file, however the benchmark that it comes from writes it.

The file may hold anything: nothing here raises.
"""

import ast
import json
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tasks.novelty.words import num_words
from tasks.reading.attempts import final_answer

MANY_WORDS = 12
"""A text of more words is a sentence: read as it stands, and doubtful."""
MOST_WORDS = 60
"""A text of more words, or of three lines, that states no answer is no reference."""
MOST_LISTED = 20
LONGEST_INTEGER = 4_000
"""Bits; Python refuses to write the digits of integers some times as long."""
INTEGERS_END = 10**15
"""Floats from here on may stand for other integers."""
DOUBTFUL = ("a sentence as it stands", "the sentence that states it", "a list of several")


@dataclass(frozen=True)
class Reference:
    """`how`: how `text` was read ("as it stands", "a box", ...), or, where `text` is None, why it could not be."""

    text: str | None
    how: str

    @property
    def doubtful(self) -> bool:
        return self.text is not None and self.how in DOUBTFUL


def read_reference(value: Any) -> Reference:
    r"""Read a reference from a column's value.

    A worked solution is read as an attempt is, by its box, its `#### n` or the sentence that states the answer, and
    never by its last number. `34.0` is 34, true is Yes, `9 (apples)` is 9, a list of one is what it holds, and
    several short answers are one list, "1, 2".
    """
    match value:
        case None:
            return Reference(None, "no answer")
        case bool():
            return Reference("Yes" if value else "No", "a boolean")
        case int() | float() | Decimal():
            return _number(value)
        case str():
            return _text(value.strip())
        case list() | tuple():
            return _list(list(value))
        case dict():
            return Reference(None, "the answer is a dict")
    return Reference(None, f"the answer is a {type(value).__name__}")


def _number(value: int | float | Decimal) -> Reference:
    if isinstance(value, int):
        is_short = value.bit_length() < LONGEST_INTEGER
        return Reference(str(value), "as it stands") if is_short else Reference(None, "the answer is a huge number")
    if (isinstance(value, Decimal) and value.is_nan()) or math.isnan(value):
        return Reference(None, "no answer")
    if math.isinf(value):
        return Reference(None, "the answer is infinite")
    is_whole = abs(float(value)) < INTEGERS_END and value == int(value)
    return Reference(str(int(value)) if is_whole else str(value), "as it stands")


_STATED = re.compile(r"\banswers?\b|答案|ответ|respuesta|réponse|antwort|risposta|resposta", re.IGNORECASE)
_LISTED = re.compile(r"\[\s*[\"'].*[\"']\s*\]", re.DOTALL)
_NAMED = re.compile(r"(?P<value>[^()]*[\d)}$%])\s*\((?P<name>[^\W\d_][^()\d=<>]{0,40})\)")
_NOT_A_NAME = re.compile(r"\s*(?:mod|base|multiplicity|approx|about|or|and|rounded|in)\b", re.IGNORECASE)
_BLANK = ("", "nan", "null", "n/a", "<na>")


def _text(text: str) -> Reference:
    if text.lower() in _BLANK:
        return Reference(None, "no answer")
    words = num_words(text)
    if "\\boxed" in text or "\\fbox" in text:
        if (found := final_answer(text)).text and found.source.startswith("box"):
            return Reference(found.text, "a box")
    elif "####" in text:
        if (found := final_answer(text)).text and _states(found.source):
            return Reference(found.text.strip(), "a line with ####")
    elif _LISTED.fullmatch(text) and (values := _literal(text)) is not None:
        return _list(values)
    elif words > MANY_WORDS or _STATED.search(text):
        found = final_answer(text)
        if found.text and _states(found.source):
            return Reference(found.text, "the sentence that states it")
    if words <= MANY_WORDS and (values := _before_brackets(text)):
        return Reference(", ".join(values), "the number before the brackets")
    if words > MOST_WORDS or (text.count("\n") >= 2 and "\\begin" not in text):
        return Reference(None, "a text that states no answer")
    return Reference(text, "a sentence as it stands" if _words(text) > MANY_WORDS else "as it stands")


def _states(source: str) -> bool:
    """Whether an attempt's answer was stated as such: a last number or formula may be any."""
    return source not in ("last_number", "none") and "formula" not in source


def _before_brackets(text: str) -> list[str]:
    """9 of `9 (apples)`, 12 and 14 of `12 (girls); 14 (boys)`; empty for a text of another form."""
    found = [_NAMED.fullmatch(part.strip()) for part in text.split(";", MOST_LISTED)]
    if len(text) > 200 or not all(part and not _NOT_A_NAME.match(part["name"]) for part in found):
        return []
    return [part["value"].strip() for part in found if part]


def _words(text: str) -> int:
    """Words of a language: LaTeX's commands and formulas have none."""
    return len(re.findall(r"(?<![\\\w])[^\W\d_]{2,}", text))


def _literal(text: str) -> list[Any] | None:
    """The list of texts that a cell of a CSV file spells, as JSON or as Python prints it."""
    if len(text) > 10_000:
        return None
    for load in (json.loads, ast.literal_eval):
        try:
            values = load(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return values
    return None


_SHORT = re.compile(r"[^\W\d_]{0,2}|.*[\d\\$].*", re.DOTALL)


def _list(values: list[Any]) -> Reference:
    """One answer, or several short ones; several words may be spellings of one, and are none."""
    if len(values) == 1 and not isinstance(values[0], list | tuple):
        found = read_reference(values[0])
        plain = found.how in ("as it stands", "a boolean")
        return Reference(found.text, "a list of one" if plain else found.how) if found.text else found
    if not values:
        return Reference(None, "the answer is an empty list")
    for kind, name in ((list | tuple, "lists"), (dict, "dicts")):
        if any(isinstance(value, kind) for value in values):
            return Reference(None, f"the answer is a list of {name}")
    read = [read_reference(value) for value in values[: MOST_LISTED + 1]]
    texts = [found.text for found in read if found.text and _SHORT.fullmatch(found.text) and not found.doubtful]
    if len(texts) < len(values):
        return Reference(None, f"the answer is a list of {len(values)}")
    return Reference(", ".join(texts), "a list of several")
