"""export: a published round, for others."""

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import JsonOption, StoreOption
from flows.console import Console
from schemas.errors import BadInput
from tasks.figures import many
from tasks.store.naming import open_round


def export(
    round: Annotated[str, typer.Argument(help="A published round, such as quickstart/3.")],
    folder: Annotated[str, typer.Argument(metavar="DIR", help="A new or empty folder of this machine.")],
    store: StoreOption = "store",
    data_only: Annotated[bool, typer.Option("--data-only", help="The tables without the weights.")] = False,
    as_json_object: JsonOption = False,
) -> None:
    """Write a round's tables and weights into a folder that `datasets`, `transformers` and the Hub read as it is."""
    from tasks.audit.export import export_round

    if "://" in folder:
        raise BadInput(f"{folder}: expected a folder of this machine")
    lineage, m = open_round(store, round)
    exported = export_round(lineage, m, Path(folder), data_only=data_only)
    if as_json_object:
        found = exported.__dict__ | {"folder": str(exported.folder), "decision": m.decision}
        typer.echo(json.dumps(found, indent=2))
        return
    console = Console()
    console.note(f"{m.recipe}/{m.round} ({m.decision}) lies in {exported.folder}")
    for name, rows in exported.rows.items():
        console.note(f"  {name:<20} {many(rows, 'row'):>17}{'  (default)' if name == exported.default else ''}")
    if exported.model:
        console.note("  model/               weights in transformers' layout")
