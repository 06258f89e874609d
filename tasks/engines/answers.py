"""What a completion server answered, held against what it was asked for."""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx

from schemas.table import UNANSWERED
from tasks.engines.engine import Ended, Request, Unanswered

OVERHEAD_BYTES = 2**20  # names, usage, a server's own fields; or its list of models
TOKEN_BYTES = 128  # longer than any vocabulary's longest, escaped as JSON
LOGPROB_BYTES = 1024  # the token again, its bytes, its offset, and the likeliest one beside it
LONGEST_WAIT_SECONDS = 60.0
PATIENCE_SECONDS = 240.0  # a server that asks for more wants its request another day
WORTH_ANOTHER_TRY = {408, 409, 425, 429, 500, 502, 503, 504}
REFUSALS = {400, 403, 413, 422, 451}  # of this request, where another is answered
TOO_LONG = re.compile(
    r"context.{0,20}(length|size|window)|too long|too many.{0,10} tokens|max_model_len|n_ctx|max.{0,10} length"
    r"|(exceed|longer than).{0,40}(token|length|context)",
    re.IGNORECASE,
)
ENDS: dict[str, Ended] = {
    "stop": "stop", "eos": "stop", "eos_token": "stop", "stop_sequence": "stop", "end_turn": "stop",
    "length": "length", "max_tokens": "length", "model_length": "length",
    "content_filter": "refused", "safety": "refused", "refusal": "refused",
    "tool_calls": "no_text", "function_call": "no_text",
}  # fmt: skip
"""By the API, and by servers with words of their own."""


class Fault(Exception):
    """An answer that cannot be used; perhaps the next one can."""

    def __init__(
        self,
        problem: str,
        may_pass: bool = True,
        wait: float | None = None,
        reason: Unanswered | None = None,
        status: int = 200,
    ) -> None:
        """`reason`: why this request has no answer, if the server answers others."""
        super().__init__(problem)
        self.may_pass, self.wait, self.reason, self.status = may_pass, wait, reason, status


@dataclass(frozen=True)
class Choice:
    text: str
    finish_reason: Ended
    token_ids: tuple[int, ...] | None
    """None where the server does not tell."""
    logprobs: tuple[float, ...] | None
    """One a token; None if not asked for."""
    problem: str = ""
    """What the model said in place of an answer."""


def fault_of(status: int, words: str, headers: httpx.Headers, in_answer: bool = False) -> Fault:
    """An error of a server. `in_answer`: it stands in an answer of status 200, as some have it."""
    wait, reason = retry_after(headers), None
    if status in REFUSALS:
        reason = "prompt_too_long" if TOO_LONG.search(words) else "refused"
    elif status == 500 or (in_answer and status != 429):
        reason = "failed"
    said = f"{'error' if in_answer else 'HTTP'} {status}" + (f": {words[:200]!r}" if words else "")
    if (wait or 0.0) > PATIENCE_SECONDS:
        return Fault(f"{said}; it asks to wait {wait:,.0f} s", False, status=status)
    return Fault(said, status in WORTH_ANOTHER_TRY, wait, cast(Unanswered | None, reason), status)


def error_in(answer: Any) -> int:
    """The status of an error that stands where the choices should; 0 for none."""
    error = answer.get("error") if isinstance(answer, dict) and not answer.get("choices") else None
    code = error.get("code") if isinstance(error, dict) else None
    number = int(code) if isinstance(code, int | str) and str(code).isdecimal() and len(str(code)) == 3 else 0
    return number or (400 if code else 500) if error else 0


def most_bytes(asked_tokens: int, logprobs: bool = False) -> int:
    """The longest answer that so many tokens can make."""
    return OVERHEAD_BYTES + (TOKEN_BYTES + LOGPROB_BYTES * logprobs) * asked_tokens


def choices_of(answer: Any, request: Request, api: str) -> list[Choice]:
    """The samples, in the order of their index: n, or fewer from a server that gives no more at once. Raises Fault at
    any other shape, and at text that goes on past where it was to stop."""
    given, n = answer.get("choices") if isinstance(answer, dict) else None, request.n
    if not isinstance(given, list):
        raise Fault("no list of choices in the answer")
    if not 1 <= len(given) <= n:
        raise Fault(f"{len(given)} of {n} samples")
    unnumbered = not any(isinstance(entry, dict) and "index" in entry for entry in given)
    choices: dict[int, Choice] = {}
    for place, entry in enumerate(given):
        index, end = (entry.get(k) if isinstance(entry, dict) else None for k in ("index", "finish_reason"))
        index = place if unnumbered else index
        if type(index) is not int or not 0 <= index < n or index in choices:
            raise Fault(f"a choice with index {str(index)[:40]!r} of {n}")
        if not isinstance(end, str) or end.lower() not in ENDS:  # "abort": the server went down over it
            raise Fault(f"choice {index} ended by {str(end)[:40]!r}", reason="failed" if end == "error" else None)
        ended, text = ENDS[end.lower()], entry.get("text")
        if api == "chat":
            ended, text = _said(entry.get("message"), ended)
        if not isinstance(text, str):
            raise Fault(f"choice {index} without a text")
        if ended in UNANSWERED:
            problem = text[:200].encode("utf-8", "replace").decode()
            choices[index] = Choice("", ended, None, None, problem or f"it ended by {end[:40]!r}")
            continue
        if any(character in text for character in request.sampling.stop):
            raise Fault(f"choice {index} goes on past its end: this server ignores stop", may_pass=False)
        token_ids = _token_ids(entry.get("token_ids"))
        if token_ids and len(token_ids) > request.sampling.max_tokens:
            raise Fault(f"choice {index} of {len(token_ids)} tokens: this server ignores max_tokens", may_pass=False)
        logprobs = _logprobs(entry.get("logprobs"), api) if request.logprobs else None
        if token_ids and logprobs and len(token_ids) != len(logprobs):
            raise Fault(f"choice {index} of {len(token_ids)} tokens with {len(logprobs)} log-probabilities")
        # lone surrogates are no Unicode that could be stored
        choices[index] = Choice(text.encode("utf-8", "replace").decode(), ended, token_ids, logprobs)
    if [*sorted(choices)] != [*range(len(given))]:
        raise Fault(f"choices {sorted(choices)} of {n}")
    return [choices[index] for index in range(len(given))]


def _said(message: Any, ended: Ended) -> tuple[Ended, Any]:
    """How a chat ended, and its text. It may lack one: the model declined, thought apart and said nothing, or was
    cut off at it."""
    if not isinstance(message, dict):
        return ended, None
    content, refusal = message.get("content"), message.get("refusal")
    if isinstance(content, list):  # in parts, of which only text is an answer
        parts = [part if isinstance(part, dict) else {"type": None} for part in content]
        refusal = refusal or next((part.get("refusal") for part in parts if part.get("type") == "refusal"), None)
        texts = [part.get("text") for part in parts if part.get("type") == "text"]
        content = "".join(map(str, texts)) if texts or refusal or parts == [] else content
    if isinstance(refusal, str) and refusal and not content:
        return "refused", refusal
    if content is None and "content" in message:
        return ("no_text", "") if ended == "stop" else (ended, "")
    return ended, content


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
    """Name -> entry of each model that a server serves: in `data`, or in a bare list. Raises Fault at any other
    shape."""
    given = answer.get("data") if isinstance(answer, dict) else answer
    if not isinstance(given, list) or not all(isinstance(e, dict) and isinstance(e.get("id"), str) for e in given):
        raise Fault("no list of models in the answer")
    return {entry["id"]: entry for entry in given}


def retry_after(headers: httpx.Headers) -> float | None:
    """Seconds that the server asks to wait. A date is held against the server's own clock, not against this
    machine's."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until, now = _date(text), _date(headers.get("Date", ""))
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def _date(text: str) -> datetime:
    return parsedate_to_datetime(text)
