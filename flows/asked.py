"""What a recipe will ask of its base, as far as it is known before the night: each section's prompt, and with it the
rows that the user brought."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from schemas.engines import OpenAIEngine, VllmEngine
from schemas.generated import Generated
from schemas.recipe import AnsweredRows, Documents, Recipe, SolvedRows, UnlabelledRows
from schemas.settings import Prompted
from tasks.engines.check_model import Asked, Rendered
from tasks.prompts import Prompt, load_prompt
from tasks.sources import Source, Sources
from tasks.store.objects import digest_of

A_SHOT = 16
"""Bytes around each few-shot in a prompt, about: its number, and a line's end."""


def asked_of(recipe: Recipe, folder: Path, sources: Sources) -> list[Asked]:
    """One a section that asks."""
    return [
        _asked(recipe, key, section, load_prompt(section.prompt, folder), sources)
        for key, section in recipe
        if isinstance(section, Prompted)
    ]


def lengths_of(recipe: Recipe) -> dict[str, int]:
    """The most tokens that a row has in training or in the engine, by the recipe's key."""
    trained = {f"train.{method}.max_length": recipe.train.of(method).max_length for method in recipe.train.methods}
    served = {"engine": recipe.engine, "evaluate.engine": recipe.evaluation_engine}
    return trained | {f"{k}.max_model_len": e.max_model_len for k, e in served.items() if isinstance(e, VllmEngine)}


def _asked(recipe: Recipe, key: str, section: Any, prompt: Prompt, sources: Sources) -> Asked:
    measures = section is recipe.evaluate
    engine = recipe.evaluation_engine if measures else recipe.engine
    taught = isinstance(engine, OpenAIEngine) and engine.model is not None
    room = engine.max_model_len if isinstance(engine, VllmEngine) else None
    read = [source for _, source in sources.benchmarks] if measures else list(sources.data.values())

    def long(bytes_left: int) -> Iterator[tuple[str, Rendered]]:
        return (row for source in read for row in _long(source, section, prompt, bytes_left))

    return Asked(
        role=section.role,
        key=f"{key}.prompt = '{section.prompt}'",
        digest=digest_of(
            {"prompt": prompt.digest, "section": section.model_dump_json(), "engine": f"{taught} {room}"}
        ),
        example=prompt.render(**section.rendered_with),
        max_tokens=None if taught else getattr(section, "sampling", section).max_tokens,
        room=room,
        long=long,
    )


def _long(source: Source, section: Any, prompt: Prompt, bytes_left: int) -> Iterator[tuple[str, Rendered]]:
    """Those rows of a source that the section asks and whose text has more bytes, with the prompt."""
    given, asked = section.rendered_with, source.asked
    values: Callable[[str], dict[str, Any]]
    if "fewshots" in given and not isinstance(asked, UnlabelledRows | AnsweredRows | SolvedRows | Documents):
        shown = sorted((row["question"] for row in source.rows), key=len)[: section.num_fewshots - 1]
        bytes_left -= sum(len(text.encode()) + A_SHOT for text in shown)
        name, values = "question", lambda text: {"fewshots": [text, *shown]}
    elif set(given) == {"question"} and isinstance(asked, UnlabelledRows | AnsweredRows | SolvedRows | Generated):
        name, values = "question", lambda text: {"question": text}
    elif "document" in given and isinstance(asked, Documents):
        name, values = "text", lambda text: {"document": text}
    else:
        return
    for row in source.rows:
        if len(row[name].encode()) > bytes_left:
            yield f"{source.key}: row {row['source_row']}", prompt.render(**values(row[name]))
