"""A recipe read: the method that it names says which sections there are."""

import json
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from flows.methods import METHODS, recipe_class
from schemas.errors import BadInput
from schemas.recipe import Recipe

MOST_LINES = 12


def load_recipe(path: Path) -> tuple[Recipe, str]:
    """The recipe in a TOML file, and its text as it will be kept with each round.

    Raises BadInput with a line for each thing that is wrong: file, key, value, what was expected.
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
        raise BadInput("\n".join(f"{path}: {line}" for line in str(error).split("\n"))) from error


def read_recipe(given: dict[str, Any]) -> Recipe:
    """A recipe's TOML as its method reads it. Raises BadInput."""
    method = given.get("method")
    if not isinstance(method, str) or method not in METHODS:
        was = "method" if method is None else f"method = {str(repr(method))[:80]}"
        near = get_close_matches(method, METHODS, n=1) if isinstance(method, str) else []
        meant = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(METHODS)}"
        raise BadInput(f"{was}: {meant}")
    try:
        text = json.dumps(
            given, default=str
        )  # as JSON: a list is a tuple, and nothing else is taken for another kind
        return recipe_class(method).model_validate_json(text, strict=True)
    except ValidationError as error:
        raise BadInput("\n".join(_lines_of(error, method))) from error


def _lines_of(error: ValidationError, method: str) -> list[str]:
    """A line for each thing that is wrong: key, value, what was expected."""
    found = [_line_of(each, method) for each in error.errors(include_url=False)]
    return found[:MOST_LINES] + ([f"and {len(found) - MOST_LINES} more"] if len(found) > MOST_LINES else [])


def _line_of(error: Any, method: str) -> str:
    kinds = ("transformers", "openai", "vllm", "local", "ray")  # pydantic names the kind that it took
    key = [str(part) for part in error["loc"] if part not in kinds]
    expected = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        expected = _instead(key, method)
    silent = ("missing", "value_error", "extra_forbidden")  # an unknown key may hold a secret
    value = "" if error["type"] in silent else f" = {str(repr(error['input']))[:80]}"
    return f"{'.'.join(key) or 'recipe'}{value}: {expected}"


def _instead(key: list[str], method: str) -> str:
    """Of a key that the method's recipe has not: who reads it, or which key may have been meant."""
    readers = [other for other in METHODS if _sections(recipe_class(other), key)]
    if readers and method not in readers:  # its own key, but of another kind: of another engine, say
        named = ", ".join(readers[:4]) + (f" and {len(readers) - 4} more" if len(readers) > 4 else "")
        return f"method = '{method}' does not read it; {named} {'does' if len(readers) == 1 else 'do'}"
    known = {name for section in _sections(recipe_class(method), key[:-1]) for name in section.model_fields}
    if key[-1] in known:
        return f"another kind of {'.'.join(key[:-1])} reads it; change kind, or leave it out"
    near = get_close_matches(key[-1], sorted(known), n=1)
    listed = ", ".join(sorted(known))
    return f"no such key; did you mean {near[0]}?" if near else f"no such key; there are {listed}"


def _sections(section: Any, key: list[str]) -> list[type[BaseModel]]:
    """What stands at a key, if it is a section: itself, or one of several kinds. At a key that holds a value: the
    section that has it. Nothing if there is no such key."""
    if not (isinstance(section, type) and issubclass(section, BaseModel)):
        return []
    if not key:
        return [section]
    if key[0] not in section.model_fields:
        return []
    inner = [each for each in _parts(section.model_fields[key[0]].annotation) if each is not type(None)]
    below = key[1:]
    while below and below[0].isdigit():  # a place in an array of tables
        below = below[1:]
    found = [kind for each in inner for kind in _sections(each, below)]
    return found or ([section] if not below else [])


def _parts(annotation: Any) -> list[Any]:
    """X of X, and of X | None, tuple[X, ...], Annotated[X, ...]."""
    arguments = get_args(annotation)
    return [part for each in arguments for part in _parts(each)] if arguments else [annotation]
