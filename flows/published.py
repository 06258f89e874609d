"""A round's manifest, put together from the records of its stages."""

from collections import Counter
from typing import Any

from flows.preflight import Plan
from flows.round import Round
from schemas.alarms import Alarm
from schemas.manifest import CheckpointRef, GateResult, Manifest, Score, StageRecord, TableRef
from tasks.publish import device_name, git_state, now


def manifest_of(
    round: Round, plan: Plan, parent: str | None, started: str, failure: str | None, epoch: int
) -> Manifest:
    """All that the stages' records say of a round. `failure`: why validation stopped it."""
    figures = {shown: record.figures for shown, record in round.records.items()}
    gate = figures.get("gate")
    trained = figures.get("train", {}).get("checkpoint")
    precision = figures.get("judge", {}).get("vote_precision")
    # each stage once: a stage that served two labels, or that an earlier round played, cost this round nothing
    own = {record.key: shown for shown, record in reversed(round.records.items()) if not record.reused_from}
    played = {shown: round.records[shown] for shown in round.records if shown in own.values()}
    dropped: Counter[str] = Counter()
    for record in played.values():
        dropped.update(record.dropped)
    return Manifest(
        recipe=round.recipe.name,
        round=round.number,
        method=round.recipe.method,
        decision="failed" if failure or not gate else gate["decision"],
        reason=failure or (gate["reason"] if gate else "the method ended without a gate"),
        parent=parent,
        base=round.base,
        champion=round.champion,
        candidate=CheckpointRef(digest=trained) if trained else None,
        fixed=plan.fixed,
        stages={shown: record.key for shown, record in round.records.items()},
        tables=_tables(round.records),
        dropped=dict(dropped),
        inputs={"unusable": figures.get("collect", {}).get("unusable", {}), "digest": plan.sources.digest},
        proposed=figures.get("propose", {}).get("proposed", 0),
        trained_on=figures.get("train", {}).get("training_rows", {}),
        vote_precision=Score.model_validate(precision) if precision else None,
        band=figures.get("select", {}).get("band", {}),
        scores=_scores(figures),
        gate=GateResult.model_validate(gate) if gate else None,
        validation={shown: found for shown, found in figures.items() if shown.split(".")[0] == "validate"},
        alarms=[Alarm.model_validate(alarm) for alarm in figures.get("alarms", {}).get("raised", [])],
        seconds={shown: record.seconds for shown, record in played.items()},
        tokens={shown: record.tokens for shown, record in played.items()},
        started=started,
        finished=now(),
        versions={k: v for record in round.records.values() for k, v in record.versions.items()},
        device=device_name(),
        git=git_state(),
        seed=round.recipe.seed,
        epoch=epoch,
    )


def _tables(records: dict[str, StageRecord]) -> dict[str, list[TableRef]]:
    """Table -> what each stage wrote of it; a stage that served two labels counts once."""
    tables: dict[str, list[TableRef]] = {}
    for record in records.values():
        for name, ref in record.tables.items():
            if ref not in tables.setdefault(name, []):
                tables[name].append(ref)
    return tables


def _scores(figures: dict[str, dict[str, Any]]) -> dict[str, dict[str, Score]]:
    scores: dict[str, dict[str, Score]] = {}
    for role in ("base", "champion", "candidate"):
        for benchmark, score in figures.get(f"evaluate.{role}", {}).get("scores", {}).items():
            scores.setdefault(benchmark, {})[role] = Score.model_validate(score)
    return scores
