"""log: the published rounds."""

import json

import typer

from flows.commands.options import JsonOption, StoreOption, entry
from flows.console import Console
from tasks.store.lineage import open_lineages


def log(store: StoreOption = "store", as_json_list: JsonOption = False) -> None:
    """Every published round, oldest first."""
    manifests = [m for lineage in open_lineages(store) for m in lineage.manifests]
    if as_json_list:
        typer.echo(json.dumps([entry(m, store) for m in manifests], indent=2))
    elif manifests:
        Console().rounds_table(manifests)
    else:
        Console().note(f"no published round in {store}; begin with: selfplay run deployments/recipes/quickstart.toml")
