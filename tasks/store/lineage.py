"""A lineage: the chain of a recipe's rounds. Champion and latest are derived from manifests and records, never
pointed to."""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import orjson
from pydantic import ValidationError

from schemas.errors import BadInput, Stopped
from schemas.manifest import CheckpointRef, Manifest, StageRecord
from schemas.records import LineageRecord
from tasks.store.chain import Fault, read_chain
from tasks.store.listing import folders_in
from tasks.store.objects import checkpoint_folder, create_once, whole_file
from tasks.store.place import contents_of, local_twin, on_disk, refuse_links, store_at
from tasks.store.records import as_recorded, record_chain

STORE_FORMAT = 5  # 4 had no token ids, 3 had figures of one method, 2 rows whose ids held the code that wrote them


@dataclass(frozen=True)
class Lineage:
    """A recipe's folder in a store, its published rounds in order, and what was recorded of them since."""

    store: Path
    recipe: str
    published: tuple[Manifest, ...]
    """As they were published, without what records say of them."""
    records: tuple[LineageRecord, ...] = ()
    record_digests: tuple[str, ...] = ()
    """SHA-256 of each record: the next one, and the next manifest, name the last."""
    last_manifest: str = ""
    """SHA-256 of the newest manifest."""

    @cached_property
    def manifests(self) -> tuple[Manifest, ...]:
        """The rounds, each with the decision that it counts for."""
        return as_recorded(self.published, self.records)

    @property
    def last_record(self) -> str:
        return self.record_digests[-1] if self.record_digests else ""

    @property
    def folder(self) -> Path:
        return self.store / self.recipe

    @property
    def objects(self) -> Path:
        return self.store / "objects"

    @property
    def cache(self) -> Path:
        """What only saves time, and can be deleted at any moment: always on this machine."""
        return local_twin(self.folder) / "cache"

    @cached_property
    def sealed_caches(self) -> frozenset[str]:
        """SHA-256 of the cache's files that published rounds name."""
        return frozenset(digest for m in self.published for digest in m.caches.values())

    @property
    def next_round(self) -> int:
        return self.manifests[-1].round + 1 if self.manifests else 1

    @property
    def champion_round(self) -> Manifest | None:
        """The last promoted round; None while the base model is champion."""
        return next((m for m in reversed(self.manifests) if m.decision == "promoted"), None)

    def champion(self, base: CheckpointRef, role: str = "") -> CheckpointRef:
        """`role`: of the policy that speaks in it with weights of its own."""
        promoted = self.champion_round
        found = promoted and (promoted.own_candidates.get(role) if role else promoted.candidate)
        return found or base

    @property
    def held_since_champion(self) -> list[Manifest]:
        champion = self.champion_round
        return [m for m in self.manifests if m.decision == "held" and m.round > (champion.round if champion else 0)]

    @property
    def dropped_weights(self) -> frozenset[str]:
        """Digests of the candidates, and their adapters, that a record dropped."""
        dropped = [ref for m in self.manifests if m.weights_dropped for ref in (*m.trained, m.adapter)]
        return frozenset(ref.digest for ref in dropped if ref)

    def round_folder(self, number: int) -> Path:
        return self.folder / f"round-{number:04d}"

    def checkpoint_folder(self, checkpoint: CheckpointRef) -> Path:
        """A folder of this machine with these weights."""
        return checkpoint_folder(self.objects, checkpoint)

    def stage_record(self, round: int, stage: str, key: str) -> StageRecord | None:
        """The marker of a whole stage in a round. Raises Damaged for a published one that was edited since."""
        content = self.document(round, f"stages/{stage}-{key}.json")
        if content is None:
            return None
        try:
            return StageRecord.model_validate_json(content)
        except ValidationError:  # by another version of this code, whose key would differ too
            return None

    def document(self, round: int, name: str) -> bytes | None:
        """What lies beside a round's tables, such as `recipe.toml`; None if it is not there.

        Raises Damaged for a document of a published round that was edited since.
        """
        path = self.round_folder(round) / name
        written = next((m.files.get(name) for m in self.published if m.round == round), None)
        if written and path.exists():
            return whole_file(path, written)
        try:
            return bytes(path.read_bytes())
        except FileNotFoundError:
            return None

    def marker(self, round: int, stage: str, key: str) -> Path:
        return self.round_folder(round) / "stages" / f"{stage}-{key}.json"


def open_lineage(store: Path | str, recipe: str) -> Lineage:
    """Read a lineage; nothing is written. Raises BadInput for a store of a newer format, Damaged for a manifest or
    record that is not as it was written."""
    lineage, faults = read_lineage(store_at(store), recipe)
    for fault in faults:
        fault.refuse()
    return lineage


def read_lineage(store: Path, recipe: str) -> tuple[Lineage, tuple[Fault, ...]]:
    """A lineage as far as it can be read, and what is wrong with its manifests and records."""
    _check_format(store)
    records = record_chain(store / recipe)
    found = contents_of([folder / "manifest.json" for folder in round_folders(store / recipe)])
    numbered = {int(path.parent.name.removeprefix("round-")): path for path in found}
    paths = [store / recipe / f"round-{n:04d}" / "manifest.json" for n in range(1, max(numbered, default=0) + 1)]
    rounds = read_chain({path: found.get(path) for path in paths}, Manifest, "manifest", lambda m: m.round)
    lineage = Lineage(
        store=store,
        recipe=recipe,
        published=rounds.documents,
        records=records.documents,
        record_digests=records.digests,
        last_manifest=rounds.last,
    )
    lost = [_lost_record(lineage, m) for m in rounds.documents if m.record and m.record not in records.digests]
    return lineage, (*rounds.faults, *records.faults, *(() if records.faults else lost))


def _lost_record(lineage: Lineage, m: Manifest) -> Fault:
    named = f"a record of SHA-256 {m.record[:16]}..., the newest when {m.recipe}/{m.round} began"
    return Fault(lineage.folder / "records", named, "gone, or another file with a seal that fits it")


def open_lineages(store: Path | str) -> list[Lineage]:
    """Every lineage of a store that has a published round, by name. Raises BadInput if there is no store."""
    root = existing_store(store)
    names = [folder.name for folder in folders_in(root) if folder.name != "objects"]
    return [lineage for name in names if (lineage := open_lineage(root, name)).manifests]


def existing_store(place: Path | str) -> Path:
    """The root of a store. Raises BadInput for a place that is no store that this version can read."""
    root = store_at(place)
    if not _check_format(root):
        raise BadInput(f"{root}: no store is there (no store.json); a first `selfplay run` with --store makes one")
    return root


def make_store(store: Path) -> None:
    """Create the store's folder and its format file, if they are not there. Raises Stopped for an unusable bucket."""
    try:
        create_once(store / "store.json", orjson.dumps({"format": STORE_FORMAT}))
    except (PermissionError, FileNotFoundError) as error:
        if on_disk(store):
            raise
        raise Stopped(f"{store}: {error}: make the bucket, or use credentials that may write to it") from error


def round_folders(lineage: Path) -> list[Path]:
    """The folders of a lineage's rounds, published or not, oldest first."""
    if not lineage.exists():
        return []
    return sorted((p for p in lineage.iterdir() if re.fullmatch(r"round-[0-9]{4,5}", p.name)), key=lambda p: p.name)


def _check_format(store: Path) -> bool:
    """Whether there is a store. Raises BadInput for a file, a newer format, or a store.json that cannot be read."""
    path = store / "store.json"
    if on_disk(store) and os.path.exists(store) and not store.is_dir():
        raise BadInput(f"{store}: not a folder; give --store a folder")
    if on_disk(store):
        refuse_links(store)
    try:
        found = orjson.loads(path.read_bytes())["format"]
    except FileNotFoundError:
        return False
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        mend = orjson.dumps({"format": STORE_FORMAT}).decode()
        raise BadInput(f"{path}: cannot be read; if this is a store, it should hold {mend}") from error
    if found != STORE_FORMAT:
        mend = "begin a new store" if isinstance(found, int) and found < STORE_FORMAT else "update the checkout"
        raise BadInput(f"{path}: format = {found}: this version reads format {STORE_FORMAT}; {mend}")
    return True
