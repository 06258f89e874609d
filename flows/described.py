"""What a method is, told by its own file: paper, stages, roles, tables, what it needs, and its recipes."""

import ast
import inspect
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from flows.bound import roles_of
from flows.methods import METHODS, recipe_class
from schemas.recipe import Data, Recipe

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "deployments/recipes"
DOCS = ROOT / "docs/methods.md"


@dataclass(frozen=True)
class Described:
    method: str
    paper: str
    """The first line of its file."""
    roles: list[str]
    """Who is asked for text."""
    needs: list[str]
    """Files of the user's, as keys of the recipe, beside a benchmark; in brackets: may be left out."""
    trains_by: list[str]
    stages: list[str]
    """Those of its own, in their order; every method then trains, and the gate decides."""
    tables: list[str]
    recipes: list[str]
    """Shipped ones."""


def described(method: str) -> Described:
    recipe, module = recipe_class(method), sys.modules[METHODS[method].__module__]
    stages = list(dict.fromkeys(_stages(METHODS[method])))
    return Described(
        method=method,
        paper=(module.__doc__ or "").split("\n")[0],
        roles=sorted({role for stage in stages for role in roles_of(stage)}),
        needs=list(_needs(recipe)),
        trains_by=list(recipe.trains_by),
        stages=[stage.__name__ for stage in stages],
        tables=list(dict.fromkeys(table for stage in stages for table in stage.writes)),
        recipes=[
            path.relative_to(ROOT).as_posix() for path in sorted(RECIPES.glob("*.toml")) if _plays(path, method)
        ],
    )


def section(method: str) -> str:
    """What docs/methods.md says of it."""
    return DOCS.read_text(encoding="utf-8").partition(f"\n## {method}\n")[2].partition("\n## ")[0].strip()


def _stages(sentences: Callable[..., Any]) -> Iterator[Any]:
    """The stages that a method plays, in the order of its sentences and of those that it shares with others."""
    known = vars(sys.modules[sentences.__module__])
    names = [node for node in ast.walk(ast.parse(inspect.getsource(sentences))) if isinstance(node, ast.Name)]
    for name in sorted(names, key=lambda node: (node.lineno, node.col_offset)):
        found = known.get(name.id)
        if hasattr(found, "writes"):
            yield found
        elif inspect.isfunction(found) and found is not sentences and found.__module__.startswith("flows.methods."):
            yield from _stages(found)


def _needs(recipe: type[Recipe]) -> Iterator[str]:
    data = recipe.model_fields["data"].annotation
    assert isinstance(data, type) and issubclass(data, Data)
    for name, field in data.model_fields.items():
        yield f"(data.{name})" if type(None) in get_args(field.annotation) else f"data.{name}"


def _plays(path: Path, method: str) -> bool:
    return bool(tomllib.loads(path.read_text(encoding="utf-8")).get("method") == method)
