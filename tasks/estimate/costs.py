"""Costs: what the stages of earlier rounds took for their work, and what others will take at these rates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.errors import Damaged
from schemas.manifest import Manifest, StageRecord, TableRef
from schemas.train_steps import TRAIN_STEPS
from tasks.estimate.work import Work, Yields, work_done, yields_of
from tasks.store.lineage import Lineage
from tasks.store.listing import files_below
from tasks.store.parquet import read_table

ROUNDS = 3  # the newest: a stage that none of them played is like one of another label


@dataclass(frozen=True)
class Cost:
    """Of one stage. None: not known."""

    tokens: float = 0
    """Generated."""
    trained: float = 0
    """Tokens that optimiser steps went over."""
    referred: float = 0
    """Tokens whose log-probabilities references were asked for."""
    table_bytes: float | None = None
    weights_bytes: float = 0
    seconds: float | None = None


@dataclass(frozen=True)
class Sample:
    """A stage as it was played once."""

    stage: str
    units: float
    cost: Cost
    device: str
    start: float = 0
    """Seconds of it before the first unit, where they are known apart."""


@dataclass(frozen=True)
class History:
    """What an estimate rests on: rounds, the oldest first, or a probe."""

    name: str
    rounds: tuple[Mapping[str, Sample], ...]
    """Stage as played -> what it took. One that was reused has no seconds: its bytes count alone."""
    yields: Yields

    def cost(self, shown: str, work: Work) -> Cost | None:
        """At the rates of the newest round that played the stage. A new one costs what its like does under other
        labels. None for one that nobody played."""
        same = [played[shown] for played in self.rounds if shown in played]
        like = [s for played in self.rounds for s in played.values() if s.stage == shown.split(".")[0]]
        played = _played(same) or _played(like)
        if not played:
            return None
        newest, stored = played[-1], (same or played)[-1]
        tokens = newest.cost.tokens * work.units / newest.units
        return Cost(
            tokens=tokens,
            trained=newest.cost.trained * work.units / newest.units,
            referred=newest.cost.referred,
            table_bytes=(stored.cost.table_bytes or 0) * work.units / max(stored.units, 1),
            weights_bytes=newest.cost.weights_bytes,
            seconds=_seconds(newest, work.units, tokens),
        )


def _played(samples: list[Sample]) -> list[Sample]:
    return [s for s in samples if s.cost.seconds is not None and s.units]


def history_of(lineage: Lineage, rounds: Sequence[Manifest]) -> History | None:
    """What the newest of these rounds took; None without one."""
    newest = rounds[-ROUNDS:]
    if not newest:
        return None
    records = _records(lineage, newest[-1])
    names = [f"{m.recipe}/{m.round}" for m in newest]
    return History(", ".join(names), tuple(samples_of(lineage, m) for m in newest), yields_of(records))


def samples_of(lineage: Lineage, m: Manifest) -> dict[str, Sample]:
    records = _records(lineage, m)
    work, seen, found = work_done(records), set[str](), {}
    for shown, record in records.items():
        new = [ref.path for ref in record.tables.values() if ref.path not in seen]
        seen.update(new)
        stored = sum(file.bytes for path in new for file in files_below(lineage.folder / path))
        weights = sum(file.bytes for d in record.objects for file in files_below(lineage.objects / d))
        trained, referred = 0.0, 0.0
        if record.stage == "train":
            trained, referred = trained_tokens(lineage, record.settings["settings"], record.tables)
        played = shown in m.seconds
        cost = Cost(
            tokens=record.tokens if played else 0,
            trained=trained if played else 0,
            referred=referred if played else 0,
            table_bytes=stored,
            weights_bytes=weights,
            seconds=m.seconds.get(shown),
        )
        found[shown] = Sample(record.stage, work[shown].units, cost, m.device)
    return found


def _seconds(sample: Sample, units: float, tokens: float) -> float:
    """By the token where tokens were generated, else by the unit."""
    stepping = (sample.cost.seconds or 0) - sample.start
    return sample.start + stepping * (tokens / sample.cost.tokens if sample.cost.tokens else units / sample.units)


def _records(lineage: Lineage, m: Manifest) -> dict[str, StageRecord]:
    found = {shown: lineage.stage_record(m.round, shown.split(".")[0], key) for shown, key in m.stages.items()}
    if lost := [shown for shown, record in found.items() if record is None]:
        raise Damaged(
            f"{m.recipe}/{m.round}: the marker of {lost[0]} is gone, or not one that this version can read; "
            "see selfplay audit"
        )
    return {shown: record for shown, record in found.items() if record}


def trained_tokens(
    lineage: Lineage, settings: Mapping[str, Any], tables: Mapping[str, TableRef]
) -> tuple[float, float]:
    """Tokens trained on, and those that references were asked about: each pair's once a reference."""
    rows: list[dict[str, Any]] = read_table(lineage.folder, tables["train_steps"], TRAIN_STEPS).to_pylist()
    tokens, a_pair = 0.0, 0.0
    for method in settings["methods"]:
        steps = [row for row in rows if row["method"] == method]
        trained = max((row["num_tokens"] or 0 for row in steps), default=0)
        tokens += trained
        a_pair = trained / max(1, len(steps) * settings[method]["batch_size"])  # of the last: the one with pairs
    asked = tables.get("reference_logps")
    return tokens, a_pair * (asked.rows if asked else 0)
