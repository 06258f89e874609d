"""Forecast: a stage takes what it took in the newest round that played it, times the ratio of the two recipes' rows.
Without such a round, its bound."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.manifest import Manifest, StageRecord
from schemas.train_steps import TRAIN_STEPS
from schemas.work import Work
from tasks.store.lineage import Lineage
from tasks.store.listing import files_below
from tasks.store.parquet import read_table


@dataclass(frozen=True)
class StageCost:
    """What a stage took, or will take."""

    stage: str
    """As played: evaluate.base."""
    reused: bool = False
    """From an earlier round, or from another label: its bytes count alone."""
    if_in_favour: bool = False
    """It waits for the gate's word; it counts all the same."""
    tokens: int = 0
    """Generated."""
    trained_tokens: int = 0
    """That optimiser steps go over."""
    storage_bytes: int = 0
    seconds: float | None = None
    """None: not known."""


@dataclass(frozen=True)
class Played:
    """A round, and the most that it could have come to by its own recipe."""

    name: str
    device: str
    costs: Mapping[str, StageCost]
    works: Mapping[str, Work]


def played(lineage: Lineage, m: Manifest, works: Mapping[str, Work], weights: int) -> Played:
    """What a round took. `weights`: bytes of the base model's."""
    costs, seen = {}, set[str]()
    for shown, key in m.stages.items():
        if record := lineage.stage_record(m.round, shown.split(".")[0], key):
            new = {ref.path for ref in record.tables.values()} - seen
            seen |= new
            costs[shown] = _cost(lineage, m, shown, record, new, weights)
    return Played(f"{m.recipe}/{m.round}", m.device, costs, works)


def _cost(lineage: Lineage, m: Manifest, shown: str, record: StageRecord, paths: set[str], weights: int) -> StageCost:
    stored = sum(file.bytes for path in paths for file in files_below(lineage.folder / path))
    if shown not in m.seconds:
        return StageCost(shown, reused=True, storage_bytes=stored, seconds=0.0)
    trained: dict[str, int] = {}
    if record.stage == "train":
        for row in read_table(lineage.folder, record.tables["train_steps"], TRAIN_STEPS).to_pylist():
            trained[row["method"]] = max(trained.get(row["method"], 0), row["num_tokens"] or 0)
        kept = sum(file.bytes for digest in record.objects for file in files_below(lineage.objects / digest))
        stored += kept or weights  # those of a held round may be gone since
    return StageCost(
        shown,
        tokens=m.tokens.get(shown, 0),
        trained_tokens=sum(trained.values()),
        storage_bytes=stored,
        seconds=m.seconds[shown],
    )


def forecast(stages: Sequence[StageCost], most: Mapping[str, Work], rounds: Sequence[Played]) -> list[StageCost]:
    """The stages with what they will take. `rounds`: the oldest first."""
    return [_forecast(stage, most[stage.stage], [*_like(stage.stage, rounds)]) for stage in stages]


def _forecast(stage: StageCost, most: Work, like: list[tuple[StageCost, Work]]) -> StageCost:
    if stage.reused:
        return replace(stage, storage_bytes=like[0][0].storage_bytes if like else 0, seconds=0.0)
    for cost, then in like:
        if not cost.reused:
            ratio = most.rows / then.rows if then.rows else 1.0
            return replace(
                stage,
                tokens=round(cost.tokens * ratio),
                trained_tokens=round(cost.trained_tokens * ratio),
                storage_bytes=round(cost.storage_bytes * ratio),
                seconds=(cost.seconds or 0.0) * ratio,
            )
    return replace(stage, tokens=most.tokens, trained_tokens=most.trained, storage_bytes=most.bytes)


def _like(shown: str, rounds: Sequence[Played]) -> Iterator[tuple[StageCost, Work]]:
    """The same stage, the newest first; then those of its name under other labels."""
    for played in reversed(rounds):
        if shown in played.costs:
            yield played.costs[shown], played.works.get(shown, Work(0))
    for played in reversed(rounds):
        for other, cost in played.costs.items():
            if other.split(".")[0] == shown.split(".")[0]:
                yield cost, played.works.get(other, Work(0))
