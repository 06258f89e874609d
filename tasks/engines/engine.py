"""What is asked of an engine, and what it answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from schemas.settings import Sampling
from schemas.table import UNANSWERED

Report = Callable[[int, int, str], None]  # (done, total, unit); a total of 0 is one that is not known
Unanswered = Literal["prompt_too_long", "refused", "no_text", "failed"]
Ended = Literal["stop", "length"] | Unanswered


@dataclass(frozen=True)
class Checkpoint:
    """Weights, and the folder of this machine where they lie."""

    digest: str
    folder: Path
    objects: Path | None = None
    """The store's objects, where another machine finds them."""
    base: "Checkpoint | None" = None
    """What the weights are laid upon, if they are an adapter's. The vllm engine alone serves such."""


@dataclass(frozen=True)
class Message:
    """One turn of a chat."""

    role: str
    """system, user or assistant."""
    content: str


class Text(str):
    """A raw prompt that says which of its parts are rows' words: a control token that is spelled there is none."""

    rows: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Request:
    """One prompt, sampled n times, from sample number `first` on. `seed` names the request's own noise: no neighbour
    changes its samples."""

    id: str
    prompt: str | tuple[Message, ...]
    """A chat's messages are text, whatever they spell; of a raw prompt, what `Text` says."""
    sampling: Sampling
    seed: int
    n: int = 1
    first: int = 0
    logprobs: bool = False
    """Whether completions tell the log-probability of each token."""


@dataclass(frozen=True)
class Completion:
    """One sample: its text as the model wrote it, without the end token, and why it ended."""

    request_id: str
    sample: int
    prompt: str
    """The prompt as the model saw it, chat template applied."""
    text: str
    num_tokens: int
    """The end-of-sequence token is one of them."""
    finish_reason: Ended
    """One of UNANSWERED: there is no answer, and no text."""
    seconds: float
    """From when the engine took the request, or the batch it is in, until this was whole."""
    token_ids: tuple[int, ...] | None = None
    """num_tokens of them; None from a server that does not tell."""
    logprobs: tuple[float, ...] | None = None
    """Of each token under the model itself, before temperature, penalty and cuts; None if not asked for."""
    prompt_ids: tuple[int, ...] | None = None
    """The prompt's tokens, where its text alone would be read as others."""
    same_tokens: bool | None = None
    """Whether the text, encoded anew, gives token_ids; None where nobody told them."""

    @property
    def sampled(self) -> dict[str, Any]:
        """What a table keeps of it that may be trained on."""
        return {
            "prompt": self.prompt, "prompt_ids": self.prompt_ids, "text": self.text, "token_ids": self.token_ids,
            "same_tokens": self.same_tokens, "num_tokens": self.num_tokens, "finish_reason": self.finish_reason,
        }  # fmt: skip

    problem: str = ""
    """Why there is no answer, in the server's words or ours."""

    @property
    def is_answer(self) -> bool:
        return self.finish_reason not in UNANSWERED


def unanswered(request: Request, prompt: str, reason: Unanswered, problem: str) -> list[Completion]:
    """In place of a request's samples, where it has none."""
    return [
        Completion(request.id, sample, prompt, "", 0, reason, 0.0, problem=problem)
        for sample in range(request.first, request.first + request.n)
    ]


Identity = dict[str, str | int]
"""What a server says of the model that it serves, such as its root."""


class Engine(Protocol):
    @property
    def identity(self) -> Identity | None:
        """None where this program loaded the weights itself, by their digest: what it writes is verified."""
        ...

    @property
    def at_once(self) -> int:
        """How many threads may ask it at once."""
        ...

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """All samples of all requests, each as soon as it is whole, in no order. A request that cannot be answered,
        while others are, has samples that say why; raises Stopped where none would be."""
        ...


def completed(
    engine: Engine, requests: Sequence[Request], progress: Callable[[int], None] = lambda completions: None
) -> list[Completion]:
    """All samples of all requests, in their order. `progress` gets the number done since its last call.

    Requests that differ by their ids alone have the same samples and are asked once: a judge meets equal answers.
    """
    same: dict[Any, list[Request]] = {}
    for request in requests:
        same.setdefault((replace(request, id=""), getattr(request.prompt, "rows", ())), []).append(request)
    alike = {of[0].id: of for of in same.values()}
    found: dict[str, list[Completion]] = {request.id: [] for request in requests}
    for completion in engine.generate([of[0] for of in same.values()]):
        for request in alike[completion.request_id]:
            found[request.id].append(replace(completion, request_id=request.id))
        progress(len(alike[completion.request_id]))
    return [c for request in requests for c in sorted(found[request.id], key=lambda c: c.sample)]


def request_order(request: Request) -> tuple[int, str]:
    """Longest prompt first: batches of like length, and the largest need for memory shows at once."""
    prompt = request.prompt
    length = len(prompt) if isinstance(prompt, str) else sum(len(m.content) for m in prompt)
    return (-length, request.id)
