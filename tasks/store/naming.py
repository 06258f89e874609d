"""How a user names a round: `recipe/3`, or a bare `3` where the store has one recipe."""

from pathlib import Path

from schemas.errors import BadInput
from schemas.manifest import Manifest
from tasks.store.lineage import Lineage, existing_store, open_lineage, open_lineages


def open_round(store: Path | str, name: str) -> tuple[Lineage, Manifest]:
    """A published round and its lineage. Raises BadInput for a name that is none, or a round that is not there."""
    recipe, _, number = name.strip("/").rpartition("/")
    if not number.isascii() or not number.isdigit() or "/" in recipe or recipe in (".", ".."):
        raise BadInput(f"{name}: expected a round such as quickstart/3")
    root = existing_store(store)
    lineage = open_lineage(root, recipe) if recipe else _only_lineage(root, name)
    found = next((m for m in lineage.manifests if m.round == int(number)), None)
    if found is None:
        rounds = [f"{m.recipe}/{m.round}" for m in lineage.manifests]
        published = f"; its lineage has {', '.join(rounds)}" if rounds else ""
        raise BadInput(f"{name}: no published round of this name in {root}{published}")
    return lineage, found


def _only_lineage(store: Path, name: str) -> Lineage:
    lineages = open_lineages(store)
    if len(lineages) == 1:
        return lineages[0]
    if not lineages:
        raise BadInput(f"{name}: no published round in {store}")
    raise BadInput(f"{name}: of which recipe? one of {', '.join(f'{found.recipe}/{name}' for found in lineages)}")
