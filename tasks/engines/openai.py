"""Any OpenAI-compatible server by URL, such as vLLM in an environment of its own.

Chats are rendered here, with the checkpoint's own template, and asked for as plain completions: the prompt that is
stored, and trained on, is then the one that the model saw.
"""

import asyncio
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from schemas.errors import BadInput, Stopped
from schemas.settings import OpenAIEngine
from tasks.engines.answers import Choice, Fault, choices_of, models_of, most_bytes, retry_after
from tasks.engines.engine import Checkpoint, Completion, Request
from tasks.engines.served import served_name
from tasks.engines.transformers import rendered

TRIES = 5
Tasks = set[asyncio.Task[list[Completion]]]
WORTH_ANOTHER_TRY = {408, 409, 425, 429, 500, 502, 503, 504}


@contextmanager
def open_openai(settings: OpenAIEngine, checkpoint: Checkpoint) -> Iterator["ServerEngine"]:
    """A server that serves exactly these weights, under a name made from their digest: a name that stayed the same
    from round to round would answer with the wrong weights one day. Raises Stopped with the command to type."""
    from transformers import AutoTokenizer

    _check_url(settings.url)
    name, key = served_name(checkpoint.digest), _key(settings)
    with asyncio.Runner() as runner:
        client = httpx.AsyncClient(
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            timeout=settings.timeout_seconds,
            limits=httpx.Limits(max_connections=settings.concurrency),
        )
        try:
            tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True)
            engine = ServerEngine(runner, client, settings, name, tokenizer)
            served = engine.served_models()
            if name not in served:
                others = ", ".join(other[:80] for other in served[:8]) or "nothing"
                raise Stopped(
                    f"{settings.url} serves {others}, not {name}; "
                    f"start it with: vllm serve {checkpoint.folder} --served-model-name {name} "
                    "--generation-config vllm, then run again"
                )
            yield engine
        finally:
            runner.run(client.aclose())


def _check_url(text: str) -> None:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise BadInput(f"engine.url = {text!r}: {error}") from error
    if not url.host or not 0 < (url.port or 80) < 2**16:
        raise BadInput(f"engine.url = {text!r}: expected http://host:port/v1")


def _key(settings: OpenAIEngine) -> str:
    if not settings.api_key_env:
        return ""
    key = os.environ.get(settings.api_key_env, "").strip()
    if not key or not (key.isascii() and key.isprintable()):
        problem = "is not set" if not key else "holds what no HTTP header can"
        raise BadInput(f"engine.api_key_env = '{settings.api_key_env}': this environment variable {problem}")
    return key


async def _first_of(tasks: Tasks) -> tuple[Tasks, Tasks]:
    return await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _ended(tasks: Tasks) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class ServerEngine:
    runner: asyncio.Runner
    client: httpx.AsyncClient
    settings: OpenAIEngine
    model: str
    tokenizer: Any

    def served_models(self) -> list[str]:
        return self.runner.run(self._asked("GET", "/models", None, 0, models_of))

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Each request once there is room; the first that fails for good ends the others at once."""
        tasks = self.runner.run(self._begun(requests))
        try:
            while tasks:
                done, tasks = self.runner.run(_first_of(tasks))
                for task in done:
                    yield from task.result()
        finally:
            self.runner.run(_ended(tasks))

    async def _begun(self, requests: Sequence[Request]) -> Tasks:
        room = asyncio.Semaphore(self.settings.concurrency)

        async def one(request: Request) -> list[Completion]:
            async with room:
                return await self._complete(request)

        return {asyncio.create_task(one(request)) for request in requests}

    async def _complete(self, request: Request) -> list[Completion]:
        began, prompt = time.monotonic(), rendered(self.tokenizer, request.prompt)
        body = request.sampling.model_dump(exclude={"top_k", "stop"})
        body |= {
            "model": self.model,
            "prompt": prompt,
            "n": request.n,
            "seed": (request.seed + request.first) % 2**31,
        }
        if request.sampling.top_k:
            body["top_k"] = request.sampling.top_k  # not every server knows it
        if request.sampling.stop:
            body["stop"] = list(request.sampling.stop)
        asked_tokens = request.n * request.sampling.max_tokens
        choices = await self._asked(
            "POST", "/completions", body, asked_tokens, lambda answer: choices_of(answer, request.n)
        )
        return [
            Completion(
                request_id=request.id,
                sample=sample,
                prompt=prompt,
                text=choice.text,
                num_tokens=self._num_tokens(choice),
                finish_reason=choice.finish_reason,
                seconds=time.monotonic() - began,
            )
            for sample, choice in enumerate(choices, request.first)
        ]

    def _num_tokens(self, choice: Choice) -> int:
        """Counted here, the end token too: servers count all samples of a request together, if at all."""
        tokens = len(self.tokenizer(choice.text, add_special_tokens=False)["input_ids"])
        return max(1, tokens + (choice.finish_reason == "stop"))

    async def _asked(
        self, verb: str, path: str, body: dict[str, Any] | None, asked_tokens: int, read: Callable[[Any], Any]
    ) -> Any:
        """What `read` makes of the answer. A fault that may pass is tried again; raises Stopped at one that lasts."""
        url = self.settings.url.rstrip("/") + path
        for attempt in range(TRIES):
            wait = random.uniform(0.5, 1.5) * 2**attempt
            try:
                async with asyncio.timeout(self.settings.timeout_seconds):
                    return read(await self._answer(verb, url, body, most_bytes(asked_tokens)))
            except Fault as fault:
                problem, wait = str(fault), fault.wait if fault.wait is not None else wait
                if not fault.may_pass:
                    break
            except (TimeoutError, httpx.TimeoutException):
                problem = f"no whole answer in {self.settings.timeout_seconds:g} s (engine.timeout_seconds)"
            except httpx.HTTPError as error:
                problem = f"{error.__class__.__name__}: {error}"
            if attempt + 1 < TRIES:
                await asyncio.sleep(wait)
        raise Stopped(f"{url}: {problem}; start or mend the server, then run again")

    async def _answer(self, verb: str, url: str, body: dict[str, Any] | None, most: int) -> Any:
        """The JSON of one answer, of at most so many bytes: a server's words are as hostile as a model's."""
        received = bytearray()
        async with self.client.stream(verb, url, json=body) as answer:
            async for chunk in answer.aiter_raw():
                received += chunk
                if len(received) > most:
                    raise Fault(f"an answer of more than {most:,} bytes, which the request cannot need")
        status = answer.status_code
        if status == 200:
            try:
                return json.loads(received)
            except (ValueError, RecursionError) as error:
                raise Fault(f"not JSON: {str(error)[:100]}, in {len(received):,} bytes") from None
        words, key = received.decode(errors="replace"), _key(self.settings)
        words = (words.replace(key, "***") if key else words)[:200]
        said = f": {words!r}" if words else ""
        raise Fault(f"HTTP {status}{said}", status in WORTH_ANOTHER_TRY, retry_after(answer.headers))
