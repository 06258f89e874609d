"""What a completion server answered, held against what it was asked for."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx

OVERHEAD_BYTES = 2**20  # names, usage, a server's own fields; or its list of models
TOKEN_BYTES = 128  # longer than any vocabulary's longest, escaped as JSON
LONGEST_WAIT_SECONDS = 60.0
ENDS: dict[str, Literal["stop", "length"]] = {"stop": "stop", "length": "length", "content_filter": "length"}


class Fault(Exception):
    """An answer that cannot be used; perhaps the next one can."""

    def __init__(self, problem: str, may_pass: bool = True, wait: float | None = None) -> None:
        super().__init__(problem)
        self.may_pass, self.wait = may_pass, wait


@dataclass(frozen=True)
class Choice:
    text: str
    finish_reason: Literal["stop", "length"]


def most_bytes(asked_tokens: int) -> int:
    """The longest answer that so many tokens can make."""
    return OVERHEAD_BYTES + TOKEN_BYTES * asked_tokens


def choices_of(answer: Any, n: int) -> list[Choice]:
    """The n samples, in the order of their index. Raises Fault at any other shape."""
    given = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(given, list):
        raise Fault("no list of choices in the answer")
    if len(given) != n:
        raise Fault(f"{len(given)} of {n} samples")
    choices: dict[int, Choice] = {}
    for entry in given:
        index, text, end = (
            entry.get(k) if isinstance(entry, dict) else None for k in ("index", "text", "finish_reason")
        )
        if type(index) is not int or not 0 <= index < n or index in choices:
            raise Fault(f"a choice with index {str(index)[:40]!r} of {n}")
        if not isinstance(text, str):
            raise Fault(f"choice {index} without a text")
        if not isinstance(end, str) or end not in ENDS:  # "abort": the server went down over it
            raise Fault(f"choice {index} ended by {str(end)[:40]!r}")
        # lone surrogates are no Unicode that could be stored
        choices[index] = Choice(text.encode("utf-8", "replace").decode(), ENDS[end])
    return [choices[index] for index in range(n)]


def models_of(answer: Any) -> list[str]:
    """Names of the models that a server serves. Raises Fault at any other shape."""
    given = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(given, list) or not all(isinstance(e, dict) and isinstance(e.get("id"), str) for e in given):
        raise Fault("no list of models in the answer")
    return sorted(entry["id"] for entry in given)


def retry_after(headers: httpx.Headers) -> float | None:
    """Seconds that the server asks to wait, a minute at most. A date is held against the server's own clock, not
    against this machine's."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT_SECONDS)
    try:
        until, now = _date(text), _date(headers.get("Date", ""))
        return min(max((until - now).total_seconds(), 0.0), LONGEST_WAIT_SECONDS)
    except (ValueError, TypeError, OverflowError):
        return None


def _date(text: str) -> datetime:
    return parsedate_to_datetime(text)
