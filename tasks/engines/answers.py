"""What a completion server answered, held against what it was asked for."""

import math
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx

from tasks.engines.engine import Request

OVERHEAD_BYTES = 2**20  # names, usage, a server's own fields; or its list of models
TOKEN_BYTES = 128  # longer than any vocabulary's longest, escaped as JSON
LOGPROB_BYTES = 1024  # the token again, its bytes, its offset, and the likeliest one beside it
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
    token_ids: tuple[int, ...] | None
    """None where the server does not tell."""
    logprobs: tuple[float, ...] | None
    """One a token; None if not asked for."""


def most_bytes(asked_tokens: int, logprobs: bool = False) -> int:
    """The longest answer that so many tokens can make."""
    return OVERHEAD_BYTES + (TOKEN_BYTES + LOGPROB_BYTES * logprobs) * asked_tokens


def choices_of(answer: Any, request: Request, api: str) -> list[Choice]:
    """The n samples, in the order of their index. Raises Fault at any other shape, and at text that goes on past
    where it was to stop."""
    given, n = answer.get("choices") if isinstance(answer, dict) else None, request.n
    if not isinstance(given, list):
        raise Fault("no list of choices in the answer")
    if len(given) != n:
        raise Fault(f"{len(given)} of {n} samples")
    choices: dict[int, Choice] = {}
    for entry in given:
        index, end = (entry.get(k) if isinstance(entry, dict) else None for k in ("index", "finish_reason"))
        if type(index) is not int or not 0 <= index < n or index in choices:
            raise Fault(f"a choice with index {str(index)[:40]!r} of {n}")
        if not isinstance(end, str) or end not in ENDS:  # "abort": the server went down over it
            raise Fault(f"choice {index} ended by {str(end)[:40]!r}")
        text = _said(entry.get("message"), end) if api == "chat" else entry.get("text")
        if not isinstance(text, str):
            raise Fault(f"choice {index} without a text")
        if any(character in text for character in request.sampling.stop):
            raise Fault(f"choice {index} goes on past its end: this server ignores stop", may_pass=False)
        token_ids = _token_ids(entry.get("token_ids"))
        if token_ids and len(token_ids) > request.sampling.max_tokens:
            raise Fault(f"choice {index} of {len(token_ids)} tokens: this server ignores max_tokens", may_pass=False)
        logprobs = _logprobs(entry.get("logprobs"), api) if request.logprobs else None
        if token_ids and logprobs and len(token_ids) != len(logprobs):
            raise Fault(f"choice {index} of {len(token_ids)} tokens with {len(logprobs)} log-probabilities")
        # lone surrogates are no Unicode that could be stored
        choices[index] = Choice(text.encode("utf-8", "replace").decode(), ENDS[end], token_ids, logprobs)
    return [choices[index] for index in range(n)]


def _said(message: Any, end: str) -> Any:
    """A chat's text. It may lack one: the model declined, or was cut off while it thought apart."""
    if not isinstance(message, dict):
        return None
    content, refusal = message.get("content"), message.get("refusal")
    declined = refusal if isinstance(refusal, str) else "" if end != "stop" else None
    return declined if content is None else content


def _token_ids(given: Any) -> tuple[int, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not given or not all(type(i) is int and 0 <= i < 2**31 for i in given):
        raise Fault("token ids that are none")
    return tuple(given)


def _logprobs(given: Any, api: str) -> tuple[float, ...]:
    """Raises Fault where there are none: they were asked for."""
    found = given.get("content" if api == "chat" else "token_logprobs") if isinstance(given, dict) else None
    if api == "chat" and isinstance(found, list):
        found = [entry.get("logprob") if isinstance(entry, dict) else None for entry in found]
    if not isinstance(found, list):
        raise Fault("no log-probabilities, which were asked for: this server ignores logprobs", may_pass=False)
    if not all(isinstance(p, int | float) and not isinstance(p, bool) and -math.inf < p < 1e-3 for p in found):
        raise Fault("log-probabilities that are none")
    return tuple(min(float(p), 0.0) for p in found)  # rounding may leave it a little above


def counted(answer: Any, request: Request) -> int | None:
    """Tokens of one sample by the server's own count; None where it tells none that could be. Of several samples it
    tells the sum alone."""
    usage = answer.get("usage") if isinstance(answer, dict) and request.n == 1 else None
    told = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return told if type(told) is int and 1 <= told <= request.sampling.max_tokens else None


def models_of(answer: Any) -> dict[str, dict[str, Any]]:
    """Name -> entry of each model that a server serves. Raises Fault at any other shape."""
    given = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(given, list) or not all(isinstance(e, dict) and isinstance(e.get("id"), str) for e in given):
        raise Fault("no list of models in the answer")
    return {entry["id"]: entry for entry in given}


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
