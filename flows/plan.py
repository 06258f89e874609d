"""What a run would do next, and why: the method played on keys alone. Nothing is written, no weights are loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from flows.keyed import Keyed, changed, keyed, whole
from flows.methods import METHODS
from flows.preflight import Plan
from flows.round import Player, Round, Stage, Work
from schemas.errors import ValidationFailed
from schemas.manifest import CheckpointRef, OwnWeights, StageRecord, TableRef
from tasks.figures import many
from tasks.store.lineage import Lineage

AWAITED = "awaits "  # in place of a digest that a stage before has still to make


@dataclass(frozen=True)
class Planned:
    """One stage as the next run would find it."""

    stage: str
    state: Literal["reused", "resumed", "running"]
    why: str


class _Awaited(dict[str, str]):
    """Figures of a stage that is not whole: whatever is asked for, by a name instead of a figure."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self.stage = stage

    def __missing__(self, name: str) -> str:
        return AWAITED + self.stage


@dataclass
class Planner:
    """A round's player that plays nothing."""

    planned: list[Planned] = field(default_factory=list)
    to_come: dict[str, str] = field(default_factory=dict)
    """Key -> the stage that will have made it."""

    def __call__(
        self, round: Round[Any], stage: Stage, shown: str, beside: Work | None, inputs: dict[str, Any]
    ) -> StageRecord:
        made_of = keyed(round, stage, inputs)
        before = sorted({name for value in made_of.inputs.values() for name in _awaited_stages(value)})
        if before:
            self.planned.append(Planned(shown, "running", f"after {', '.join(before)}"))
            return awaited(shown, stage, made_of.key)
        if found := whole(round, made_of):
            number, record = found
            origin = record.reused_from or (f"{round.recipe.name}/{number}" if number != round.number else "")
            self.planned.append(Planned(shown, "reused", f"from {origin}" if origin else "already complete"))
            return record
        if made_of.key in self.to_come:
            self.planned.append(Planned(shown, "reused", f"from {self.to_come[made_of.key]}"))
        else:
            self.planned.append(_to_play(round, shown, made_of))
        self.to_come.setdefault(made_of.key, shown)
        return awaited(shown, stage, made_of.key)


def next_round(plan: Plan, lineage: Lineage, player: Player) -> Round[Any]:
    """The round that follows the last published one, on the champion of that moment."""
    base = CheckpointRef(digest=plan.fixed["base"])
    bases = {role: CheckpointRef(digest=plan.fixed[f"base of the {role}"]) for role in plan.own_models}
    return Round(
        recipe=plan.recipe,
        recipe_folder=plan.recipe_folder,
        sources=plan.sources,
        lineage=lineage,
        number=lineage.next_round,
        base=base,
        champion=lineage.champion(base),
        own={role: OwnWeights(base=of, champion=lineage.champion(of, role)) for role, of in bases.items()},
        player=player,
    )


def plan_round(plan: Plan, lineage: Lineage) -> list[Planned]:
    """Every stage of the next round, in order; those that wait for the gate's word too."""
    planner = Planner()
    try:
        METHODS[plan.recipe.method](next_round(plan, lineage, planner))
    except ValidationFailed:  # by a stage that is whole already
        validated = [n for n, planned in enumerate(planner.planned) if planned.stage.startswith("validate")][-1]
        why = f"{planner.planned[validated].why}; it failed the round, which ends there"
        planner.planned[validated] = replace(planner.planned[validated], why=why)
    undecided = any(planned.stage == "gate" and planned.state != "reused" for planned in planner.planned)
    return [_if_in_favour(planned) if undecided else planned for planned in planner.planned]


def _if_in_favour(planned: Planned) -> Planned:
    """What a gate that is still to be played decides about: whether the sealed benchmark is read."""
    waits = planned.stage == "confirm" or ".sealed" in planned.stage
    return replace(planned, why=f"if the gate is in favour; {planned.why}") if waits else planned


def _to_play(round: Round[Any], shown: str, stage: Keyed) -> Planned:
    folder = round.lineage.round_folder(round.number)
    shards = {part.name for part in folder.glob(f"*/{stage.key}/part-*.parquet")} if folder.exists() else set()
    if shards:
        return Planned(shown, "resumed", f"{many(len(shards), 'part')} in the store")
    if folder.exists() and any((folder / "training" / stage.key).glob("*/*/complete.json")):
        return Planned(shown, "resumed", "training was begun")
    if differing := changed(round, shown, stage):
        return Planned(shown, "running", f"{', '.join(differing)} changed")
    return Planned(shown, "running", "not in the store")


def awaited(shown: str, stage: Stage, key: str, rows: Mapping[str, int] | None = None) -> StageRecord:
    """What a stage will have written, by a name instead of a digest. `rows`: of each table, if counted."""
    return StageRecord.model_construct(
        stage=stage.__name__,
        key=key,
        tables={
            name: TableRef(table=name, path=shown, rows=(rows or {}).get(name, 0), digest=AWAITED + shown, files={})
            for name in getattr(stage, "writes", ())
        },
        figures=_Awaited(shown),
        reused_from=None,
    )


def _awaited_stages(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value.partition(AWAITED)[2]} if AWAITED in value else set()
    if isinstance(value, list):
        return set().union(*map(_awaited_stages, value))
    return set()
