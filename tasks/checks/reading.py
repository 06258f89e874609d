r"""Reading: where an attempt states its final answer.

The text is a model's and may be hostile: nothing here raises, and time grows linearly with its length.
"""

import re
from collections import deque
from dataclasses import dataclass

from schemas.pattern import last_match


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
        return _answer(last_match(pattern, text), "pattern")
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


def _answer(text: str | None, source: str) -> Answer:
    text = text.strip() if text is not None else ""
    return Answer(text, source) if text.strip("$*.,;:{}\\ ") else Answer(None, "none")


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
