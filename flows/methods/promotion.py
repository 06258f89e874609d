"""Promotion: how a round of any method ends, once it has a candidate."""

from collections.abc import Sequence
from typing import Any

from flows.round import Round
from schemas.manifest import CheckpointRef, StageRecord, TableRef
from tasks.confirm import confirm
from tasks.evaluate import evaluate
from tasks.gate import gate
from tasks.validate import stop_if_invalid, validate


def promote(
    round: Round,
    trained: Sequence[StageRecord],
    *,
    items: TableRef,
    probe_verdicts: tuple[TableRef, ...],
    alarms: Any,
) -> None:
    """Base, champion and candidate on the benchmarks, the gate, and the sealed benchmark if all else is in favour.

    `trained`: the round's trainings, the last of which made the candidate; `alarms`: what holds a better candidate.
    """
    recipe, play, tests = round.recipe, round.play, round.prompt(round.recipe.evaluate.prompt)
    candidate = CheckpointRef(digest=trained[-1].figures["checkpoint"])
    logs = ("train_steps", "reference_logps") if recipe.train.references else ("train_steps",)

    def answers(role: str, checkpoint: CheckpointRef, sealed: str = "") -> TableRef:
        return play(
            evaluate, f"sealed.{role}" if sealed else role, settings=recipe.evaluate, checks=recipe.judge,
            engine=recipe.evaluation_engine, prompt=tests, model=checkpoint, benchmark_items=items, sealed=sealed,
        ).tables["evaluations"]  # fmt: skip

    first, before, after = (
        answers(role, checkpoint)
        for role, checkpoint in (("base", round.base), ("champion", round.champion), ("candidate", candidate))
    )
    logged = [record.tables[t] for record in trained for t in logs]
    scored = play(validate, "scores", settings=recipe.validation, tables=(*logged, first, before, after))
    stop_if_invalid(scored.figures)
    decided = play(
        gate, settings=recipe.gate, base=first, champion=before, candidate=after, invalid=scored.tables["dropped"],
        alarms=alarms, probe_verdicts=probe_verdicts,
    ).figures  # fmt: skip
    sealed = recipe.gate.sealed
    if sealed and (decided["decision"] == "promoted" or decided["awaiting_approval"]):
        before, after = answers("champion", round.champion, sealed), answers("candidate", candidate, sealed)
        scored = play(validate, "sealed", settings=recipe.validation, tables=(before, after))
        stop_if_invalid(scored.figures)
        play(
            confirm, settings=recipe.gate, champion=before, candidate=after, invalid=scored.tables["dropped"],
            reason=decided["reason"], awaiting_approval=decided["awaiting_approval"],
            reads=round.sealed_reads(candidate),
        )  # fmt: skip
