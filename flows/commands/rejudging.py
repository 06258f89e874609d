"""rejudge: what flips in a published round by the code and the recipe of now."""

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import JsonOption, RoundArgument, StoreOption
from flows.console import Console
from tasks.store.naming import open_round


def rejudge(
    round: RoundArgument,
    recipe: Annotated[
        Path | None, typer.Option(help="Take [vote], [answers] and [select] from this recipe instead.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every flip, not the first few of a kind.")] = False,
    store: StoreOption = "store",
    as_json_object: JsonOption = False,
) -> None:
    """A round's attempts, read and voted on by the code of now: what flips. Nothing is written."""
    from flows.lines.rejudge import rejudged_lines
    from tasks.audit.rejudge import rejudge as read_again

    lineage, m = open_round(store, round)
    console = Console(to_stderr=True)
    with console.stage("rejudge"):
        found = read_again(lineage, m, recipe, console.progress("rejudge"))
    if as_json_object:
        typer.echo(json.dumps(found.model_dump(mode="json"), indent=2))
    else:
        typer.echo("\n".join(rejudged_lines(found, store, every)))
