"""vLLM in an environment of its own: a server that this process starts on loopback, watches, restarts and ends.

One server plays all stages: other weights of the same architecture take the place of those it holds.
"""

import asyncio
import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from schemas.engines import OpenAIEngine, VllmEngine
from schemas.errors import Stopped
from tasks.engines.architecture import alike
from tasks.engines.engine import Checkpoint, Completion, Report, Request
from tasks.engines.openai import Tasks, ended, first_of
from tasks.engines.server import Server, start, wait_for
from tasks.engines.vllm_command import LORA_RANKS, NAME, command, variables
from tasks.engines.vllm_environment import VllmEnvironment, vllm_environment
from tasks.engines.vllm_requests import Answer, Asking, Down
from tasks.training.adapters import rank_of

TRIES = 4  # of a shard's requests, with a look at the server between them
PROBE_SECONDS = 60.0
SWAP_SECONDS = 600.0


@contextmanager
def open_vllm(settings: VllmEngine, checkpoint: Checkpoint, logs: Path, report: Report) -> Iterator["ChildEngine"]:
    """A server with these weights; it is gone at the end, and its memory free."""
    engine = ChildEngine(settings, vllm_environment(settings.python), logs, report)
    try:
        engine.hold(checkpoint)
        yield engine
    finally:
        engine.end()


@dataclass
class ChildEngine:
    settings: VllmEngine
    environment: VllmEnvironment
    logs: Path
    report: Report
    server: Server | None = None
    weights: Checkpoint | None = None
    """What the server holds; an adapter's base."""
    adapter: Checkpoint | None = None
    """What is asked beside them, if it is an adapter."""
    rank: int = 0
    """Of the largest adapter that the server has room for."""
    tokenizer: Any = field(default=None, repr=False)
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """The server answers nobody without it: a web page or another user of this machine would find its port."""
    identity: None = None
    at_once: int = 1

    def hold(self, checkpoint: Checkpoint) -> None:
        """Have the server answer with these weights: swapped in place if they differ in nothing else, else in a new
        one. Raises Stopped if it cannot be had."""
        weights, adapter = (checkpoint.base, checkpoint) if checkpoint.base else (checkpoint, None)
        rank = max(self.rank, _rank(adapter) if adapter else 0)
        try:
            if self.weights is None or rank > self.rank:
                raise Down("no server that could take them")
            self._swap(weights)
            self._take(adapter)
        except Down:  # one that refused may hold half of them
            self._start(weights, adapter, rank, "vLLM starts")

    def end(self) -> None:
        if self.server is not None:
            self.server.end()
        self.server = self.weights = self.adapter = None

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Each request's samples once they are whole. If the server dies over them, or hangs, it is started again,
        and what was unfinished is asked again; samples that came are not. Raises Stopped if that does not help."""
        left = {request.id: request for request in requests}
        for tries_left in reversed(range(TRIES)):
            try:
                for completions in self._answered(list(left.values())):
                    del left[completions[0].request_id]
                    yield from completions
                return
            except Down as down:
                if not tries_left:
                    problem = f"vLLM failed {TRIES} times over the same requests: {down}"
                    raise Stopped(f"{problem}; {self._words()}; mend it, then run again") from down
                if not self._is_well():
                    assert self.weights is not None
                    self._start(self.weights, self.adapter, self.rank, "vLLM failed, and starts again")

    def _answered(self, requests: list[Request]) -> Iterator[list[Completion]]:
        """Raises Down at the first request that fails, once those are out that were whole by then."""
        assert self.server is not None
        settings = OpenAIEngine(
            kind="openai",
            url=f"{self.server.url}/v1",
            concurrency=self.settings.concurrency,
            timeout_seconds=self.settings.timeout_seconds,
        )
        model = _name(self.adapter) if self.adapter else NAME
        with asyncio.Runner() as runner:
            limits = httpx.Limits(max_connections=settings.concurrency)
            client = httpx.AsyncClient(timeout=None, limits=limits, trust_env=False, verify=False, headers=self._key)
            longest = self.settings.max_model_len
            asking = Asking(runner, client, settings, model, self.tokenizer, max_model_len=longest)
            tasks: Tasks = runner.run(asking.begun(requests))
            try:
                failed = None
                while tasks and failed is None:
                    done, tasks = runner.run(first_of(tasks))
                    failed = next((error for task in done if (error := task.exception())), None)
                    if failed is not None:
                        runner.run(ended(tasks))
                        done, tasks = done | tasks, set()
                    yield from (task.result() for task in done if not task.cancelled() and not task.exception())
                if failed is not None:
                    raise failed
            finally:
                runner.run(ended(tasks))
                runner.run(client.aclose())

    def _start(self, weights: Checkpoint, adapter: Checkpoint | None, rank: int, words: str) -> None:
        """Put a new server in the place of the one there is. Raises Stopped if it does not come to answer."""
        from transformers import AutoTokenizer

        self.end()
        self.server = start(
            lambda port: command(self.settings, self.environment, weights.folder, port, rank),
            variables(self.environment, self.key), self.logs / "vllm", "vllm",
        )  # fmt: skip
        self.rank = rank
        try:
            wait_for(self.server, self._is_healthy, self.report, words)
            wait_for(self.server, self._is_well, self.report, words)  # healthy says nothing of the model
            self._mark(weights)
            self._take(adapter)
        except Down as down:
            raise Stopped(f"vLLM: {down}; {self._words()}; mend it, then run again") from down
        self.tokenizer = AutoTokenizer.from_pretrained(weights.folder, local_files_only=True)

    def _swap(self, weights: Checkpoint) -> None:
        """Have the server put these weights in place of its own. What it keeps of prompts goes too."""
        assert self.weights is not None
        if weights == self.weights:
            return
        if not alike(self.weights.folder, weights.folder):
            raise Down("other weights than it could take")
        self.report(0, 0, "(vLLM takes other weights)")
        self._take(None)
        self._tell("/collective_rpc", {"method": "take_weights", "kwargs": {"folder": str(weights.folder)}})
        self._tell("/reset_prefix_cache")
        self._mark(weights)

    def _mark(self, weights: Checkpoint) -> None:
        """Have the server say whose weights it holds."""
        told = self._tell("/update_weight_version", {"new_version": weights.digest})
        if told.get("new_version") != weights.digest:
            raise Down(f"it says of its weights: {str(told)[:80]}")
        self.weights = weights

    def _take(self, adapter: Checkpoint | None) -> None:
        """Have an adapter served beside its base, and no other."""
        if adapter == self.adapter:
            return
        if self.adapter is not None:
            self._tell("/v1/unload_lora_adapter", {"lora_name": _name(self.adapter)})
            self.adapter = None
        if adapter is not None:
            self._tell("/v1/load_lora_adapter", {"lora_name": _name(adapter), "lora_path": str(adapter.folder)})
            self.adapter = adapter

    def _tell(self, path: str, body: Answer | None = None) -> Answer:
        """Raises Down unless the server did as it was told."""
        try:
            said = self._asked("POST", path, body, SWAP_SECONDS)
        except httpx.HTTPError as error:
            raise Down(f"{path}: {error.__class__.__name__}: {error}") from error
        if said.status_code != 200:
            raise Down(f"{path}: HTTP {said.status_code}: {said.text[:200]!r}")
        try:
            return dict(json.loads(said.text))
        except ValueError:
            return {}

    def _is_healthy(self) -> bool:
        try:
            return self._asked("GET", "/health", None, 5.0).status_code == 200
        except httpx.HTTPError:
            return False

    def _is_well(self) -> bool:
        """Whether it gives a token."""
        asked = {"model": NAME, "prompt": [0], "max_tokens": 1, "temperature": 0.0}
        try:
            said = self._asked("POST", "/v1/completions", asked, PROBE_SECONDS)
        except httpx.HTTPError:
            return False
        return said.status_code == 200 and "choices" in said.text

    def _asked(self, method: str, path: str, body: Answer | None, seconds: float) -> httpx.Response:
        assert self.server is not None
        url = self.server.url + path
        return httpx.request(
            method, url, json=body, timeout=seconds, trust_env=False, verify=False, headers=self._key
        )

    @property
    def _key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def _words(self) -> str:
        assert self.server is not None
        return f"its last words: {self.server.last_words()}; its log: {self.server.log}"


def _rank(adapter: Checkpoint) -> int:
    rank = rank_of(adapter.folder)
    if rank > LORA_RANKS[-1]:
        raise Stopped(f"{adapter.folder}: an adapter of rank {rank}; vLLM has room for {LORA_RANKS[-1]}")
    return rank


def _name(adapter: Checkpoint) -> str:
    return f"{NAME}-{adapter.digest[:16]}"
