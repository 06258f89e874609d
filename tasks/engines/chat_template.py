"""What a checkpoint's chat template may depend on: the messages, and nothing that another day or play changes."""

import json
from collections.abc import Iterator
from datetime import datetime, tzinfo
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from schemas.errors import BadInput

TODAY = datetime(2025, 1, 1, 12)
"""The date that every template is told, in every lineage: whoever answers the same question is asked the same words,
champion and candidate, today and tomorrow, on any machine. It is code, and so in the key of each stage that asks."""


@cache
def stop_the_clock() -> None:
    """Have transformers' `strftime_now`, which is all that a template has of the clock, tell TODAY. It takes no
    function from its caller: templates are given plain values alone."""
    from transformers.utils import chat_template_utils

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return TODAY

    chat_template_utils.datetime = Stopped


def refuse_chance(folder: Path) -> None:
    """Raises BadInput for a template that draws at random: nothing that it wrote could be written again."""
    for file, text in _templates(folder):
        if drawn := next((name for name in ("random", "lipsum") if name in _called(text)), None):
            raise BadInput(
                f"{file}: the chat template draws at random ('{drawn}'), so no prompt would be the same twice; take "
                "that out of it"
            )


def has_chat_template(folder: Path) -> bool:
    return any(_templates(folder))


def reads_the_clock(folder: Path) -> bool:
    return any("strftime_now" in _called(text) for _, text in _templates(folder))


def _templates(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each template of a tokenizer, and the file it stands in."""
    for file in (folder / "chat_template.jinja", *sorted(folder.glob("additional_chat_templates/*.jinja"))):
        if file.is_file():
            yield file, file.read_text(encoding="utf-8", errors="replace")
    for file in (folder / "tokenizer_config.json", folder / "chat_template.json"):
        try:
            found: Any = json.loads(file.read_bytes())["chat_template"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        for each in found if isinstance(found, list) else [found]:
            text = each.get("template") if isinstance(each, dict) else each
            if isinstance(text, str):
                yield file, text


def _called(text: str) -> set[str]:
    """Names that a template calls, and filters that it puts a value through; of one that is no template, none."""
    from jinja2 import Environment, TemplateSyntaxError

    try:
        tokens = [(kind, word) for _, kind, word in Environment().lex(text) if kind != "whitespace"]
    except TemplateSyntaxError:
        return set()
    called = {word for (kind, word), (_, after) in pairwise(tokens) if kind == "name" and after == "("}
    return called | {word for (_, before), (kind, word) in pairwise(tokens) if kind == "name" and before == "|"}
