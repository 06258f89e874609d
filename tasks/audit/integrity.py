"""Integrity: whether a store still holds what its published manifests say, byte for byte and row for row."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from schemas.manifest import Manifest, TableRef
from tasks.audit.damage import Damage, name_of, round_unusable, rows_unusable, weights_unusable
from tasks.figures import many
from tasks.store.lineage import Lineage
from tasks.store.objects import OF_THE_WRONG_KIND, faults_of_object
from tasks.store.parquet import decoded, logical_digest

Fault = tuple[str, str, str]  # what of it ("" for all), expected, found


@dataclass
class Opened:
    """A round's tables as its files hold them, those that are whole: every later check looks at these."""

    lineage: Lineage
    manifest: Manifest
    """As it was published, without what records say."""
    rows: dict[str, pa.Table] = field(default_factory=dict)
    """Table's path -> its rows, sorted by id."""

    def tables(self, *names: str, controls: bool = False) -> list[pa.Table] | None:
        """What every stage wrote of these tables, those of `controls` too if told; None if any of it is damaged."""
        refs = [ref for name in names for ref in self.refs(name, controls)]
        return [self.rows[ref.path] for ref in refs] if all(ref.path in self.rows for ref in refs) else None

    def refs(self, name: str, controls: bool) -> list[TableRef]:
        """A table as each stage wrote it."""
        own = self.manifest.tables.get(name, [])
        return own + [ref for ref in self.manifest.controls.get(name, []) if controls and ref not in own]

    def damage(self, place: str, expected: str, found: str, table: str = "") -> Damage:
        """Damage of this round, at a path relative to its lineage."""
        m, every = self.manifest, self.lineage.manifests
        unusable = rows_unusable(m, table, every) if table else round_unusable(m, every)
        return Damage(name_of(m), f"{m.recipe}/{place}", expected, found, unusable)


def open_tables(opened: Opened) -> Iterator[Damage]:
    """Read every file that a manifest names, into `opened`; what is not as it was published."""
    folder = opened.lineage.folder
    home = f"round-{opened.manifest.round:04d}"
    for name, digest in opened.manifest.files.items():
        for expected, found in _faults_of_file(folder / home / name, digest):
            yield opened.damage(f"{home}/{name}", expected, found)
    for ref in opened.manifest.written:
        for part, expected, found in _read(folder / ref.path, ref, opened.rows):
            yield opened.damage(f"{ref.path}{part}", expected, found, ref.table)


def faults_of_weights(lineage: Lineage, digest: str, owner: str) -> Iterator[Damage]:
    unusable = weights_unusable(digest, lineage.manifests)
    for file, expected, found in faults_of_object(lineage.objects / digest, digest, _sha256_of):
        yield Damage(owner, f"objects/{digest}{file}", expected, found, unusable)


def _read(folder: Path, ref: TableRef, into: dict[str, pa.Table]) -> Iterator[Fault]:
    """Put a table's rows into `into`, unless they are not those that were published."""
    faults: list[Fault] = []
    parts: list[pa.Table] = []
    for name, digest in sorted(ref.files.items()):
        content, unreadable = content_of(folder / name), ""
        try:
            parts += [decoded(content)] if content is not None else []
        except pa.ArrowException:
            unreadable = ", not readable as Parquet"
        if content is None:
            faults.append((f"/{name}", _sha(digest), "gone"))
        elif (found := hashlib.sha256(content).hexdigest()) != digest:
            faults.append((f"/{name}", _sha(digest), f"{_sha(found)} of {many(len(content), 'byte')}{unreadable}"))
    there = {path.name for path in folder.glob("part-*.parquet")} if folder.exists() else set()
    strays = [(f"/{name}", "no such part", "a part that the manifest does not name") for name in there - {*ref.files}]
    if len(parts) == len(ref.files) and (rows := _together(parts)) is not None:
        if (len(rows), logical_digest(rows)) == (ref.rows, ref.digest):
            into[ref.path] = rows
            faults = [(part, expected, f"{found}, though of the same rows") for part, expected, found in faults]
        elif not faults:
            faults.append(
                ("", f"{many(ref.rows, 'row')} of digest {ref.digest[:16]}...", f"{len(rows):,} of another")
            )
    elif not faults:
        faults.append(("", "parts of one table", "parts with different columns"))
    yield from (*faults, *sorted(strays))


def _together(parts: list[pa.Table]) -> pa.Table | None:
    try:
        return pa.concat_tables(parts).sort_by("id")
    except (pa.ArrowException, KeyError):
        return None


def _faults_of_file(path: Path, digest: str) -> Iterator[tuple[str, str]]:
    try:
        found = _sha256_of(path)
    except (FileNotFoundError, *OF_THE_WRONG_KIND):
        yield _sha(digest), "gone"
        return
    if found != digest:
        yield _sha(digest), _sha(found)


def _sha256_of(path: Path) -> str:
    """Read anew each time: an audit trusts no cache."""
    read = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 24):
            read.update(chunk)
    return read.hexdigest()


def content_of(path: Path) -> bytes | None:
    """None for a file that is gone, or a folder in its place."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, *OF_THE_WRONG_KIND):
        return None


def _sha(digest: str) -> str:
    return f"SHA-256 {digest[:16]}..."
