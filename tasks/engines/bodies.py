"""A request in the API's words: what is sent to a server, and what it would ignore or does not take."""

import re
from typing import Any

from schemas.engines import OpenAIEngine
from schemas.errors import BadInput
from schemas.settings import Sampling
from tasks.engines.engine import Message, Request

PATHS = {"completions": "/completions", "chat": "/chat/completions"}
OFFICIAL = {"temperature", "top_p", "presence_penalty", "max_tokens"}
MOST_STOPS = 4  # of the OpenAI API; vLLM has no bound
VLLM = "vllm"  # what its servers write under owned_by
TOLD_ALL = (VLLM, "sglang")  # their defaults may be those of the model
DEFAULTS = {"top_p": 1.0, "presence_penalty": 0.0, "n": 1}
"""Of the API: not said, since a server may lack the parameter. Temperature always is: few agree on its default."""


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


def body_of(
    request: Request, model: str, prompt: str | list[int], settings: OpenAIEngine, owner: str
) -> dict[str, Any]:
    """`prompt`: the request's, text or ids. What differs from the API's default is said, in the server's words."""
    sampling, chat = request.sampling, settings.api == "chat"
    body = sampling.model_dump(include=OFFICIAL) | {"n": request.n}
    if owner not in TOLD_ALL:
        body = {name: value for name, value in body.items() if DEFAULTS.get(name) != value}
    body |= {"model": model, "seed": (request.seed + request.first) % 2**31}
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
    names: dict[str, str] = dict(settings.renamed.items())
    return {names.get(name, name): value for name, value in body.items() if name not in settings.leave_out}


def not_taken(problem: str, body: dict[str, Any]) -> str:
    """What of the recipe to change where a server's words refuse a parameter; "" if they name none."""
    said = re.sub("[^a-z]", "", problem.lower())
    for name in ("max_tokens", "seed", "n", "presence_penalty", "logprobs", "top_p", "stop", "temperature"):
        quoted = re.search(rf"['\"`]{name}['\"`]", problem)  # short words are found in others
        if name not in body or not (quoted or (len(name) > 6 and name.replace("_", "") in said)):
            continue
        if name in ("seed", "n"):
            return f'the server does not take {name}: set engine.leave_out = ["{name}"]'
        if name == "max_tokens":
            own = re.search(r"max_(?!tokens)\w*tokens\w*", problem)
            return f'set engine.renamed = {{ max_tokens = "{own[0] if own else "its name there"}" }}'
        return f"the server does not take {name} = {body[name]!r}: change it in the recipe's sampling"
    return ""
