"""A request in the API's words: what is sent to a server, and what it would ignore."""

from typing import Any

from schemas.engines import OpenAIEngine
from schemas.errors import BadInput
from schemas.settings import Sampling
from tasks.engines.engine import Message, Request

PATHS = {"completions": "/completions", "chat": "/chat/completions"}
OFFICIAL = {"temperature", "top_p", "presence_penalty", "max_tokens"}
MOST_STOPS = 4  # of the OpenAI API; vLLM has no bound
VLLM = "vllm"  # what its servers write under owned_by


def refuse_ignored(sampling: Sampling, settings: OpenAIEngine, owner: str) -> None:
    """Raises BadInput for a setting that is no part of the OpenAI API, unless the server says that it is vLLM: others
    take what they do not know without a word."""
    if owner == VLLM:
        return
    beyond = {
        f"top_k = {sampling.top_k}": sampling.top_k > 0,
        f"{len(sampling.stop)} characters in stop": len(sampling.stop) > MOST_STOPS,
    }
    for setting, is_beyond in beyond.items():
        if is_beyond:
            raise BadInput(
                f"{setting}: not in the OpenAI API, and {settings.url} does not say that it is vLLM "
                f"(owned_by = {owner[:80]!r}); change the recipe, or serve the model with vLLM"
            )


def as_messages(prompt: str | tuple[Message, ...]) -> tuple[Message, ...]:
    return (Message("user", prompt),) if isinstance(prompt, str) else prompt


def body_of(request: Request, model: str, prompt: str | list[int], api: str, owner: str) -> dict[str, Any]:
    """`prompt`: the request's, as text or ids. To vLLM everything is said: its defaults may be the model's own."""
    sampling, chat = request.sampling, api == "chat"
    body = sampling.model_dump(include=OFFICIAL)
    body |= {"model": model, "n": request.n, "seed": (request.seed + request.first) % 2**31}
    if chat:
        body["messages"] = [{"role": m.role, "content": m.content} for m in as_messages(request.prompt)]
    else:
        body["prompt"] = prompt
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if request.logprobs:
        body["logprobs"] = True if chat else 1
    if owner == VLLM:
        body |= {"top_k": sampling.top_k, "min_p": 0.0, "repetition_penalty": 1.0, "return_token_ids": True}
    return body
