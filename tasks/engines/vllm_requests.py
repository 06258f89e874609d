"""What vLLM is asked, and what it answers: requests go out as token ids, so that one tokenizer decides, and come back
as such."""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import Any

import httpx

from schemas.errors import Stopped
from tasks.engines.answers import Fault
from tasks.engines.engine import Completion, Request, unanswered
from tasks.engines.openai import ServerEngine
from tasks.engines.texts import Asked, asked, said

ENDS = ("stop", "length")  # "abort": the server went down over it
TOKEN_BYTES = 512  # of an answer: text, id, log-probability

Answer = dict[str, Any]


class Down(Exception):
    """The server did not answer a request as it should: it may be gone."""


@dataclass
class Asking(ServerEngine):
    """Asks each request once: what comes of a fault is decided for all of them together."""

    max_model_len: int = 0

    async def _complete(self, request: Request) -> list[Completion]:
        began, prompt = time.monotonic(), asked(self.tokenizer, request.prompt)
        ids, longest = prompt.ids, request.sampling.max_tokens
        if longest >= self.max_model_len:
            raise Stopped(
                f"max_tokens = {longest} leaves a prompt no room in engine.max_model_len = {self.max_model_len}; "
                "raise it, then run again"
            )
        if len(ids) + longest > self.max_model_len:
            problem = (
                f"{len(ids)} tokens and max_tokens = {longest} exceed engine.max_model_len = {self.max_model_len}"
            )
            return unanswered(request, prompt.text, "prompt_too_long", problem)
        body = request.sampling.model_dump(exclude={"stop"}) | {
            "model": self.model,
            "prompt": ids,
            "n": request.n,
            "seed": seed_of(request),
            "stop": list(request.sampling.stop),
            "return_token_ids": True,
        }
        if request.logprobs:
            body["logprobs"] = 0  # those of the sampled tokens
        most = 2**20 + TOKEN_BYTES * (request.n * longest + len(ids))
        try:
            try:
                answer = await self._answered(body, most)
            except Fault as fault:
                if fault.may_pass or fault.reason is None:
                    raise
                await self._answered(body | {"prompt": ids[:1]}, most)  # else it is not the prompt
                return unanswered(request, prompt.text, fault.reason, str(fault))
            seconds = time.monotonic() - began
            choices = sorted(answer["choices"], key=lambda choice: choice["index"])
            if len(choices) != request.n or any(choice["finish_reason"] not in ENDS for choice in choices):
                raise Down("an answer cut off")
            return [_completion(self.tokenizer, request, prompt, choice, seconds) for choice in choices]
        except Fault as fault:
            if not fault.may_pass:
                raise Stopped(f"vLLM refused a request: {fault}") from fault
            raise Down(str(fault)) from fault
        except TimeoutError as error:
            raise Down(f"no answer in {self.settings.timeout_seconds:g} s (engine.timeout_seconds)") from error
        except (httpx.HTTPError, KeyError, TypeError) as error:
            raise Down(f"{error.__class__.__name__}: {error}") from error

    async def _answered(self, body: Answer, most: int) -> Any:
        async with asyncio.timeout(self.settings.timeout_seconds):
            return await self._answer("POST", f"{self.settings.url}/completions", body, most)


def _completion(tokenizer: Any, request: Request, prompt: Asked, choice: Answer, seconds: float) -> Completion:
    ids = tuple(choice["token_ids"])
    [(text, same)] = said(tokenizer, [prompt], [ids], [choice["finish_reason"] == "stop"], request.sampling.stop)
    return Completion(
        request_id=request.id,
        sample=request.first + choice["index"],
        prompt=prompt.text,
        text=text,
        num_tokens=len(ids),
        finish_reason=choice["finish_reason"],
        seconds=seconds,
        token_ids=ids,
        logprobs=tuple(choice["logprobs"]["token_logprobs"]) if request.logprobs else None,
        prompt_ids=prompt.told,
        same_tokens=same,
    )


def seed_of(request: Request) -> int:
    """vLLM draws sample i of n as it would the only sample of seed + i: the seeds of two requests lie far apart."""
    spread = hashlib.sha256(str(request.seed).encode()).digest()[:8]
    return (int.from_bytes(spread) >> 2) + request.first
