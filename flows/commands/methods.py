"""methods: which there are, and what each does."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from flows.commands.options import JsonOption
from flows.console import Console
from schemas.errors import BadInput


def methods(
    name: Annotated[str, typer.Argument(help="A method, such as spin; without it, a line for each.")] = "",
    as_json: JsonOption = False,
) -> None:
    """The methods that a recipe may name, or one of them in full: paper, stages, what it needs, recipes."""
    from flows.described import described, section
    from flows.methods import METHODS

    if name and name not in METHODS:
        raise BadInput(f"{name}: no such method; there are {', '.join(METHODS)}")
    found = [described(each) for each in ([name] if name else METHODS)]
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2))
        return
    console = Console()
    for each in found:
        console.note(f"{each.method:<22}{each.paper}" if not name else each.paper)
    if not name:
        console.note("\nmore: selfplay methods NAME")
        return
    (one,) = found
    for label in ("stages", "roles", "tables", "needs", "trains_by", "recipes"):
        console.note(f"  {label.replace('_', ' '):<10} {', '.join(getattr(one, label)) or '-'}")
    console.note(f"\n{section(name)}")
    console.note("\ncost of a round: selfplay plan RECIPE --estimate")
