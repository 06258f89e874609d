"""Damage: one thing of a store that is not as it was published, and what cannot be relied on for it."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.manifest import Manifest
from schemas.tables import TABLES
from tasks.store.descent import descendants


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it was published."""

    owner: str
    """The round (`recipe/n`), or the lineage."""
    place: str
    """Path in the store."""
    expected: str
    found: str
    unusable: str
    """What cannot be relied on."""


def name_of(m: Manifest) -> str:
    return f"{m.recipe}/{m.round}"


def rows_unusable(m: Manifest, table: str, manifests: Iterable[Manifest]) -> str:
    later = f"; {TABLES[table].later}" if table in TABLES and TABLES[table].later else ""
    return f"{table} of {name_of(m)}, their ancestry and their figures{later}{_heirs(m, manifests)}"


def round_unusable(m: Manifest, manifests: Iterable[Manifest]) -> str:
    return f"what {name_of(m)} says of itself{_heirs(m, manifests)}"


def weights_unusable(digest: str, manifests: Iterable[Manifest]) -> str:
    roles = [
        f"{name_of(m)} ({role})"
        for m in manifests
        for role in ("base", "champion", "candidate", "adapter")
        if (ref := getattr(m, role)) and ref.digest == digest
    ]
    return f"the weights of {', '.join(roles)}; a run that would start from them"


def _heirs(m: Manifest, manifests: Iterable[Manifest]) -> str:
    heirs = [name_of(heir) for heir in descendants(manifests, m.round)]
    return f"; what descends from it: {', '.join(heirs)}" if heirs else ""
