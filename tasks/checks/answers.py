r"""Final answers: where an attempt states its answer, and the normal form that votes are counted by.

The text is a model's and may be hostile: nothing here raises, and time grows linearly with its length.
Numbers are handled as strings, but for the reduction of fractions, whose length is bounded.
"""

import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache

from tasks.checks.characters import plain_characters, plain_digits_and_signs
from tasks.checks.forms import normal_form, with_plain_scale
from tasks.checks.latex import bare
from tasks.checks.units import Unit, split_unit

MAX_CANONICAL_CHARS = 4_000
"""Longer answers keep their spelling: normalising them would cost time and huge integers."""
MAX_MEMORISED_CHARS = 200
MAX_PASSES = 6


@dataclass(frozen=True)
class Answer:
    """What an attempt answered, as written, and where it stood.

    `source` is "pattern", "boxed", "hash", "phrase", "last_number" (a last resort, to be told apart) or
    "none".
    """

    text: str | None
    source: str


def final_answer(text: str, pattern: str | None = None) -> Answer:
    r"""Read the final answer from an attempt.

    With a recipe's own `pattern` (trusted), its last match decides alone: group 1 if it has one, else all of
    it. Without one, the first that is found of: the last balanced `\boxed{}`, the last `#### n`, the last
    `the answer is ...`, the last number. Blank answers count as not found.
    """
    if pattern is not None:
        return _answer(_last_match(pattern, text), "pattern")
    for find, source in (
        (_last_boxed, "boxed"),
        (_last_hash, "hash"),
        (_last_phrase, "phrase"),
        (_last_number, "last_number"),
    ):
        answer = _answer(find(text), source)
        if answer.text is not None:
            return answer
    return Answer(None, "none")


def usable_answer(answer: Answer, finish_reason: str) -> str | None:
    """The answer as it votes; None for a truncated or unparsable attempt, which never does."""
    return answer.text if finish_reason == "stop" and answer.text and canonical(answer) else None


def canonical(answer: Answer | str) -> str:
    r"""Return the normal form of an answer: two answers with the same form have the same value.

    Digits, signs and widths of other scripts, LaTeX spellings, thousands separators and spaces are levelled; `2.50`
    is `2.5`, `\frac{2}{4}` is `1/2`, `(a)` is `A`, `50\%` is `50%`, `2 < x \le 5` is `(2,5]`; sets and lists of
    solutions are sorted; parts of tuples, sets and matrices have normal forms themselves. A unit has one name (`5 cm`
    is `5 centimeter`); money signs, degrees and counted nouns (`18 books`) go. The case of letters is kept. Empty if
    nothing usable is left. Different forms may still be equal: that is for `equivalent` to say. Never raises; time
    grows linearly with the length.
    """
    text = answer.text if isinstance(answer, Answer) else answer
    if text is None:
        return ""
    return _short_form(text) if len(text) <= MAX_MEMORISED_CHARS else _form(text)


def measured(answer: str) -> tuple[str, Unit | None]:
    """The form of an answer's bare value, and the unit it states, dollars and degrees too (None: none is known)."""
    return _measured(answer) if len(answer) <= MAX_MEMORISED_CHARS else (canonical(answer), None)


@lru_cache(maxsize=1 << 16)
def _measured(answer: str) -> tuple[str, Unit | None]:
    form = canonical(answer)
    value, unit = split_unit(form)
    if unit and unit.name:
        return value, unit
    return form, split_unit(with_plain_scale(bare(plain_characters(answer))))[1]  # what a form leaves out


@lru_cache(maxsize=1 << 16)
def _short_form(text: str) -> str:
    return _form(text)


def _form(text: str) -> str:
    plain = plain_digits_and_signs(text)
    if len(plain) > MAX_CANONICAL_CHARS:
        return plain
    form = normal_form(text if len(text) <= MAX_CANONICAL_CHARS else plain)
    for _ in range(MAX_PASSES):  # what one pass uncovers, such as a letter and its accent, the next one mends
        before, form = form, normal_form(form)
        if form == before:
            break
    return form


def _answer(text: str | None, source: str) -> Answer:
    text = text.strip() if text is not None else ""
    return Answer(text, source) if text.strip("$*.,;:{}\\ ") else Answer(None, "none")


def _last_match(pattern: str, text: str) -> str | None:
    found = _last(re.compile(pattern), text)
    if found is None:
        return None
    group: str | None = found.group(1 if found.re.groups else 0)
    return group


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    latest = deque(pattern.finditer(text), maxlen=1)
    return latest[0] if latest else None


_BRACES = re.compile(r"\\boxed\s*\{|\\.|[{}]", re.DOTALL)
_NOT_BLANK = re.compile(r"\S")


def _last_boxed(text: str) -> str | None:
    """Content of the box that closes last and is not blank: one pass, one stack, however unbalanced."""
    start = text.find("\\boxed")
    if start < 0:
        return None
    while start and text[start - 1] == "\\":
        start -= 1  # \\ is a line break, and so no part of the command
    found = None
    opened: list[int] = []  # where the content of each open brace begins; -1 for one that is no box
    for token in _BRACES.finditer(text, start):  # braces before the first box match none of its
        if token.group() == "}":
            content = opened.pop() if opened else -1
            if content >= 0 and _NOT_BLANK.search(text, content, token.start()):
                found = (content, token.start())
        elif token.group().endswith("{") and token.group() != "\\{":
            opened.append(token.end() if len(token.group()) > 1 else -1)
    return text[found[0] : found[1]] if found else None


_HEADING = re.compile(r"[\s*]*[A-Za-z]{2}")


def _last_hash(text: str) -> str | None:
    """What follows the last `####` that an answer follows on its line; `#### Step 1` is a heading."""
    for line in reversed(text.splitlines()) if "####" in text else ():
        _, mark, rest = line.rstrip("# \t").rpartition("####")
        if mark and rest.strip() and not _HEADING.match(rest):
            return rest
    return None


_PHRASE = re.compile(r"\bthe\s(?:final\s)?answer\sis\b\s{0,4}:?[\s*]{0,4}", re.IGNORECASE)
_MATHS = re.compile(r"\$\$([^$]{1,500})\$\$|\$((?:\\\$|[^$\n]){1,500})\$|\\\(([^\n]{0,500}?)\\\)")


def _last_phrase(text: str) -> str | None:
    """What follows the last "the answer is": the formula it opens with, else the rest of the sentence."""
    found = _last(_PHRASE, text)
    if found is None:
        return None
    maths = _MATHS.match(text, found.end())
    formula: str | None = next(filter(None, maths.groups()), None) if maths else None
    if formula and ". " not in formula:  # "$18. She spends $5" are two prices
        return formula
    line = text[found.end() :].partition("\n")[0]
    return re.split(r"\.\s", line, maxsplit=1)[0].rstrip(" .*")


_NUMBER_IN_TEXT = re.compile(r"(?:(?<![\w)\]}])[-−])?\d+(?:,\d{3}(?!\d))*(?:\.\d+)?(?:/\d+)?(?:\\?%)?")


def _last_number(text: str) -> str | None:
    found = _last(_NUMBER_IN_TEXT, text)
    return found.group() if found else None
