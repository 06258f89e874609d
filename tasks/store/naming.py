"""How a user names a round: `recipe/3`, or a bare `3` where the store has one recipe."""

import re
from pathlib import Path

from schemas.errors import BadInput
from schemas.manifest import Manifest
from tasks.store.lineage import Lineage, open_lineage, open_lineages, refuse_no_store
from tasks.store.place import store_at


def open_round(store: Path | str, name: str) -> tuple[Lineage, Manifest]:
    """A published round and its lineage. Raises BadInput for a name that is none, or a round that is not there."""
    named = re.fullmatch(r"(?:([a-z0-9][a-z0-9_-]{0,62})/)?([0-9]{1,9})/?", name)
    if not named:
        raise BadInput(f"{name[:80]}: expected a round such as quickstart/3")
    recipe, number = named.groups()
    refuse_no_store(store_at(store))
    lineage = open_lineage(store, recipe) if recipe else _only_lineage(store, name)
    found = next((m for m in lineage.manifests if m.round == int(number)), None)
    if found is None:
        rounds = [f"{m.recipe}/{m.round}" for m in lineage.manifests]
        published = f"; its lineage has {', '.join(rounds)}" if rounds else ""
        raise BadInput(f"{name}: no published round of this name in {store_at(store)}{published}")
    return lineage, found


def _only_lineage(store: Path | str, name: str) -> Lineage:
    lineages = open_lineages(store)
    if len(lineages) == 1:
        return lineages[0]
    if not lineages:
        raise BadInput(f"{name}: no published round in {store_at(store)}")
    raise BadInput(f"{name}: of which recipe? one of {', '.join(f'{found.recipe}/{name}' for found in lineages)}")
