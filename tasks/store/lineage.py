"""A lineage: the chain of a recipe's rounds. Champion and latest are derived from manifests and records, never
pointed to."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import ValidationError

from schemas.errors import BadInput, Stopped
from schemas.manifest import CheckpointRef, Manifest, StageRecord
from schemas.records import LineageRecord
from tasks.store.objects import checkpoint_folder, create_once
from tasks.store.place import at_url, local_twin, on_disk, store_at
from tasks.store.records import as_recorded, read_records

STORE_FORMAT = 1


@dataclass(frozen=True)
class Lineage:
    """A recipe's folder in a store, and its published rounds in order, each as recorded since."""

    store: Path
    recipe: str
    manifests: tuple[Manifest, ...]
    records: tuple[LineageRecord, ...] = ()

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

    @property
    def next_round(self) -> int:
        return self.manifests[-1].round + 1 if self.manifests else 1

    @property
    def champion_round(self) -> Manifest | None:
        """The last promoted round; None while the base model is champion."""
        return next((m for m in reversed(self.manifests) if m.decision == "promoted"), None)

    def champion(self, base: CheckpointRef) -> CheckpointRef:
        promoted = self.champion_round
        return promoted.candidate if promoted and promoted.candidate else base

    @property
    def held_since_champion(self) -> list[Manifest]:
        champion = self.champion_round
        return [m for m in self.manifests if m.decision == "held" and m.round > (champion.round if champion else 0)]

    @property
    def dropped_weights(self) -> frozenset[str]:
        """Digests of the candidates whose weights a record dropped."""
        return frozenset(m.candidate.digest for m in self.manifests if m.weights_dropped and m.candidate)

    def round_folder(self, number: int) -> Path:
        return self.folder / f"round-{number:04d}"

    def checkpoint_folder(self, checkpoint: CheckpointRef) -> Path:
        """A folder of this machine with these weights."""
        return checkpoint_folder(self.objects, checkpoint)

    def stage_record(self, round: int, stage: str, key: str) -> StageRecord | None:
        """The marker of a whole stage in a round."""
        try:
            return StageRecord.model_validate_json(self.marker(round, stage, key).read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:  # by an older version of this code, whose key would differ too
            return None

    def marker(self, round: int, stage: str, key: str) -> Path:
        return self.round_folder(round) / "stages" / f"{stage}-{key}.json"


def open_lineage(store: Path | str, recipe: str) -> Lineage:
    """Read a lineage; nothing is written. Raises BadInput for a store of a newer format or a broken manifest."""
    root = store_at(store)
    _check_format(root)
    records = read_records(root / recipe)
    contents = _contents([folder / "manifest.json" for folder in round_folders(root / recipe)])
    manifests = sorted((_manifest(*found) for found in contents.items()), key=lambda m: m.round)
    return Lineage(root, recipe, tuple(as_recorded(m, records) for m in manifests), records)


def open_lineages(store: Path | str) -> list[Lineage]:
    """Every lineage of a store that has a published round, by name. Raises BadInput if there is no store."""
    root = store_at(store)
    refuse_no_store(root)
    names = sorted(p.name for p in root.iterdir() if p.name != "objects" and p.is_dir())
    return [lineage for name in names if (lineage := open_lineage(root, name)).manifests]


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
    return sorted((p for p in lineage.iterdir() if re.fullmatch(r"round-\d{4,}", p.name)), key=lambda p: p.name)


def refuse_no_store(store: Path) -> None:
    """Raises BadInput for a place that is no store that this version can read."""
    if not _check_format(store):
        raise BadInput(f"{store}: no store is there (no store.json); a first `selfplay run` with --store makes one")


def _check_format(store: Path) -> bool:
    """Whether there is a store. Raises BadInput for a file, a newer format, or a store.json that cannot be read."""
    path = store / "store.json"
    if on_disk(store) and os.path.exists(store) and not store.is_dir():
        raise BadInput(f"{store}: not a folder; give --store a folder")
    try:
        found = orjson.loads(path.read_bytes())["format"]
    except FileNotFoundError:
        return False
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        mend = orjson.dumps({"format": STORE_FORMAT}).decode()
        raise BadInput(f"{path}: cannot be read; if this is a store, it should hold {mend}") from error
    if found != STORE_FORMAT:
        raise BadInput(f"{path}: format = {found}: this version reads format {STORE_FORMAT}; update the checkout")
    return True


def _contents(paths: list[Path]) -> dict[Path, bytes]:
    """The files that are there; from object storage all at once."""
    if paths and not on_disk(paths[0]):
        urls = {at_url(path).path: path for path in paths}
        found = at_url(paths[0]).fs.cat(list(urls), on_error="omit")
        return {urls[url]: content for url, content in found.items()}
    return {path: path.read_bytes() for path in paths if path.exists()}


def _manifest(path: Path, content: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise BadInput(f"{path}: not a manifest this version can read ({error.error_count()} faults)") from error
    if (manifest.recipe, f"round-{manifest.round:04d}") != (path.parent.parent.name, path.parent.name):
        raise BadInput(f"{path}: the manifest of {manifest.recipe}/{manifest.round}, in another round's folder")
    return manifest
