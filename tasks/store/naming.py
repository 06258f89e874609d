"""How a user names a round: `recipe/3`, or a bare `3` where the store has one recipe. And weights: a round's,
`recipe/champion`, `recipe/base`; of a role with weights of its own, `recipe/3/proposer`."""

import re
from pathlib import Path

from schemas.errors import BadInput
from schemas.manifest import CheckpointRef, Manifest
from tasks.store.lineage import Lineage, existing_store, open_lineage, open_lineages


def open_round(store: Path | str, name: str) -> tuple[Lineage, Manifest]:
    """A published round and its lineage. Raises BadInput for a name that is none, or a round that is not there."""
    recipe, number = parts_of(name)
    root = existing_store(store)
    lineage = open_lineage(root, recipe) if recipe else _only_lineage(root, name)
    found = next((m for m in lineage.manifests if m.round == number), None)
    if found is None:
        rounds = [f"{m.recipe}/{m.round}" for m in lineage.manifests]
        published = f"; its lineage has {', '.join(rounds)}" if rounds else ""
        raise BadInput(f"{name}: no published round of this name in {root}{published}")
    return lineage, found


def open_checkpoint(store: Path | str, name: str) -> tuple[Lineage, Manifest, CheckpointRef]:
    """Weights by their name, with their lineage and the round that made them; of the base, the first round.

    Raises BadInput for a round without weights, or a name that is none.
    """
    round, slash, role = name.rpartition("/")
    if not (slash and role.isalpha() and role not in ("base", "champion")):
        round, role = name, ""
    recipe, slash, last = round.rpartition("/")
    if last not in ("base", "champion"):
        lineage, m = open_round(store, round)
        made = m.own_candidates.get(role) if role else m.candidate
        if made is None or m.weights_dropped:
            why = "a record dropped them" if made else f"none of a {role} alone" if role and m.candidate else m.reason
            raise BadInput(f"{name}: it has no weights: {why}")
        return lineage, m, made
    if not slash:
        recipe = _only_lineage(existing_store(store), last).recipe
    lineage, first = open_round(store, f"{recipe}/1")
    if role and role not in first.own:
        raise BadInput(f"{name}: it has no weights: none of a {role} alone")
    base = first.own[role].base if role else first.base
    champion = lineage.champion(base, role)
    promoted = lineage.champion_round if last == "champion" else None
    return (lineage, promoted, champion) if promoted else (lineage, first, base)


def parts_of(name: str) -> tuple[str, int]:
    """Recipe ("" if it is not named) and number. Raises BadInput for what names no round."""
    named = re.fullmatch(r"(?:([a-z0-9][a-z0-9_-]{0,62})/)?([0-9]{1,9})/?", name)
    if not named:
        raise BadInput(f"{name[:80]}: expected a round such as quickstart/3")
    return named[1] or "", int(named[2])


def _only_lineage(store: Path, name: str) -> Lineage:
    lineages = open_lineages(store)
    if len(lineages) == 1:
        return lineages[0]
    if not lineages:
        raise BadInput(f"{name}: no published round in {store}")
    raise BadInput(f"{name}: of which recipe? one of {', '.join(f'{found.recipe}/{name}' for found in lineages)}")
