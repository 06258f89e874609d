"""Text to tokens and back, as the model reads and writes it.

What a row says is text: a control token that is spelled in a question opens no turn. Only those count that the chat
template, or a raw prompt of the recipe's, writes itself.
"""

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from tasks.engines.chat_template import stop_the_clock
from tasks.engines.engine import Message, Text

Prompt = str | tuple[Message, ...]

MARK = "\ue000"  # for private use: between two of these stands what is no text of a row's
BYTE = re.compile("<0x[0-9A-F]{2}>")  # SentencePiece's, for what no other token holds
BEFORE = 8  # tokens of the prompt that a completion is decoded after: more than a character has bytes


class Asked(NamedTuple):
    """A prompt as the model sees it."""

    text: str
    ids: list[int]
    told: tuple[int, ...] | None
    """The same ids, where the text alone would be read as others: a row spells a control token."""


class Said(NamedTuple):
    """A completion as it is kept."""

    text: str
    same: bool
    """Whether the text, encoded anew, gives the tokens that were sampled."""


def rendered(tokenizer: Any, prompt: Prompt) -> str:
    """The prompt as text. Whoever tokenizes it, here, a server or a trainer, adds the tokenizer's own special tokens:
    a chat template that writes the first of them as well would give it twice."""
    if isinstance(prompt, str):
        return prompt
    messages = [{"role": message.role, "content": message.content} for message in prompt]
    stop_the_clock()
    text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    first = tokenizer.bos_token
    added = first is not None and tokenizer("x")["input_ids"][0] == tokenizer.bos_token_id
    return text.removeprefix(first) if added else text


def asked(tokenizer: Any, prompt: Prompt) -> Asked:
    """The prompt's text and its tokens: control tokens that rows spell are read as letters."""
    text = rendered(tokenizer, prompt)
    plain = list(tokenizer(text)["input_ids"])
    controls = _controls(tokenizer)
    if not controls or not any(_any_of(controls).search(said) for said in _said(prompt)):
        return Asked(text, plain, None)
    hidden = {control: f"{MARK * 2}{number}{MARK}" for number, control in enumerate(controls)}

    def hide(said: str) -> str:
        return _any_of(controls).sub(lambda found: hidden[found[0]], said.replace(MARK, "\ufffd"))

    whole = rendered(tokenizer, _changed(prompt, hide))
    whole = _any_of(controls).sub(lambda found: _stand_in(controls, found[0]), whole)
    for control, stand_in in hidden.items():
        whole = whole.replace(stand_in, control)
    ids = _twin(tokenizer).encode(whole).ids
    return Asked(text, ids, tuple(ids) if ids != plain else None)


def said(
    tokenizer: Any,
    prompts: Sequence[Asked],
    rows: Sequence[Sequence[int]],
    ended: Sequence[bool],
    stop: tuple[str, ...],
) -> list[Said]:
    """What completions say, read after their prompts and without the end token, up to a character of `stop`."""
    ends = [whole and (not stop or _is_control(tokenizer, ids[-1])) for ids, whole in zip(rows, ended, strict=True)]
    bodies = [list(ids[:-1] if end else ids) for ids, end in zip(rows, ends, strict=True)]
    before = [prompt.ids[-BEFORE:] for prompt in prompts]
    tails = {tuple(ids): "" for ids in before}
    tails = dict(zip(tails, _decoded(tokenizer, [list(ids) for ids in tails]), strict=True))
    wholes = _decoded(tokenizer, [ids + body for ids, body in zip(before, bodies, strict=True)])
    texts = [
        whole.removeprefix(tail) if whole.startswith(tail) else _decoded(tokenizer, [body])[0]
        for whole, tail, body in zip(wholes, (tails[tuple(ids)] for ids in before), bodies, strict=True)
    ]
    for character in stop:
        texts = [text.split(character, 1)[0] for text in texts]  # the token that ended it may hold more than it
    cut = [whole and not end for whole, end in zip(ended, ends, strict=True)]  # by a character of `stop`
    again = anew(tokenizer, [(prompt.text, prompt.ids) for prompt in prompts], texts)
    return [
        Said(text, ids == (body[:-1] if at_stop else body))
        for text, ids, body, at_stop in zip(texts, again, bodies, cut, strict=True)
    ]


def anew(tokenizer: Any, prompts: Sequence[tuple[str, Sequence[int]]], texts: Sequence[str]) -> list[list[int]]:
    """Tokens of completions that nobody told, each read after its prompt (text and tokens); no end token is added."""
    if not texts:
        return []
    wholes = [prompt + text for (prompt, _), text in zip(prompts, texts, strict=True)]
    once = list(dict.fromkeys(wholes))  # many samples say the same
    ids_of = dict(zip(once, tokenizer(once)["input_ids"], strict=True))
    controls = _controls(tokenizer)
    found = []
    for whole, (_, ids), text in zip((ids_of[each] for each in wholes), prompts, texts, strict=True):
        if controls and _any_of(controls).search(text):
            found.append(_twin(tokenizer).encode(text, add_special_tokens=False).ids)
        elif whole[: len(ids)] == list(ids):
            found.append(whole[len(ids) :])
        else:  # a token would reach over the prompt's end
            found.append(tokenizer(text, add_special_tokens=False)["input_ids"])
    return found


def tokens_of(
    tokenizer: Any, prompt_ids: Sequence[int], ids: Sequence[int], span: tuple[int, int]
) -> tuple[int, int]:
    """The tokens of a completion that say its characters from the one place to the other: the first, and the one
    behind the last. A token that holds characters of both sides is among them."""
    before = list(prompt_ids[-BEFORE:])
    apart = len(_decoded(tokenizer, [before])[0])

    def said_by(count: int) -> int:
        return len(_decoded(tokenizer, [before + list(ids[:count])])[0]) - apart

    counts = range(len(ids) + 1)
    return bisect_right(counts, span[0], key=said_by) - 1, bisect_left(counts, span[1], key=said_by)


def end_after(tokenizer: Any, prompt: str) -> int:
    """The token that ends an answer to this prompt: what the chat template writes after one, if the prompt is a
    chat's, or else the tokenizer's own."""
    ends: dict[str, int] = _chat_end(tokenizer)
    return next((end for opening, end in ends.items() if prompt.endswith(opening)), tokenizer.eos_token_id)


@lru_cache(maxsize=8)
def _chat_end(tokenizer: Any) -> dict[str, int]:
    """How the template opens an answer -> the control token that it ends one with; empty if it has no such."""
    from jinja2 import TemplateError

    if not tokenizer.chat_template:
        return {}
    stop_the_clock()
    user, answer = {"role": "user", "content": "x"}, {"role": "assistant", "content": MARK}
    try:
        alone, opened, answered = (
            tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=opens)
            for turns, opens in (([user], False), ([user], True), ([user, answer], False))
        )
    except (TemplateError, TypeError, ValueError):  # a template may refuse anything
        return {}
    opening, after = opened.removeprefix(alone), answered.rpartition(MARK)[2]
    end = _any_of(controls).match(after) if (controls := _controls(tokenizer)) else None
    return {opening: tokenizer.convert_tokens_to_ids(end[0])} if opening and end else {}


@lru_cache(maxsize=8)
def _controls(tokenizer: Any) -> tuple[str, ...]:
    """What the tokenizer reads as one token wherever it is spelled, such as `<|im_end|>`: its special tokens, and
    those that its chat template writes. The longest first."""
    added = tokenizer.added_tokens_decoder.values()
    template = str(tokenizer.chat_template or "")
    found = {
        token.content for token in added if token.special or (token.content in template and token.content.strip())
    }
    found = {content for content in found if not BYTE.fullmatch(content)}
    return tuple(sorted(found, key=lambda content: (-len(content), content)))


def _is_control(tokenizer: Any, token: int) -> bool:
    return token == tokenizer.eos_token_id or tokenizer.convert_ids_to_tokens(token) in _controls(tokenizer)


@lru_cache(maxsize=8)
def _any_of(controls: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, controls)))


def _stand_in(controls: tuple[str, ...], control: str) -> str:
    return f"{MARK}{controls.index(control)}{MARK}"


@lru_cache(maxsize=2)
def _twin(tokenizer: Any) -> Any:
    """A copy of the tokenizer that knows control tokens by their stand-ins alone: their own names are letters."""
    from tokenizers import Tokenizer

    controls, told = _controls(tokenizer), json.loads(tokenizer.backend_tokenizer.to_str())
    names = {control: _stand_in(controls, control) for control in controls}
    for token in told["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    model = told["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {names.get(piece, piece): number for piece, number in model["vocab"].items()}
    else:
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in model["vocab"]]
    if model.get("unk_token"):
        model["unk_token"] = names.get(model["unk_token"], model["unk_token"])
    twin = Tokenizer.from_str(json.dumps(told))
    twin.no_padding()
    twin.no_truncation()
    return twin


def _decoded(tokenizer: Any, rows: Sequence[Sequence[int]]) -> list[str]:
    texts: list[str] = tokenizer.batch_decode(rows, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return texts


def _said(prompt: Prompt) -> list[str]:
    """The parts of a prompt that are text, whatever they spell."""
    if isinstance(prompt, Text):
        return [prompt[first:last] for first, last in prompt.rows]
    return [] if isinstance(prompt, str) else [message.content for message in prompt]


def _changed(prompt: Prompt, change: Callable[[str], str]) -> Prompt:
    """The prompt with these parts changed."""
    if isinstance(prompt, Text):
        pieces, reached = [], 0
        for first, last in prompt.rows:
            pieces += [prompt[reached:first], change(prompt[first:last])]
            reached = last
        return "".join([*pieces, prompt[reached:]])
    assert not isinstance(prompt, str), "it says nothing of rows"
    return tuple(replace(message, content=change(message.content)) for message in prompt)
