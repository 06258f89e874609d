"""Statements: what stands behind "the answer is", on an answer line or in an answer tag."""

import re

from tasks.checks.clauses import stated
from tasks.checks.languages import LINE, PHRASE, with_decimal_points

MOST_TRIED = 32
MAX_CHARS = 1_000
"""So much is read of what stands behind an announcement."""

_TAG = re.compile(r"<(answer|final[_ -]?answer|ans)\s?>|\[(answer|final[_ -]answer)\]", re.IGNORECASE)
_CORRECT = re.compile(
    r"(?:\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s*\(?([A-J])\)?|\(([A-J])\))[^\w\n]{0,12}\s?is\s+(?:the\s+)?(?:correct|right|best)\b"
)
_SOURCES = {PHRASE: "phrase", LINE: "line", _TAG: "tag", _CORRECT: "phrase"}


def last_statement(text: str) -> tuple[str | None, str]:
    """The answer that is announced last, and how: "tag", "line" (by a colon or a heading) or "phrase" (by a verb)."""
    found = [said for pattern in _SOURCES for said in pattern.finditer(text)]
    found.sort(key=lambda said: (said.end(), -said.start()))
    for said in found[: -MOST_TRIED - 1 : -1]:
        if answer := _answer(said, text[said.end() : said.end() + MAX_CHARS]):
            return answer, _SOURCES[said.re]
    return None, "none"


def _answer(said: re.Match[str], behind: str) -> str | None:
    if said.re is _CORRECT:
        return said[1] or said[2]
    if said.re is _TAG:
        return _tagged(behind, said[1] or said[2])
    answer = stated(behind)
    return with_decimal_points(answer) if answer and said["comma"] else answer


def _tagged(behind: str, name: str) -> str | None:
    """What the tag holds: one line, as it stands if it is no answer in a sentence."""
    closing = re.search(rf"[<\[]\s?/\s?{re.escape(name)}", behind, re.IGNORECASE)
    inside = (behind[: closing.start()] if closing else behind.strip().partition("\n")[0]).strip()
    return stated(inside) or (inside if inside and "\n" not in inside and len(inside) <= 200 else None)
