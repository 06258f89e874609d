"""Forecast: what each stage of a round will take, from its work, the model's sizes and what earlier rounds took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.recipe import Recipe
from tasks.estimate.costs import Cost, History
from tasks.estimate.model import Size
from tasks.estimate.work import Work, Yields, sequences_a_row, work_to_come
from tasks.sources import Sources


@dataclass(frozen=True)
class Stage:
    """A stage that will be played, or taken from the store."""

    shown: str
    reused: bool = False
    another_label: bool = False
    """Reused from this very round, where it has another label: it takes no room of its own."""
    if_in_favour: bool = False
    """It waits for the gate's word; it counts all the same."""


@dataclass(frozen=True)
class Forecast:
    """Of one stage. None: not known, or not of this machine."""

    stage: str
    reused: bool
    if_in_favour: bool
    tokens: int
    """Generated."""
    trained_tokens: int
    generation_flops: float
    training_flops: float
    memory_bytes: int | None
    """Most at once, without the libraries' own."""
    storage_bytes: int | None
    seconds: float | None


@dataclass(frozen=True)
class Ground:
    """All that a forecast rests on beside the stages."""

    recipe: Recipe
    number: int
    sources: Sources
    size: Size
    prompts: Mapping[str, float]
    """propose, solve, evaluate -> mean tokens of a prompt."""
    on_gpu: bool
    history: History | None
    """None: the recipe's own upper bounds stand for what is not known."""


def forecast(ground: Ground, stages: Sequence[Stage]) -> list[Forecast]:
    yields = ground.history.yields if ground.history else Yields()
    names = [stage.shown for stage in stages]
    work = work_to_come(ground.recipe, ground.sources, names, ground.number, yields)
    return [_forecast(ground, stage, work, names) for stage in stages]


def _forecast(ground: Ground, stage: Stage, work: dict[str, Work], names: list[str]) -> Forecast:
    shown, name = stage.shown, stage.shown.split(".")[0]
    cost = _cost(ground, shown, work[shown])
    stored = None if cost.table_bytes is None and not cost.weights_bytes else (cost.table_bytes or 0)
    if stage.reused:
        copied = 0 if stage.another_label or stored is None else round(stored)
        return Forecast(shown, True, stage.if_in_favour, 0, 0, 0, 0, None, copied, 0)
    generation = training = 0.0
    if name in ground.prompts:
        generation = ground.size.generation(
            work[shown].requests, ground.prompts[name], cost.tokens, work[shown].units
        )
    if name == "train":
        training = _training(ground, cost, work[shown].units)
    if name == "advantage":
        training = _valued(ground, shown, work, names)
    return Forecast(
        stage=shown,
        reused=False,
        if_in_favour=stage.if_in_favour,
        tokens=round(cost.tokens),
        trained_tokens=round(cost.trained),
        generation_flops=generation,
        training_flops=training,
        memory_bytes=_memory(ground, name, work[shown]),
        storage_bytes=None if stored is None else round(stored + cost.weights_bytes),
        seconds=cost.seconds,
    )


def _cost(ground: Ground, shown: str, work: Work) -> Cost:
    """By what was measured; what was not, at most."""
    recipe, name = ground.recipe, shown.split(".")[0]
    if ground.history and (found := ground.history.cost(shown, work)):
        dropped = name == "train" and not found.weights_bytes  # since then
        return replace(found, weights_bytes=ground.size.weights_bytes) if dropped else found
    if name != "train":
        return Cost(tokens=work.units * _longest(recipe).get(name, 0))
    rows = [(recipe.train.of(method), sequences_a_row(recipe.train, method)) for method in recipe.train.methods]
    trained = sum(s.steps * s.batch_size * s.max_length * sequences for s, sequences in rows)
    kept = ground.size.weights_bytes + 4 * ground.size.adapters(recipe.train.lora)
    return Cost(trained=trained, weights_bytes=kept)


def _training(ground: Ground, cost: Cost, rows: float) -> float:
    settings = ground.recipe.train
    sequences = rows * max(sequences_a_row(settings, method) for method in settings.methods)
    length = cost.trained / max(1.0, sequences)
    stepped = ground.size.training(cost.trained, length, settings.lora, recomputed=ground.on_gpu)
    return stepped + ground.size.forward(cost.referred, length / 2)


def _valued(ground: Ground, shown: str, work: dict[str, Work], names: list[str]) -> float:
    """Log-probabilities of every attempt by the policy, and by its reference."""
    solved = shown.replace("advantage", "solve")
    asked, settings = work.get(solved), ground.recipe.train.policy
    if solved not in names or asked is None or settings is None:
        return 0.0
    tokens = _cost(ground, solved, asked).tokens + asked.units * ground.prompts["solve"]
    models = 1 + (settings.reference is not None)
    return models * ground.size.forward(tokens, tokens / max(1.0, asked.units) / 2)


def _memory(ground: Ground, name: str, work: Work) -> int | None:
    recipe, bytes_each = ground.recipe, 2 if ground.on_gpu else 4
    if name == "train":
        return max(
            ground.size.training_bytes(
                s.rows_at_once * s.max_length * sequences_a_row(recipe.train, method),
                recipe.train.lora,
                ground.on_gpu,
                bytes_each,
            )
            for method in recipe.train.methods
            if (s := recipe.train.of(method))
        )
    if name not in ground.prompts or recipe.engine.kind != "transformers":
        return None  # a server has its own memory
    sequences = min(recipe.engine.batch_rows, max(1, round(work.units)))
    length = round(ground.prompts[name]) + _longest(recipe)[name]
    return ground.size.generating_bytes(sequences, length, bytes_each)


def _longest(recipe: Recipe) -> dict[str, int]:
    """Most tokens of a completion."""
    return {
        "propose": recipe.propose.sampling.max_tokens,
        "solve": recipe.solve.sampling.max_tokens,
        "ask_base": recipe.solve.sampling.max_tokens,
        "evaluate": recipe.evaluate.max_tokens,
    }
