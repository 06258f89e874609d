"""Garbage: what no published round needs and nobody has touched for a while. Found first, removed when told to."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.store.lineage import Lineage, open_lineage, round_folders
from tasks.store.listing import Found, files_below, folders_in
from tasks.store.objects import LISTING
from tasks.store.place import on_disk
from tasks.store.retention import needed_weights
from tasks.store.strays import remove_files, strays
from tasks.store.uploads import Upload, abort_upload, unfinished_uploads

KILLED = "left by a killed writer"


@dataclass(frozen=True)
class Garbage:
    """Files that go together, and why they may go."""

    what: str
    why: str
    files: tuple[Path, ...]
    bytes: int
    upload: Upload | None = None
    """An unfinished upload, which has no files yet."""


def find_garbage(store: Path, grace_seconds: float) -> list[Garbage]:
    """Drafts, strays in published rounds, tombstoned weights and unreferenced objects, untouched for the grace.

    A draft that is younger keeps the objects that its markers name, and those younger than itself, which its
    training may have left on the way; an object that is younger than the grace is kept.
    """
    lineages = [open_lineage(store, name) for name in lineage_names(store)]
    needed = {digest for lineage in lineages for digest in needed_weights(lineage.manifests)}
    found: list[Garbage] = []
    for lineage in lineages:
        found += _of_a_lineage(lineage, grace_seconds)
    under_way = [(lineage, files) for lineage in lineages if (files := _under_way(lineage, grace_seconds))]
    drafted = {digest for lineage, _ in under_way for digest in _drafted(lineage)}
    begun = max((time.time() - found.changed for _, files in under_way for found in files), default=0.0)
    dropped = {digest for lineage in lineages for digest in lineage.dropped_weights}
    kept = needed | drafted
    for folder in folders_in(store / "objects"):
        files, shown = files_below(folder), f"objects/{folder.name[:16]}..."
        if folder.name in kept:
            found += _if_old(shown, KILLED, _drafts_of(files), grace_seconds)
        else:
            why = "weights dropped by a record" if folder.name in dropped else "no round refers to it"
            found += _if_old(shown, why, files, max(grace_seconds, begun))
    found += _if_old("store", KILLED, _drafts_of(_beside(store)), grace_seconds)
    for upload in unfinished_uploads(store, grace_seconds):
        found.append(Garbage(f"upload of {upload.key[-40:]}", "left by a killed writer", (), 0, upload))
    return found


def remove_garbage(store: Path, garbage: Garbage, prove: Callable[[], None] = lambda: None) -> None:
    """Remove its files, an object's listing first, so that what is left of a killed removal is no whole object.

    `prove` is asked before each: it raises Locked if a writer took a lineage over, who may need them.
    """
    remove_files(sorted(garbage.files, key=lambda path: path.name != LISTING), prove)
    if garbage.upload:
        prove()
        abort_upload(store, garbage.upload)


def _of_a_lineage(lineage: Lineage, grace: float) -> Iterator[Garbage]:
    published = {m.round: m for m in lineage.manifests}
    for folder in round_folders(lineage.folder):
        shown = f"{lineage.recipe}/{folder.name}"
        if manifest := published.get(int(folder.name.removeprefix("round-"))):
            yield from _if_old(shown, "not named by its manifest", strays(folder, manifest), grace)
        elif not (folder / "manifest.json").exists():  # asked anew: published a moment ago
            yield from _if_old(shown, "a draft", files_below(folder), grace)
    for part in ("lock", "records", "sealed", "cache"):
        left = _drafts_of(files_below(lineage.folder / part))
        yield from _if_old(f"{lineage.recipe}/{part}", KILLED, left, grace)


def _under_way(lineage: Lineage, grace: float) -> list[Found]:
    """The files of the lineage's draft, if one is young enough to be kept."""
    files = files_below(lineage.round_folder(lineage.next_round))
    return files if files and _age(files) <= grace else []


def _drafted(lineage: Lineage) -> set[str]:
    """Digests that the markers of the lineage's draft name."""
    folder = lineage.round_folder(lineage.next_round)
    markers = [path.name.removesuffix(".json").rsplit("-", 1) for path in folder.glob("stages/*.json")]
    records = [lineage.stage_record(lineage.next_round, stage, key) for stage, key in markers]
    return {digest for record in records if record for digest in record.objects}


def _if_old(what: str, why: str, files: list[Found], grace: float) -> Iterator[Garbage]:
    if files and _age(files) >= grace:
        yield Garbage(what, why, tuple(found.path for found in files), sum(found.bytes for found in files))


def _age(files: list[Found]) -> float:
    """Seconds since the newest was written, by the clocks of this machine and the store's."""
    return time.time() - max((found.changed for found in files), default=0.0)


def lineage_names(store: Path) -> list[str]:
    """Every lineage, those without a published round too."""
    folders = [folder for folder in folders_in(store) if folder.name != "objects"]
    return [folder.name for folder in folders if (folder / "lock").exists() or round_folders(folder)]


def _beside(store: Path) -> list[Found]:
    """Files directly in the store's folder; on a disk alone: object storage has no drafts of whole files."""
    if not on_disk(store) or not store.exists():
        return []
    files = [(path, path.stat()) for path in store.iterdir() if path.is_file()]
    return [Found(path, about.st_size, about.st_mtime) for path, about in files]


def _drafts_of(files: list[Found]) -> list[Found]:
    return [found for found in files if found.path.name.startswith(".") and found.path.name.endswith(".draft")]
