"""Options that many commands have, and how a round is named and shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.console import as_json
from schemas.errors import BadInput
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


@contextmanager
def reading() -> Iterator[None]:
    """For commands that only read: a file that may not be read is the user's to mend."""
    try:
        yield
    except PermissionError as error:
        raise BadInput(f"{error.filename or error}: no permission to read it; ask whoever owns the store") from error
