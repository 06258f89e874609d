"""Options that many commands have, and how a round is named and shown."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.console import as_json
from schemas.manifest import Manifest
from tasks.store.lineage import Lineage
from tasks.store.place import store_at

RecipeArgument = Annotated[Path, typer.Argument(help="A recipe, such as deployments/recipes/quickstart.toml.")]
RoundArgument = Annotated[str, typer.Argument(help="A round, such as quickstart/3; 3 where there is one recipe.")]
StoreOption = Annotated[
    str, typer.Option("--store", envvar="SELFPLAY_STORE", help="The store: a folder, or s3://bucket/path.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, all else on standard error.")
]


def folder_of(m: Manifest, store: str) -> Path:
    return Lineage(store_at(store), m.recipe, ()).round_folder(m.round)


def entry(m: Manifest, store: str) -> dict[str, Any]:
    return as_json(m, str(folder_of(m, store) / "manifest.json"))
