"""A recipe read: the method that it names says which sections there are."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from flows.methods import METHODS, recipe_class
from schemas.errors import BadInput
from schemas.recipe import Recipe


def load_recipe(path: Path) -> tuple[Recipe, str]:
    """The recipe in a TOML file, and its text as it will be kept with each round.

    Raises BadInput with one line: file, key, value, what was expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error.__class__.__name__}); give the path of a recipe") from error
    try:
        return read_recipe(tomllib.loads(text)), text
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: not valid TOML: {error}") from error
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def read_recipe(given: dict[str, Any]) -> Recipe:
    """A recipe's TOML as its method reads it. Raises BadInput."""
    method = given.get("method")
    if not isinstance(method, str) or method not in METHODS:
        was = "method" if method is None else f"method = {str(repr(method))[:80]}"
        raise BadInput(f"{was}: expected one of {', '.join(METHODS)}")
    try:
        return recipe_class(method).model_validate(given)
    except ValidationError as error:
        raise BadInput(_first_line_of(error, method)) from error


def _first_line_of(error: ValidationError, method: str) -> str:
    first, more = error.errors(include_url=False)[0], error.error_count() - 1
    kinds = ("transformers", "openai", "vllm", "local", "ray")  # pydantic names the kind that it took
    key = [str(part) for part in first["loc"] if part not in kinds]
    expected = first["msg"].removeprefix("Value error, ")
    readers = _readers(key) if first["type"] == "extra_forbidden" else []
    if readers and method not in readers:  # its own key, but of another kind: of another engine, say
        expected = (
            f"method = '{method}' does not read it; {', '.join(readers)} {'does' if len(readers) == 1 else 'do'}"
        )
    silent = ("missing", "value_error", "extra_forbidden")  # an unknown key may hold a secret
    value = "" if first["type"] in silent else f" = {str(repr(first['input']))[:80]}"
    return f"{'.'.join(key) or 'recipe'}{value}: {expected}" + (f" (and {more} more)" if more else "")


def _readers(key: list[str]) -> list[str]:
    """The methods whose recipes have this key."""
    return [method for method in METHODS if _has(recipe_class(method), key)]


def _has(section: Any, key: list[str]) -> bool:
    if not key:
        return True
    if not (isinstance(section, type) and issubclass(section, BaseModel)) or key[0] not in section.model_fields:
        return False
    annotation = section.model_fields[key[0]].annotation
    inner = [annotation, *getattr(annotation, "__args__", ())]  # X | None, tuple[X, ...]
    return any(_has(each, key[1:]) for each in inner) if key[1:] else True
