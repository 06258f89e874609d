"""Any OpenAI-compatible server by URL: one that serves this round's weights, such as vLLM in an environment of its
own, or another's model.

Chats are rendered here, with the checkpoint's own template, and asked for as plain completions: the prompt that is
stored, and trained on, is then the one that the model saw. With `api = "chat"` the server's template stands between.
No server proves what it serves: what it says of the model is asked before the first request and after the last of
each shard, and must stay the same.
"""

import asyncio
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from schemas.engines import OpenAIEngine
from schemas.errors import BadInput, Stopped
from tasks.engines.answers import (
    LONGEST_WAIT_SECONDS,
    Choice,
    Fault,
    choices_of,
    counted,
    error_in,
    fault_of,
    models_of,
    most_bytes,
)
from tasks.engines.bodies import PATHS, as_messages, body_of, not_taken, refuse_ignored
from tasks.engines.clients import client_of
from tasks.engines.engine import Checkpoint, Completion, Identity, Message, Request, unanswered
from tasks.engines.identity import differences, identity_of
from tasks.engines.served import served_name
from tasks.engines.texts import Asked, asked, said

TRIES = 5
Tasks = set[asyncio.Task[list[Completion]]]
WITHOUT_A_LIST = {404, 405, 501}  # of a server that does not list its models
SMALLEST = "1+1="  # what a server that refuses a request is asked in its place


@contextmanager
def open_openai(settings: OpenAIEngine, checkpoint: Checkpoint) -> Iterator["ServerEngine"]:
    """A server that serves exactly these weights, under a name made from their digest: a name that stayed the same
    from round to round would answer with the wrong weights one day. Or another's model, if the settings name one; the
    checkpoint's tokenizer then only reads what it wrote. Raises Stopped with what to type."""
    from transformers import AutoTokenizer

    name = settings.model or served_name(checkpoint.digest)
    with connected(settings) as (runner, client):
        tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True)
        engine = ServerEngine(runner, client, settings, name, tokenizer)
        served = engine.served_models()
        if name not in served:
            others = ", ".join(other[:80] for other in sorted(served)[:8]) or "nothing"
            mend = (
                "name one of its models in engine.model, or start it with that one"
                if settings.model
                else f"start it with: vllm serve {checkpoint.folder} --served-model-name {name} "
                "--generation-config vllm"
            )
            raise Stopped(f"{settings.url} serves {others}, not {name}; {mend}, then run again")
        engine.identity = identity_of(served[name])
        engine.owner = str(engine.identity.get("owned_by", ""))
        yield engine


@contextmanager
def connected(settings: OpenAIEngine) -> Iterator[tuple[asyncio.Runner, httpx.AsyncClient]]:
    """What a ServerEngine asks with, whoever started the server."""
    _check_url(settings.url)
    key = _key(settings)
    with asyncio.Runner() as runner:
        client = client_of(
            settings.url,
            settings.concurrency,
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            timeout=settings.timeout_seconds,
        )
        try:
            yield runner, client
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


def _letters(text: str) -> str:
    """What two ways to decode the same tokens agree on."""
    return "".join(text.replace("\ufffd", "").split())


async def first_of(tasks: Tasks) -> tuple[Tasks, Tasks]:
    return await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def ended(tasks: Tasks) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class ServerEngine:
    runner: asyncio.Runner
    client: httpx.AsyncClient
    settings: OpenAIEngine
    model: str
    """Its name at the server."""
    tokenizer: Any
    """It writes prompts as they are stored, and counts tokens where the server does not tell."""
    identity: Identity | None = None
    at_once: int = 1
    """None: the server is ours and its weights are known, so nothing is asked of it."""
    owner: str = ""
    """Under which name the server runs, such as vllm; what it is told beyond the OpenAI API depends on it."""
    is_well: bool = False
    """It answered the smallest request after it had refused another."""

    def served_models(self) -> dict[str, dict[str, Any]]:
        """Another's model may stand in no list: what the recipe says of it has to do."""
        try:
            models: dict[str, dict[str, Any]] = self.runner.run(
                self._asked("GET", "/models", None, most_bytes(0), models_of)
            )
        except Fault as fault:
            if self.settings.model is None or fault.status not in WITHOUT_A_LIST:
                raise self._stopped("/models", fault) from None
            return {self.model: {"id": self.model}}
        return models

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Each request once there is room; the first that fails for good ends the others at once. Raises BadInput,
        before anything is asked, for a setting that the server would ignore, and Stopped, at the end, if it says by
        then that it serves something else: nothing of these requests is to be kept."""
        for sampling in {request.sampling for request in requests}:
            refuse_ignored(sampling, self.settings, self.owner)
        done, tasks = set[Any](), self.runner.run(self.begun(requests))
        try:
            while tasks:
                done, tasks = self.runner.run(first_of(tasks))
                for task in done:
                    yield from task.result()
        finally:
            self.runner.run(ended(done | tasks))  # of several that failed at once, one was raised
        self._serves_the_same()

    def _serves_the_same(self) -> None:
        if self.identity is None:
            return
        now = identity_of(self.served_models().get(self.model, {}))
        if changed := differences(self.identity, now):
            raise Stopped(
                f"{self.settings.url}: the model {self.model} was exchanged while it was asked ({changed}): the "
                "completions since are not kept; see that it stays the same, then run again"
            )

    async def begun(self, requests: Sequence[Request]) -> Tasks:
        room = asyncio.Semaphore(self.settings.concurrency)

        async def one(request: Request) -> list[Completion]:
            async with room:
                return await self._complete(request)

        return {asyncio.create_task(one(request)) for request in requests}

    async def _complete(self, request: Request) -> list[Completion]:
        """All samples, in several requests to a server that gives fewer at once; or why there are none."""
        if "n" in self.settings.leave_out:
            alone = [replace(request, n=1, first=request.first + i) for i in range(request.n)]
            return [completion for one in alone for completion in await self._sampled(one)]
        found: list[Completion] = []
        while left := request.n - len(found):
            found += await self._sampled(replace(request, n=left, first=request.first + len(found)))
        return found

    async def _sampled(self, request: Request) -> list[Completion]:
        began, prompt = time.monotonic(), self._written(request.prompt)
        try:
            choices, told = await self._choices(request, prompt)
        except Fault as fault:
            if fault.reason is None:
                raise self._stopped(PATHS[self.settings.api], fault) from None
            await self._answers_another(request)
            return unanswered(request, prompt.text, fault.reason, str(fault))
        return [
            Completion(
                request_id=request.id,
                sample=sample,
                prompt=prompt.text,
                text=text,
                num_tokens=self._num_tokens(choice, told),
                finish_reason=choice.finish_reason,
                seconds=time.monotonic() - began,
                token_ids=ids,
                logprobs=choice.logprobs,
                prompt_ids=prompt.told,
                same_tokens=same,
                problem=choice.problem,
            )
            for sample, choice in enumerate(choices, request.first)
            for text, ids, same in [self._read(choice, prompt, request)]
        ]

    async def _choices(self, request: Request, prompt: Asked, tries: int = TRIES) -> tuple[list[Choice], int | None]:
        api = self.settings.api
        found: tuple[list[Choice], int | None] = await self._asked(
            "POST",
            PATHS[api],
            body_of(request, self.model, self._sent(prompt), self.settings, self.owner),
            most_bytes(request.n * request.sampling.max_tokens, request.logprobs),
            lambda answer: (choices_of(answer, request, api), counted(answer, request)),
            tries,
        )
        return found

    async def _answers_another(self, request: Request) -> None:
        """Raises Stopped, or BadInput for a parameter that it does not take, if the server refuses the smallest
        prompt in this one's place: then it is not the prompt."""
        if self.is_well:
            return
        asked = replace(request, prompt=SMALLEST)
        try:
            await self._choices(asked, self._written(SMALLEST), tries=1)
        except Fault as fault:
            body = body_of(asked, self.model, SMALLEST, self.settings, self.owner)
            if fault.reason and (change := not_taken(str(fault), body)):
                raise BadInput(f"{self.settings.url}: {fault}; {change}, then run again") from None
            raise self._stopped(PATHS[self.settings.api], fault) from None
        self.is_well = True

    def _stopped(self, path: str, fault: Fault) -> Stopped:
        url = self.settings.url.rstrip("/") + path
        return Stopped(f"{url}: {fault}; start or mend the server, then run again")

    def _written(self, prompt: str | tuple[Message, ...]) -> Asked:
        """The prompt as it is stored, and trained on: as the model sees it, if it is the checkpoint's own; as the
        checkpoint would, if it is another's."""
        templated = self.settings.api == "chat" and self.settings.model is None
        return asked(self.tokenizer, as_messages(prompt) if templated else prompt)

    def _sent(self, prompt: Asked) -> str | list[int]:
        """As ids where the text alone would be read as others; another's model has ids of its own."""
        return list(prompt.told) if prompt.told and self.settings.model is None else prompt.text

    def _read(
        self, choice: Choice, prompt: Asked, request: Request
    ) -> tuple[str, tuple[int, ...] | None, bool | None]:
        """Text, token ids, and whether the one gives the other. Ids of another's model, or that are none of this
        tokenizer's, or without the end token, count as not told: they cannot be trained on."""
        ids, stop, ended = choice.token_ids, request.sampling.stop, choice.finish_reason == "stop"
        if ids is None or self.settings.model is not None or max(ids) >= len(self.tokenizer):
            return choice.text, None, None
        shown, before = (self.tokenizer.decode(part, skip_special_tokens=True) for part in (ids, ids[:-1]))
        if ended and not stop and shown != before:
            return choice.text, None, None
        [(text, same)] = said(self.tokenizer, [prompt], [ids], [ended], stop)
        agrees = _letters(choice.text) in (_letters(text), _letters(shown))
        return (text, ids, same) if agrees else (choice.text, ids, False)

    def _num_tokens(self, choice: Choice, told: int | None) -> int:
        """The end token too: by the ids, by the log-probabilities, by the server's count, or else of the text."""
        if each := choice.token_ids or choice.logprobs:
            return len(each)
        if told is not None:
            return told
        tokens = len(self.tokenizer(choice.text, add_special_tokens=False)["input_ids"])
        return max(1, tokens + (choice.finish_reason == "stop"))

    async def _asked(
        self,
        verb: str,
        path: str,
        body: dict[str, Any] | None,
        most: int,
        read: Callable[[Any], Any],
        tries: int = TRIES,
    ) -> Any:
        """What `read` makes of the answer. A fault that may pass is tried again; raises one that lasts."""
        url = self.settings.url.rstrip("/") + path
        for attempt in range(tries):
            wait = random.uniform(0.5, 1.5) * 2**attempt
            try:
                async with asyncio.timeout(self.settings.timeout_seconds):
                    return read(await self._answer(verb, url, body, most))
            except Fault as fault:
                last, wait = fault, min(fault.wait, LONGEST_WAIT_SECONDS) if fault.wait is not None else wait
                if not fault.may_pass:
                    break
            except (TimeoutError, httpx.TimeoutException):
                last = Fault(f"no answer in {self.settings.timeout_seconds:g} s (engine.timeout_seconds)")
            except httpx.HTTPError as error:
                last = Fault(f"{error.__class__.__name__}: {error}")
            if attempt + 1 < tries:
                await asyncio.sleep(wait)
        raise last

    async def _answer(self, verb: str, url: str, body: dict[str, Any] | None, most: int) -> Any:
        """The JSON of one answer, of at most so many bytes: a server's words are as hostile as a model's."""
        received = bytearray()
        async with self.client.stream(verb, url, json=body) as answer:
            async for chunk in answer.aiter_raw():
                received += chunk
                if len(received) > most:
                    raise Fault(f"an answer of more than {most:,} bytes, which the request cannot need")
        status, error = answer.status_code, 0
        if status == 200:
            try:
                said = json.loads(received)
            except (ValueError, RecursionError) as fault:
                raise Fault(f"not JSON: {str(fault)[:100]}, in {len(received):,} bytes") from None
            if not (error := error_in(said)):
                return said
        words, key = received.decode(errors="replace"), _key(self.settings)
        words = words.replace(key, "***") if key else words
        raise fault_of(error or status, words, answer.headers, in_answer=bool(error))
