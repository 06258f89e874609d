"""Promotion: how a round of any method ends, once it has a candidate."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from flows.round import Round
from schemas.alarms import Rules
from schemas.expectations import contracts
from schemas.manifest import CheckpointRef, StageRecord, TableRef, ValidRows
from tasks.alarms import alarms
from tasks.audit.alarms import alarms_of
from tasks.confirm import confirm
from tasks.evaluate import evaluate
from tasks.gate import gate
from tasks.validate import stop_if_invalid, validate


class Standing(NamedTuple):
    """Evaluations before a round's training."""

    base: TableRef
    champion: TableRef


def checked(round: Round, label: str, tables: Sequence[TableRef]) -> StageRecord:
    """The tables against what they declare."""
    limits = round.recipe.validation
    found = contracts((ref.table for ref in tables), limits)
    return round.play(validate, label, settings=limits, tables=tuple(tables), contracts=found)


def watched(round: Round, tables: Sequence[TableRef]) -> StageRecord:
    """The round's alarms: those whose tables it has."""
    watches = alarms_of(ref.table for ref in tables)
    names = [watch.__name__ for watch in watches]
    return round.play(
        alarms, settings=Rules(of={name: getattr(round.recipe.alarms, name) for name in names}), watches=watches,
        tables=tuple(tables), earlier=round.measured(names),
    )  # fmt: skip


def to_train_on(round: Round, made: Mapping[str, TableRef], dropped: TableRef) -> dict[str, Any]:
    """The round's own valid rows, and those of the earlier rounds that the recipe trains on again."""
    settings, found = round.recipe.train, dict[str, ValidRows]()
    for table in (*dict.fromkeys(settings.reads), *(["base_samples"] if settings.base_samples else [])):
        previous = 0 if table == "sft_examples" else settings.previous_rounds
        earlier = round.again(table, held=settings.use_held_rounds, previous=previous)
        found[table] = ValidRows(tables=(*earlier.tables, made[table]), dropped=(*earlier.dropped, dropped))
    return found


def standing(round: Round, items: TableRef) -> Standing:
    """Base and champion on the benchmarks; before training, while an engine that has them is open."""
    return Standing(_answers(round, items, "base", round.base), _answers(round, items, "champion", round.champion))


def promote(
    round: Round,
    trained: Sequence[StageRecord],
    *,
    stood: Standing,
    items: TableRef,
    probe_verdicts: tuple[TableRef, ...],
    holds: Any,
) -> None:
    """The candidate on the benchmarks, the gate, and the sealed benchmark if all else is in favour.

    `trained`: the round's trainings, the last of which made the candidate; `holds`: what holds a better one.
    """
    recipe, play, answers = round.recipe, round.play, partial(_answers, round, items)
    candidate = CheckpointRef(digest=trained[-1].figures["checkpoint"])
    logs = ("train_steps", "reference_logps") if recipe.train.references else ("train_steps",)
    first, before, after = *stood, answers("candidate", candidate)
    logged = [record.tables[t] for record in trained for t in logs]
    scored = checked(round, "scores", (*logged, first, before, after))
    stop_if_invalid(scored.figures)
    of_base, of_champion, of_candidate = _valid(scored, first, before, after)
    decided = play(
        gate, settings=recipe.gate, base=of_base, champion=of_champion, candidate=of_candidate, alarms=holds,
        probe_verdicts=probe_verdicts,
    ).figures  # fmt: skip
    sealed = recipe.gate.sealed
    if sealed and (decided["decision"] == "promoted" or decided["awaiting_approval"]):
        before, after = answers("champion", round.champion, sealed), answers("candidate", candidate, sealed)
        scored = checked(round, "sealed", (before, after))
        stop_if_invalid(scored.figures)
        of_champion, of_candidate = _valid(scored, before, after)
        play(
            confirm, settings=recipe.gate, champion=of_champion, candidate=of_candidate,
            reason=decided["reason"], awaiting_approval=decided["awaiting_approval"],
            reads=round.sealed_reads(candidate),
        )  # fmt: skip


def _valid(validated: StageRecord, *tables: TableRef) -> list[ValidRows]:
    return [ValidRows(tables=(ref,), dropped=(validated.tables["dropped"],)) for ref in tables]


def _answers(round: Round, items: TableRef, role: str, checkpoint: CheckpointRef, sealed: str = "") -> TableRef:
    recipe = round.recipe
    return round.play(
        evaluate, f"sealed.{role}" if sealed else role, settings=recipe.evaluate, checks=recipe.judge,
        engine=recipe.evaluation_engine, prompt=round.prompt(recipe.evaluate.prompt), model=checkpoint,
        benchmark_items=items, sealed=sealed,
    ).tables["evaluations"]  # fmt: skip
