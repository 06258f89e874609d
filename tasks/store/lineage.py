"""A lineage: the chain of a recipe's rounds. Champion and latest are derived from manifests, never pointed to."""

from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import ValidationError

from schemas.errors import BadInput
from schemas.manifest import CheckpointRef, Manifest, StageRecord
from tasks.store.objects import create_once

STORE_FORMAT = 1


@dataclass(frozen=True)
class Lineage:
    """A recipe's folder in a store, and its published rounds in order."""

    store: Path
    recipe: str
    manifests: tuple[Manifest, ...]

    @property
    def folder(self) -> Path:
        return self.store / self.recipe

    @property
    def objects(self) -> Path:
        return self.store / "objects"

    @property
    def cache(self) -> Path:
        """What only saves time, and can be deleted at any moment."""
        return self.folder / "cache"

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

    def round_folder(self, number: int) -> Path:
        return self.folder / f"round-{number:04d}"

    def checkpoint_folder(self, checkpoint: CheckpointRef) -> Path:
        return self.objects / checkpoint.digest

    def stage_records(self, stage: str, key: str) -> list[tuple[int, StageRecord]]:
        """Whole stages of this key, with their round: newest round first."""
        found = []
        for path in sorted(self.folder.glob(f"round-*/stages/{stage}-{key}.json"), reverse=True):
            number = int(path.parents[1].name.removeprefix("round-"))
            found.append((number, StageRecord.model_validate_json(path.read_bytes())))
        return found


def open_lineage(store: Path, recipe: str) -> Lineage:
    """Read a lineage; nothing is written. Raises BadInput for a store of a newer format or a broken manifest."""
    _check_format(store)
    manifests = [_manifest(path) for path in (store / recipe).glob("round-*/manifest.json")]
    return Lineage(store, recipe, tuple(sorted(manifests, key=lambda m: m.round)))


def open_lineages(store: Path) -> list[Lineage]:
    """Every lineage of a store that has a published round, by name."""
    _check_format(store)
    names = sorted({path.parents[1].name for path in store.glob("*/round-*/manifest.json")})
    return [open_lineage(store, name) for name in names]


def make_store(store: Path) -> None:
    """Create the store's folder and its format file, if they are not there."""
    _check_format(store)
    create_once(store / "store.json", orjson.dumps({"format": STORE_FORMAT}))


def _check_format(store: Path) -> None:
    if ":/" in str(store):
        raise BadInput(f"--store {store}: only a folder can be a store for now")
    path = store / "store.json"
    if store.exists() and not store.is_dir():
        raise BadInput(f"{store}: not a folder; give --store a folder")
    if path.exists() and (found := orjson.loads(path.read_bytes()).get("format")) != STORE_FORMAT:
        raise BadInput(f"{path}: format = {found}: this version reads format {STORE_FORMAT}; update the checkout")


def _manifest(path: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise BadInput(f"{path}: not a manifest this version can read ({error.error_count()} faults)") from error
