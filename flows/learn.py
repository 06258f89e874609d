"""How a round ends, whatever the method: what was written is validated, the alarms look, base and champion answer the
benchmarks, a candidate is trained, and the gate decides. `learn` trains once; flows/learn_online.py in waves."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from flows.controls import play_controls
from flows.round import Round
from schemas.alarms import Rules
from schemas.expectations import contracts
from schemas.manifest import CheckpointRef, StageRecord, TableRef, ValidRows
from schemas.tables import MEASURED
from tasks.alarms import alarms
from tasks.audit.alarms import alarms_of
from tasks.confirm import confirm
from tasks.evaluate import evaluate
from tasks.gate import gate
from tasks.roles import Role
from tasks.train import train
from tasks.validate import stop_if_invalid, validate

Answering = Callable[[Round[Any], str, CheckpointRef, str], StageRecord]
"""Has a checkpoint answer the benchmarks (round, label, checkpoint, a sealed one or ""): writes `evaluations`."""


class Standing(NamedTuple):
    """Evaluations before a round's training."""

    base: TableRef
    champion: TableRef


def learn(r: Round[Any], rows: StageRecord) -> None:
    """Train a candidate on the rows that a stage built, and decide about it."""
    settings = r.recipe.train
    validated = checked(r, written(r))
    watched(r, written(r))
    stop_if_invalid(validated.figures)
    stood = standing(r, answers_of)
    trained = r.play(
        train, settings=settings.of_round(r.number), model=r.champion,
        base=r.weights("base" if "base" in settings.references else None),
        **_rows(r, rows, validated.tables["dropped"]),
    )  # fmt: skip
    promote(r, CheckpointRef(digest=trained.figures["checkpoint"]), [trained], stood, answers_of)
    play_controls(r, answers_of)


def written(r: Round[Any]) -> list[TableRef]:
    """All that the round's stages have written so far."""
    return [ref for record in r.records.values() for ref in record.tables.values()]


def of_the_probe(tables: Iterable[TableRef]) -> list[TableRef]:
    """What was said of rows of known truth."""
    return [ref for ref in tables if ref.table in MEASURED]


def checked(r: Round[Any], tables: Sequence[TableRef], label: str = "") -> StageRecord:
    """The tables against what they declare."""
    limits = r.recipe.validation
    found = contracts((ref.table for ref in tables), limits)
    return r.play(validate, label=label, settings=limits, tables=tuple(tables), contracts=found)


def watched(r: Round[Any], tables: Sequence[TableRef]) -> StageRecord:
    """The round's alarms: those whose tables it has."""
    watches = alarms_of(ref.table for ref in tables)
    names = [watch.__name__ for watch in watches]
    rules = Rules(of={name: getattr(r.recipe.alarms, name) for name in names})
    return r.play(alarms, settings=rules, watches=watches, tables=tuple(tables), earlier=r.measured(names))


def standing(r: Round[Any], answers: Answering) -> Standing:
    """Base and champion on the benchmarks; before training, while an engine that has them is open."""
    stood = answers(r, "base", r.base, ""), answers(r, "champion", r.champion, "")
    return Standing(*(record.tables["evaluations"] for record in stood))


def promote(
    r: Round[Any], candidate: CheckpointRef, trained: Sequence[StageRecord], stood: Standing, answers: Answering
) -> None:
    """The candidate on the benchmarks, the gate, and the sealed benchmark if all else is in favour.

    `trained`: the round's trainings.
    """
    after = answers(r, "candidate", candidate, "").tables["evaluations"]
    logged = [ref for record in trained for ref in record.tables.values()]
    scored = checked(r, (*logged, *stood, after), "scores")
    stop_if_invalid(scored.figures)
    base, champion, new = (_valid(ref, scored) for ref in (*stood, after))
    decided = r.play(
        gate, base=base, champion=champion, candidate=new, alarms=r.records["alarms"].figures["holds"],
        probe_verdicts=tuple(of_the_probe(written(r))),
    ).figures  # fmt: skip
    if r.recipe.gate.sealed and (decided["decision"] == "promoted" or decided["awaiting_approval"]):
        _confirm(r, candidate, decided, r.recipe.gate.sealed, answers)


def _confirm(
    r: Round[Any], candidate: CheckpointRef, decided: dict[str, Any], sealed: str, answers: Answering
) -> None:
    asked = answers(r, "sealed.champion", r.champion, sealed), answers(r, "sealed.candidate", candidate, sealed)
    before, after = (record.tables["evaluations"] for record in asked)
    scored = checked(r, (before, after), "sealed")
    stop_if_invalid(scored.figures)
    r.play(
        confirm, settings=r.recipe.gate, champion=_valid(before, scored), candidate=_valid(after, scored),
        reason=decided["reason"], awaiting_approval=decided["awaiting_approval"], reads=r.sealed_reads(candidate),
    )  # fmt: skip


def _rows(r: Round[Any], rows: StageRecord, dropped: TableRef) -> dict[str, Any]:
    """The round's own valid rows, with what is read beside them, and those of the earlier rounds that the recipe
    trains on again."""
    settings, found = r.recipe.train, dict[str, ValidRows]()
    made = {ref.table: ref for ref in written(r)} | rows.tables
    for table in (*dict.fromkeys(settings.reads), *settings.reads_beside):
        earlier = r.again(table, held=settings.use_held_rounds, previous=settings.previous_of(table))
        found[table] = ValidRows(tables=(*earlier.tables, made[table]), dropped=(*earlier.dropped, dropped))
    return found


def _valid(ref: TableRef, validated: StageRecord) -> ValidRows:
    return ValidRows(tables=(ref,), dropped=(validated.tables["dropped"],))


def answers_of(r: Round[Any], label: str, checkpoint: CheckpointRef, sealed: str = "") -> StageRecord:
    """Its completions, read and held against the references."""
    recipe = r.recipe
    solver = Role(recipe.evaluation_engine, r.prompt(recipe.evaluate.prompt), checkpoint)
    return r.play(evaluate, r.brought, label=label, solver=solver, sealed=sealed)
