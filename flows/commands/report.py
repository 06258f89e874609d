"""report: pages about every lineage and every round, to be opened in a browser."""

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import JsonOption, StoreOption
from flows.console import Console
from schemas.errors import BadInput
from tasks.store.lineage import open_lineages


def report(
    output: Annotated[str, typer.Option("--output", "-o", help="Folder for the pages.")] = "report",
    store: StoreOption = "store",
    as_json_object: JsonOption = False,
) -> None:
    """Pages about every lineage and round of a store: they open from disk, without a network."""
    from tasks.audit.report import write_report

    if "://" in output:
        raise BadInput(f"-o {output}: expected a folder of this machine")
    console = Console(to_stderr=as_json_object)
    lineages = open_lineages(store)
    if not lineages:
        raise BadInput(f"no published round in {store}; begin with: selfplay run deployments/recipes/quickstart.toml")
    with console.stage("report"):
        page = write_report(lineages, Path(output).resolve(), console.progress("report"))
    if as_json_object:
        typer.echo(json.dumps({"page": str(page), "url": page.as_uri()}, indent=2))
    else:
        console.note(f"open {page}")
