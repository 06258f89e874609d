"""What the next round will take, stage by stage, and how well the last one would have been foreseen."""

import tomllib
from dataclasses import dataclass, replace
from typing import Any

from flows.plan import Planned
from flows.preflight import Plan
from flows.probe import probe
from schemas.errors import FactoryError
from schemas.manifest import Manifest
from schemas.recipe import Recipe
from tasks.engines.device import device_and_dtype
from tasks.engines.transformers import rendered
from tasks.estimate.costs import Cost, History, history_of, samples_of
from tasks.estimate.forecast import Forecast, Ground, Stage, forecast
from tasks.estimate.model import Size, size_of
from tasks.prompts import load_prompt
from tasks.publish import device_name
from tasks.store.lineage import Lineage

PROMPTS = 64  # of each kind, to tell how long one is


@dataclass(frozen=True)
class Error:
    """A figure of the last round: as it would have been foreseen, and as it came."""

    foreseen: float
    actual: float

    @property
    def relative(self) -> float | None:
        return self.foreseen / self.actual - 1 if self.actual else None


@dataclass(frozen=True)
class Estimate:
    next_round: str
    rests_on: str
    """Rounds, a probe, or the recipe's bounds: then each figure is the most it can be."""
    at_most: bool
    device: str
    other_device: str
    """Of the rounds it rests on, if that is not this machine's."""
    size: Size
    stages: list[Forecast]
    resume_bytes: int
    """Most that training keeps of itself until it is done: an old save, until a new one is whole."""
    last_round: str
    errors: dict[str, Error]
    """tokens, trained tokens, seconds, bytes of the last round; none before there was one."""
    why_no_error: str


def estimate(plan: Plan, lineage: Lineage, planned: list[Planned], note: Any) -> Estimate:
    """`note` is told of a probe, before it begins. Raises BadInput for a model whose sizes cannot be read."""
    size, on_gpu = size_of(plan.model), device_and_dtype()[0] == "cuda"
    sound = [m for m in lineage.manifests if m.decision in ("promoted", "held")]
    history, probed, why = history_of(lineage, sound), None, ""
    if len(sound) < 2:
        probed, why = _probed(plan, size, on_gpu, note, bool(sound))
    ground = Ground(plan.recipe, lineage.next_round, plan.sources, size, _prompts(plan), on_gpu, history or probed)
    on_base = lineage.champion_round is None
    found = forecast(ground, [_stage(stage, on_base) for stage in planned])
    before = history_of(lineage, sound[:-1]) or probed
    errors = _errors(ground, lineage, sound[-1], before) if sound and before else {}
    devices = {s.device for s in ground.history.rounds[-1].values()} if ground.history else set[str]()
    return Estimate(
        next_round=f"{lineage.recipe}/{lineage.next_round}",
        rests_on=ground.history.name if ground.history else "the recipe's own bounds",
        at_most=ground.history is None,
        device=device_name(),
        other_device=", ".join(sorted(devices - {device_name()})),
        size=size,
        stages=found,
        resume_bytes=2 * size.checkpoint_bytes(plan.recipe.train.lora),
        last_round=f"{sound[-1].recipe}/{sound[-1].round}" if sound else "",
        errors=errors,
        why_no_error="no round was played yet" if not sound else why,
    )


def _probed(plan: Plan, size: Size, on_gpu: bool, note: Any, for_error: bool) -> tuple[History | None, str]:
    """The probe, or why there is none."""
    what = "to hold the only round against" if for_error else "since no round was played yet"
    note(f"a short probe, {what}: a batch of proposals and attempts, a few optimiser steps, in a folder of its own")
    try:
        return probe(plan, size, on_gpu), ""
    except FactoryError as error:
        note(f"no probe: {error}")
        return None, str(error)


def _stage(planned: Planned, on_base: bool) -> Stage:
    another_label = planned.stage == "evaluate.champion" and on_base  # it is evaluate.base's
    return Stage(
        planned.stage,
        planned.state == "reused" or another_label,
        another_label,
        planned.why.startswith("if the gate"),
    )


def _prompts(plan: Plan) -> dict[str, float]:
    """Mean tokens of a prompt of each kind, filled in with the user's own questions."""
    from transformers import AutoTokenizer

    recipe, tokenizer = plan.recipe, AutoTokenizer.from_pretrained(plan.model, local_files_only=True)
    sources = plan.sources
    asked = {"solve": sources.probe, "evaluate": sources.benchmarks[0][1]}
    values = {name: [{"question": row["question"]} for row in source.rows] for name, source in asked.items()}
    seeds, shots = [row["question"] for row in sources.seeds.rows], recipe.propose.num_fewshots
    values["propose"] = [{"fewshots": (seeds * 2)[i : i + shots]} for i in range(len(seeds))]
    found = {}
    for name, given in values.items():
        prompt = load_prompt(getattr(recipe, name).prompt, plan.recipe_folder)
        texts = [rendered(tokenizer, prompt.render(**value)) for value in given[:PROMPTS]]
        found[name] = sum(len(tokenizer(text)["input_ids"]) for text in texts) / max(1, len(texts))
    return found | {"ask_base": found["solve"]}


def _errors(ground: Ground, lineage: Lineage, last: Manifest, before: History) -> dict[str, Error]:
    """The last round, foreseen from those before it and from the recipe that it was played with."""
    text = lineage.document(last.round, "recipe.toml")
    try:
        recipe = Recipe.model_validate(tomllib.loads((text or b"").decode()))
    except ValueError:  # of another version of this code
        return {}
    as_then = replace(ground, recipe=recipe, number=last.round, history=before)
    on_base = last.champion == last.base
    stages = [
        Stage(shown, shown not in last.seconds, shown == "evaluate.champion" and on_base) for shown in last.stages
    ]
    foreseen, actual = forecast(as_then, stages), samples_of(lineage, last)
    known = {stage.stage for stage in foreseen if stage.seconds is not None}
    costs = {shown: sample.cost for shown, sample in actual.items()}

    def bytes_of(cost: Cost) -> float:
        return (cost.table_bytes or 0) + cost.weights_bytes

    stored = {stage.stage for stage in foreseen if stage.storage_bytes is not None}
    return {
        "tokens": Error(sum(s.tokens for s in foreseen), sum(c.tokens for c in costs.values())),
        "trained tokens": Error(sum(s.trained_tokens for s in foreseen), sum(c.trained for c in costs.values())),
        "seconds": Error(
            sum(s.seconds or 0 for s in foreseen), sum(c.seconds or 0 for n, c in costs.items() if n in known)
        ),
        "bytes": Error(
            sum(s.storage_bytes or 0 for s in foreseen), sum(bytes_of(c) for n, c in costs.items() if n in stored)
        ),
    }
