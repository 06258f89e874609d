"""The one door to text generation."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from schemas.manifest import CheckpointRef
from schemas.settings import OpenAIEngine, Sampling, TransformersEngine


@dataclass(frozen=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user"]
    content: str


@dataclass(frozen=True)
class Request:
    """One prompt, sampled n times, from sample number `first` on. `seed` names the request's own noise: no neighbour
    changes its samples."""

    id: str
    prompt: str | tuple[Message, ...]
    sampling: Sampling
    seed: int
    n: int = 1
    first: int = 0


@dataclass(frozen=True)
class Completion:
    """One sample: its text without the end-of-sequence token, and why it ended."""

    request_id: str
    sample: int
    prompt: str
    """The prompt as the model saw it, chat template applied."""
    text: str
    num_tokens: int
    finish_reason: Literal["stop", "length"]


class Engine(Protocol):
    def generate(
        self, requests: Sequence[Request], progress: Callable[[int], None] = lambda completions: None
    ) -> list[Completion]:
        """All samples of all requests, in their order. `progress` gets the number done since its last call."""
        ...


@contextmanager
def open_engine(
    settings: TransformersEngine | OpenAIEngine, folder: Path, checkpoint: CheckpointRef
) -> Iterator[Engine]:
    """An engine with these weights. Raises Stopped if it cannot be had (a rerun resumes)."""
    if settings.kind == "transformers":
        from tasks.engines.transformers import open_transformers

        with open_transformers(settings, folder) as engine:
            yield engine
    else:
        from tasks.engines.openai import open_openai

        with open_openai(settings, folder, checkpoint) as engine:
            yield engine


def request_order(request: Request) -> tuple[int, str]:
    """Longest prompt first: batches of like length, and the largest need for memory shows at once."""
    prompt = request.prompt
    length = len(prompt) if isinstance(prompt, str) else sum(len(m.content) for m in prompt)
    return (-length, request.id)
