"""Integrity: whether a store still holds what its published manifests say, byte for byte and row for row."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa

from schemas.errors import BadInput
from schemas.manifest import TableRef
from tasks.store.lineage import Lineage, open_lineage, open_lineages
from tasks.store.objects import LISTING, digest_of
from tasks.store.parquet import decoded, logical_digest


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it was published."""

    owner: str
    """The round (`recipe/n`), or the lineage."""
    place: str
    """Path in the store."""
    fault: str


@dataclass(frozen=True)
class Examined:
    rounds: int
    files: int
    objects: int
    damage: tuple[Damage, ...]


def examine_store(store: Path) -> Examined:
    """Read every file that a published manifest names. Nothing is written; drafts are not looked at.

    Raises BadInput if there is no store.
    """
    if not (store / "store.json").exists():
        raise BadInput(f"{store}: not a store; expected the store.json that a first run writes")
    damage: list[Damage] = []
    lineages = list(_readable(store, damage))
    refs = [
        (lineage, m, ref)
        for lineage in lineages
        for m in lineage.manifests
        for tables in m.tables.values()
        for ref in tables
    ]
    for lineage, m, ref in refs:
        faults = _faults_of_table(lineage.folder / ref.path, ref)
        damage += [Damage(f"{m.recipe}/{m.round}", f"{m.recipe}/{ref.path}{file}", fault) for file, fault in faults]
    needed = {digest: owner for lineage in lineages for digest, owner in _needed(lineage)}
    for digest, owner in needed.items():
        faults = _faults_of_object(store / "objects" / digest, digest)
        damage += [Damage(owner, f"objects/{digest}{file}", fault) for file, fault in faults]
    files = sum(len(ref.files) for _, _, ref in refs)
    return Examined(sum(len(lineage.manifests) for lineage in lineages), files, len(needed), tuple(damage))


def _readable(store: Path, damage: list[Damage]) -> Iterator[Lineage]:
    """Every lineage; one whose manifests cannot be read is damage, and hides no other."""
    try:
        yield from open_lineages(store)
        return
    except BadInput:
        names = sorted(p.name for p in store.iterdir() if p.name != "objects" and p.is_dir())
    for name in names:
        try:
            yield open_lineage(store, name)
        except BadInput as error:
            damage.append(Damage(name, name, str(error)))


def _needed(lineage: Lineage) -> Iterator[tuple[str, str]]:
    """Digests of the weights that a round names, but for those that a record dropped."""
    for m in reversed(lineage.manifests):  # so that the first round that names it is its owner
        for checkpoint in (m.candidate, m.champion, m.base):
            if checkpoint and checkpoint.digest not in lineage.dropped_weights:
                yield checkpoint.digest, f"{m.recipe}/{m.round}"


def _faults_of_table(folder: Path, ref: TableRef) -> Iterator[tuple[str, str]]:
    faults = [
        (f"/{name}", fault) for name, digest in ref.files.items() if (fault := _fault_of(folder / name, digest))
    ]
    there = {path.name for path in folder.glob("part-*.parquet")} if folder.exists() else set()
    faults += [(f"/{name}", "a part that the manifest does not name") for name in sorted(there - ref.files.keys())]
    if not faults:  # bytes as they were: then the rows can only differ if the manifest itself is wrong
        faults += [("", fault) for fault in _faults_of_rows(folder, ref)]
    yield from faults


def _faults_of_rows(folder: Path, ref: TableRef) -> Iterator[str]:
    try:
        parts = [decoded((folder / name).read_bytes()) for name in sorted(ref.files)]
    except pa.ArrowException as error:
        yield f"not readable as Parquet: {error}"
        return
    rows = pa.concat_tables(parts).sort_by("id") if parts else None
    if rows is not None and (rows.num_rows != ref.rows or logical_digest(rows) != ref.digest):
        yield f"{rows.num_rows:,} rows, of another digest than the {ref.rows:,} of the manifest"


def _faults_of_object(home: Path, digest: str) -> Iterator[tuple[str, str]]:
    try:
        files = orjson.loads((home / LISTING).read_bytes())["files"]
    except FileNotFoundError:
        yield "", "the weights are gone, and no record says that they were dropped"
        return
    except (orjson.JSONDecodeError, KeyError, TypeError):
        yield f"/{LISTING}", "not readable"
        return
    if digest_of(files) != digest:
        yield f"/{LISTING}", "lists other files than those the weights were made of"
    for name, expected in files.items():
        if fault := _fault_of(home / name, expected):
            yield f"/{name}", fault


def _fault_of(path: Path, digest: str) -> str:
    """What is wrong with a file; "" if nothing. Read anew each time: an audit trusts no cache."""
    try:
        with path.open("rb") as file:
            found = hashlib.sha256()
            while chunk := file.read(1 << 24):
                found.update(chunk)
    except FileNotFoundError:
        return "gone"
    return "" if found.hexdigest() == digest else f"SHA-256 {found.hexdigest()[:16]}..., published {digest[:16]}..."
