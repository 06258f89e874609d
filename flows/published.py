"""A round's manifest, put together from the records of its stages."""

from typing import Any

from flows.preflight import Plan
from flows.round import Round
from schemas.controls import is_control
from schemas.manifest import Manifest, StageRecord, TableRef
from tasks.audit.licences import stated_licence
from tasks.outcome import outcome
from tasks.publish import device_name, git_state, now


def manifest_of(
    round: Round[Any], plan: Plan, parent: str | None, started: str, failure: str | None, epoch: int
) -> Manifest:
    """All that the stages' records say of a round. `failure`: why validation stopped it."""
    told, collected = outcome(round.records), round.records.get("collect")
    gate = told["gate"]
    return Manifest(
        **told,
        recipe=round.recipe.name,
        round=round.number,
        method=round.recipe.method,
        decision="failed" if failure or not gate else gate.decision,
        reason=failure or (gate.reason if gate else "the method ended without a gate"),
        parent=parent,
        built_on=sorted(round.built_on),
        base=round.base,
        champion=round.champion,
        own=round.own,
        fixed=plan.fixed,
        stages={shown: record.key for shown, record in round.records.items()},
        tables=_tables({shown: record for shown, record in round.records.items() if not is_control(shown)}),
        controls=_tables({shown: record for shown, record in round.records.items() if is_control(shown)}),
        controls_failed=round.unscored,
        inputs={
            "unusable": collected.figures["unusable"] if collected else {},
            "digest": plan.sources.digest,
            "licences": _licences(plan),
        },
        started=started,
        finished=now(),
        device=device_name(),
        git=git_state(),
        seed=round.recipe.seed,
        epoch=epoch,
        previous=round.lineage.last_manifest,
        record=round.lineage.last_record,
    )


def _licences(plan: Plan) -> dict[str, str | None]:
    """What the user's files and base model say of their licence, by the recipe's key."""
    return {source.key: stated_licence(source.path) for source in plan.sources.named} | {
        "model": stated_licence(plan.model)
    }


def _tables(records: dict[str, StageRecord]) -> dict[str, list[TableRef]]:
    """Table -> what each stage wrote of it; a stage that served two labels counts once."""
    tables: dict[str, list[TableRef]] = {}
    for record in records.values():
        for name, ref in record.tables.items():
            if ref not in tables.setdefault(name, []):
                tables[name].append(ref)
    return tables
