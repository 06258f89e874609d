"""Any OpenAI-compatible server by URL, such as vLLM in an environment of its own.

Chats are rendered here, with the checkpoint's own template, and asked for as plain completions: the prompt that is
stored, and trained on, is then the one that the model saw.
"""

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from schemas.errors import BadInput, Stopped
from schemas.manifest import CheckpointRef
from schemas.settings import OpenAIEngine
from tasks.engines.engine import Completion, Request
from tasks.engines.transformers import rendered

TRIES = 5
WORTH_ANOTHER_TRY = {408, 429, 500, 502, 503, 504}


@contextmanager
def open_openai(settings: OpenAIEngine, folder: Path, checkpoint: CheckpointRef) -> Iterator["ServerEngine"]:
    """A server that serves exactly these weights, under a name made from their digest: a name that stayed the same
    from round to round would answer with the wrong weights one day. Raises Stopped with the command to type."""
    key = os.environ.get(settings.api_key_env) if settings.api_key_env else None
    if settings.api_key_env and not key:
        raise BadInput(f"engine.api_key_env = '{settings.api_key_env}': this environment variable is not set")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    name = served_name(checkpoint)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(headers=headers, timeout=settings.timeout_seconds) as client:
        engine = ServerEngine(client, settings, name, tokenizer)
        served = engine.served_models()
        if name not in served:
            raise Stopped(
                f"{settings.url} serves {', '.join(served) or 'nothing'}, not {name}; "
                f"start it with: vllm serve {folder} --served-model-name {name} "
                "--generation-config vllm, then run again"
            )
        yield engine


def served_name(checkpoint: CheckpointRef) -> str:
    return f"selfplay-{checkpoint.digest[:16]}"


@dataclass
class ServerEngine:
    client: httpx.Client
    settings: OpenAIEngine
    model: str
    tokenizer: Any

    def served_models(self) -> list[str]:
        return sorted(str(entry["id"]) for entry in self._asked("GET", "/models")["data"])

    def generate(
        self, requests: Sequence[Request], progress: Callable[[int], None] = lambda completions: None
    ) -> list[Completion]:
        completions: list[Completion] = []
        with ThreadPoolExecutor(self.settings.concurrency) as threads:
            for batch in threads.map(self._complete, requests):
                completions += batch
                progress(len(batch))
        return completions

    def _complete(self, request: Request) -> list[Completion]:
        prompt = rendered(self.tokenizer, request.prompt)
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
        answer = self._asked("POST", "/completions", body)
        choices = sorted(answer["choices"], key=lambda choice: choice["index"])
        if len(choices) != request.n:
            raise Stopped(f"{self.settings.url} gave {len(choices)} of {request.n} samples")
        # the API counts tokens for all samples together: shared out evenly
        tokens = max(1, answer["usage"]["completion_tokens"] // request.n)
        return [
            Completion(
                request_id=request.id,
                sample=sample,
                prompt=prompt,
                text=_clean(choice["text"]),
                num_tokens=tokens,
                finish_reason="stop" if choice["finish_reason"] == "stop" else "length",
            )
            for sample, choice in enumerate(choices, request.first)
        ]

    def _asked(self, verb: str, path: str, body: dict[str, Any] | None = None) -> Any:
        url = self.settings.url.rstrip("/") + path
        problem = ""
        for attempt in range(TRIES):
            wait = random.uniform(0.5, 1.5) * 2**attempt
            try:
                answer = self.client.request(verb, url, json=body)
                if answer.status_code == 200:
                    return answer.json()
                problem = f"HTTP {answer.status_code}"
                if answer.status_code not in WORTH_ANOTHER_TRY:
                    problem += f": {answer.text[:200]!r}"
                    break
                wait = _retry_after(answer) or wait
            except (httpx.HTTPError, ValueError) as error:  # ValueError: truncated JSON
                problem = error.__class__.__name__
            if attempt + 1 < TRIES:
                time.sleep(wait)
        raise Stopped(f"{url}: {problem}; start or mend the server, then run again")


def _clean(text: Any) -> str:
    """A server's text, as Unicode that can be stored: lone surrogates are replaced."""
    return str(text or "").encode("utf-8", "replace").decode()


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), 60.0) if text.isdigit() else None
