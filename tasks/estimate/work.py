"""Work: how much a stage has to do, in the unit that its cost grows with. Counted of a round that was played, and
foreseen of one that was not."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.controls import is_control
from schemas.manifest import StageRecord
from schemas.recipe import Recipe
from schemas.training import Train
from tasks.evaluate import shards
from tasks.sources import Sources

OF_ATTEMPTS = ("judge", "advantage", "select", "build", "validate", "alarms")
COUNTED = {"propose": "proposals", "solve": "attempts", "ask_base": "base_samples", "evaluate": "evaluations"}


@dataclass(frozen=True)
class Work:
    """Of one stage."""

    units: float
    """Proposals, attempts, answers, rows trained on; of what grows with none of them, 1."""
    requests: float = 0
    """Prompts read for them."""


@dataclass(frozen=True)
class Yields:
    """What a round's own data decide of its work; at most, before there was one."""

    questions: float | None = None
    """New questions a proposal, those beyond the target too; None: unknown."""
    attempts: float = 1.0
    """Share of the attempts that early stopping leaves."""


def yields_of(records: Mapping[str, StageRecord]) -> Yields:
    proposed = records.get("propose")
    solved = [r for s, r in records.items() if s.split(".")[0] == "solve" and not is_control(s)]
    made = sum(r.figures.get("attempts", 0) for r in solved)
    planned = made + sum(r.figures.get("attempts_saved", 0) for r in solved)
    if proposed is None or not (rows := proposed.tables["proposals"].rows):
        return Yields()
    new = proposed.tables["questions"].rows + proposed.dropped.get("surplus", 0)
    return Yields(new / rows, made / planned if planned else 1.0)


def work_done(records: Mapping[str, StageRecord]) -> dict[str, Work]:
    """Stage as played -> its work, from what the stages wrote."""
    attempts = sum(r.tables["attempts"].rows for s, r in records.items() if r.stage == "solve" and not is_control(s))
    shares, found = _shares(records), {}
    for shown, record in records.items():
        if table := COUNTED.get(record.stage):
            units = float(record.tables[table].rows)
        elif record.stage == "train":
            units = float(rows_trained(record.settings["settings"]))
        else:
            units = _of_attempts(shown, attempts, shares)
        found[shown] = Work(units)
    return found


def work_to_come(recipe: Recipe, sources: Sources, stages: list[str], number: int, yields: Yields) -> dict[str, Work]:
    """The same of a round that will play these stages."""
    propose, solve = recipe.propose, recipe.solve
    waves = propose.max_waves
    if yields.questions is not None:
        per_wave = max(yields.questions * propose.prompts_per_wave, 1e-9)
        waves = min(waves, math.ceil(propose.target / per_wave))
    proposals = waves * propose.prompts_per_wave
    found = yields.questions * proposals if yields.questions is not None else propose.target
    asked = min(propose.target, found) + len(sources.probe.rows)
    attempts = asked * solve.num_samples * yields.attempts
    shares = _shares(stages)
    training = recipe.train.of_round(number).model_dump()
    gold = len(sources.gold.rows) if sources.gold else 0
    work = {}
    for shown in stages:
        stage = shown.split(".")[0]
        if stage == "propose":
            work[shown] = Work(proposals, proposals)
        elif shown == "solve.gold":
            work[shown] = Work(gold * solve.num_samples, gold)
        elif stage == "solve":
            work[shown] = Work(attempts / shares, asked / shares)
        elif stage == "ask_base":
            work[shown] = Work(min(propose.target, found), min(propose.target, found))
        elif stage == "evaluate":
            answers = _answers(recipe, sources, sealed=".sealed." in shown)
            work[shown] = Work(sum(rows * n for rows, n in answers), sum(rows for rows, _ in answers))
        elif stage == "train":
            work[shown] = Work(rows_trained(training))
        else:
            work[shown] = Work(_of_attempts(shown, attempts, shares))
    return work


def rows_trained(settings: Mapping[str, Any]) -> int:
    """Over all optimiser steps of all methods of a [train] section, as it is written; a row counts each time."""
    return sum(settings[method]["steps"] * settings[method]["batch_size"] for method in settings["methods"])


def sequences_a_row(settings: Train, method: str) -> int:
    """A preference loss reads two answers a row, and perhaps the base's."""
    alone = method in ("sft", "kto", "policy")
    return 1 if alone else 3 if method == "rspo" and settings.base_samples else 2


def _shares(stages: Iterable[str]) -> int:
    """Waves that the attempts are divided over."""
    return sum(stage.startswith("solve.wave-") for stage in stages) or 1


def _of_attempts(shown: str, attempts: float, shares: int) -> float:
    if shown.split(".")[0] not in OF_ATTEMPTS or shown in ("validate.scores", "validate.sealed"):
        return 1.0
    return attempts / (shares if ".wave-" in shown else 1)


def _answers(recipe: Recipe, sources: Sources, sealed: bool) -> list[tuple[int, int]]:
    """Items and samples of each shard that `evaluate` plays."""
    played = [
        [dict[str, Any](row) for row in source.rows]
        for benchmark, source in sources.benchmarks
        if (benchmark.name == recipe.gate.sealed if sealed else not benchmark.sealed)
    ]
    work = [shard for rows in played for shard in shards(recipe.evaluate, rows, sampled=not sealed)]
    return [(len(rows), n) for rows, _, n in work]
