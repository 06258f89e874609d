"""How a user names a round: `recipe/3`, or a bare `3` where the store has one recipe."""

from pathlib import Path

from schemas.errors import BadInput
from schemas.manifest import Manifest
from tasks.store.lineage import Lineage, open_lineage, open_lineages
from tasks.store.place import store_at


def open_round(store: Path | str, name: str) -> tuple[Lineage, Manifest]:
    """A published round and its lineage. Raises BadInput for a name that is none, or a round that is not there."""
    recipe, number = parts_of(name)
    lineage = open_lineage(store, recipe) if recipe else _only_lineage(store, name)
    found = next((m for m in lineage.manifests if m.round == number), None)
    if found is None:
        rounds = [f"{m.recipe}/{m.round}" for m in lineage.manifests]
        published = f"; its lineage has {', '.join(rounds)}" if rounds else ""
        raise BadInput(f"{name}: no published round of this name in {store_at(store)}{published}")
    return lineage, found


def parts_of(name: str) -> tuple[str, int]:
    """Recipe ("" if it is not named) and number. Raises BadInput for what names no round."""
    recipe, _, number = name.strip("/").rpartition("/")
    if not number.isascii() or not number.isdigit() or "/" in recipe or recipe in (".", ".."):
        raise BadInput(f"{name}: expected a round such as quickstart/3")
    return recipe, int(number)


def _only_lineage(store: Path | str, name: str) -> Lineage:
    lineages = open_lineages(store)
    if len(lineages) == 1:
        return lineages[0]
    if not lineages:
        raise BadInput(f"{name}: no published round in {store_at(store)}")
    raise BadInput(f"{name}: of which recipe? one of {', '.join(f'{found.recipe}/{name}' for found in lineages)}")
