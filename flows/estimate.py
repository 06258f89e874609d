"""What the next round will take, stage by stage, and how well the last one would have been foreseen."""

import math
import tomllib
from dataclasses import dataclass

from flows.plan import Planned
from flows.preflight import Plan
from flows.recipes import read_recipe
from flows.sized import works
from schemas.manifest import Manifest
from tasks.estimate.forecast import Played, StageCost, forecast, played
from tasks.publish import device_name
from tasks.store.lineage import Lineage
from tasks.store.tensors import tensors_of

ROUNDS = 3  # the newest: a stage that none of them played is like one of another label
STATE_BYTES = 24  # of a trained parameter, to resume from: itself and two moments in float32, in two saves


@dataclass(frozen=True)
class Error:
    """A figure of the last round: as it would have been foreseen, and as it came."""

    foreseen: float
    actual: float
    relative: float | None


@dataclass(frozen=True)
class Estimate:
    next_round: str
    rests_on: str
    """Rounds, or the recipe's bounds: then each figure is the most it can be."""
    at_most: bool
    device: str
    other_device: str
    """Of the rounds it rests on, if that is not this machine's."""
    parameters: int
    weights_bytes: int
    stages: list[StageCost]
    resume_bytes: int
    """Most that training keeps of itself until it is done: an old save, until a new one is whole."""
    last_round: str
    errors: dict[str, Error]
    """Of the last round, foreseen from those before it; none without them."""


def estimate(plan: Plan, lineage: Lineage, planned: list[Planned]) -> Estimate:
    """Raises BadInput for weights that cannot be read."""
    shapes = [shape for _, shape in tensors_of(plan.model).values()]
    parameters, lora = sum(map(math.prod, shapes)), plan.recipe.train.lora
    trained = sum(lora.rank * sum(shape) for shape in shapes if len(shape) == 2) if lora else parameters
    weights = sum(path.stat().st_size for path in plan.model.glob("*.safetensors"))
    sound = [m for m in lineage.manifests if m.decision in ("promoted", "held")]
    rounds = [one for m in sound[-ROUNDS - 1 :] if (one := _played(plan, lineage, m, weights))]
    stages = [_stage(stage, on_base=lineage.champion_round is None) for stage in planned]
    most = works(plan, plan.recipe, lineage, weights)
    device = rounds[-1].device if rounds else device_name()
    return Estimate(
        next_round=f"{lineage.recipe}/{lineage.next_round}",
        rests_on=", ".join(one.name for one in rounds[-ROUNDS:]) or "the recipe's own bounds",
        at_most=not rounds,
        device=device_name(),
        other_device=device if device != device_name() else "",
        parameters=parameters,
        weights_bytes=weights,
        stages=forecast(stages, most, rounds[-ROUNDS:]),
        resume_bytes=STATE_BYTES * trained,
        last_round=rounds[-1].name if rounds else "",
        errors=_errors(rounds[-1], rounds[:-1]) if len(rounds) > 1 else {},
    )


def _played(plan: Plan, lineage: Lineage, m: Manifest, weights: int) -> Played | None:
    """What a round took; None for one whose recipe this version cannot read, or whose prompts are gone."""
    try:
        recipe = read_recipe(tomllib.loads((lineage.document(m.round, "recipe.toml") or b"").decode()))
        return played(lineage, m, works(plan, recipe, lineage, weights), weights)
    except ValueError:  # BadInput is one
        return None


def _stage(planned: Planned, on_base: bool) -> StageCost:
    again = planned.stage == "evaluate.champion" and on_base  # it is evaluate.base's
    waits = planned.why.startswith("if the gate")
    return StageCost(planned.stage, reused=planned.state == "reused" or again, if_in_favour=waits)


def _errors(last: Played, before: list[Played]) -> dict[str, Error]:
    """Sums over the stages that could be foreseen."""
    as_planned = [StageCost(cost.stage, reused=cost.reused) for cost in last.costs.values()]
    foreseen = {s.stage: s for s in forecast(as_planned, last.works, before) if s.seconds is not None}
    errors = {}
    for name in ("tokens", "trained_tokens", "seconds", "storage_bytes"):
        told = sum(getattr(stage, name) for stage in foreseen.values())
        came = sum(getattr(last.costs[stage], name) for stage in foreseen)
        errors[name] = Error(told, came, told / came - 1 if came else None)
    return errors
