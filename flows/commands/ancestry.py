"""why and where: one row, back to what it came from and forward to what came of it."""

import json
from typing import Annotated

import typer

from flows.commands.options import JsonOption, StoreOption

RowArgument = Annotated[
    str, typer.Argument(help="A row's id, such as questions-0003-..., or recipe/id where several recipes have it.")
]


def why(row: RowArgument, store: StoreOption = "store", as_json_object: JsonOption = False) -> None:
    """What a row came from, what was held against it and what it became: any row of any table, dropped ones too."""
    from flows.lines.story import story
    from tasks.audit.ancestry import explain
    from tasks.audit.rows import open_row

    found = explain(*open_row(store, row))
    typer.echo(json.dumps(vars(found), indent=2) if as_json_object else story(found))


def where(row: RowArgument, store: StoreOption = "store", as_json_object: JsonOption = False) -> None:
    """What was made of a row, round by round, to the checkpoints that were trained on it."""
    from flows.lines.story import descent
    from tasks.audit.descent import follow
    from tasks.audit.rows import open_row

    found = follow(*open_row(store, row))
    typer.echo(json.dumps(vars(found), indent=2) if as_json_object else descent(found))
