"""Every key of a recipe with the value that holds, and whether the recipe or a default says so."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flows.lines.plain import plain
from schemas.recipe import Recipe

WIDEST = 44


class Effective(NamedTuple):
    key: str
    value: Any
    said_by: str
    """recipe, or default."""


def effective_keys(recipe: Recipe, text: str) -> list[Effective]:
    """In the order of the sections. `text`: the recipe's TOML."""
    return [*_keys("", recipe.model_dump(mode="json"), tomllib.loads(text))]


def _keys(at: str, value: Any, given: Any) -> Iterator[Effective]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            there = given.get(name) if isinstance(given, Mapping) else None
            yield from _keys(f"{at}.{name}".lstrip("."), inner, there)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for place, inner in enumerate(value):
            yield from _keys(f"{at}.{place}", inner, given[place] if isinstance(given, list) else None)
    else:
        yield Effective(at, value, "default" if given is None else "recipe")


def key_lines(found: list[Effective]) -> Iterator[str]:
    """A line a key; `-` for a key that is off."""
    width = min(WIDEST, max(len(each.key) for each in found))
    for key, value, said_by in found:
        told = "-" if value is None else json.dumps(value, ensure_ascii=False)
        yield f"{plain(key):<{width}}  {said_by:<7}  {plain(told)}"
