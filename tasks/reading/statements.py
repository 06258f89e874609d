"""Statements: what stands behind "the answer is", on an answer line or in an answer tag."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from tasks.reading.clauses import stated
from tasks.reading.languages import announcements, with_decimal_points

MOST_TRIED = 32
MAX_CHARS = 1_000
"""So much is read of what stands behind an announcement."""

_TAG = re.compile(r"<(answer|final[_ -]?answer|ans)\s?>|\[(answer|final[_ -]answer)\]", re.IGNORECASE)
_CORRECT = re.compile(
    r"(?:\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s*\(?([A-J])\)?|\(([A-J])\))[^\w\n]{0,12}\s?is\s+(?:the\s+)?(?:correct|right|best)\b"
)


@dataclass(frozen=True)
class _Candidate:
    start: int
    end: int
    source: str
    read: Callable[[str], str | None]
    """The answer, of what stands behind `end`."""


def last_statement(text: str) -> tuple[str | None, str]:
    """The answer that is announced last, and how: "tag", "line" (by a colon or a heading) or "phrase" (by a verb)."""
    for candidate in sorted(_candidates(text), key=lambda c: (c.end, -c.start))[: -MOST_TRIED - 1 : -1]:
        if answer := candidate.read(text[candidate.end : candidate.end + MAX_CHARS]):
            return answer, candidate.source
    return None, "none"


def _candidates(text: str) -> Iterator[_Candidate]:
    for said in announcements(text):
        yield _Candidate(said.start, said.end, said.source, _in_points if said.decimal_comma else stated)
    for tag in _TAG.finditer(text):
        yield _Candidate(*tag.span(), "tag", partial(_tagged, name=tag[1] or tag[2]))
    for choice in _CORRECT.finditer(text):
        yield _Candidate(*choice.span(), "phrase", partial(_letter, choice[1] or choice[2]))


def _letter(letter: str, behind: str) -> str:
    return letter


def _in_points(behind: str) -> str | None:
    answer = stated(behind)
    return with_decimal_points(answer) if answer else None


def _tagged(behind: str, name: str) -> str | None:
    """What the tag holds: one line, as it stands if it is no answer in a sentence."""
    closing = re.search(rf"[<\[]\s?/\s?{re.escape(name)}", behind, re.IGNORECASE)
    inside = (behind[: closing.start()] if closing else behind.strip().partition("\n")[0]).strip()
    return stated(inside) or (inside if inside and "\n" not in inside and len(inside) <= 200 else None)
