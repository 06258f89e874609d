"""Bounds: the most that each stage of a round can take, by the recipe and the user's rows alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from schemas.controls import CHECKPOINTS
from tasks.sources import Sources

OF_ATTEMPTS = ("vote", "advantage", "select", "build", "validate", "alarms")
ROW_BYTES = 500  # ids, figures, what is short
PROMPT_BYTES = 2_000  # where a row has one
TOKEN_BYTES = 8  # of text: few tokens are longer
VALUED_BYTES = 24  # of a token that a policy gradient reads: its text, id, advantage and log-probabilities


@dataclass(frozen=True)
class Bound:
    """Of one stage."""

    units: float
    """What its cost grows with: questions wanted, attempts, answers, rows trained on; 1 where it is none of these."""
    tokens: int = 0
    """Generated."""
    trained: int = 0
    """Tokens that optimiser steps go over."""
    bytes: int = 0
    """Of tables, before compression, and weights."""


def bounds(recipe: Any, sources: Sources, weights: int, stages: Iterable[str]) -> dict[str, Bound]:
    """Stage as played -> its bound. `weights`: bytes of the base model's."""
    stages = list(stages)
    waves = sum(stage.startswith("solve.wave-") for stage in stages) or 1
    return {shown: _bound(recipe, sources, weights, shown, waves) for shown in stages}


def _bound(recipe: Any, sources: Sources, weights: int, shown: str, waves: int) -> Bound:
    stage, _, label = shown.partition(".")
    propose, solve = getattr(recipe, "propose", None), getattr(recipe, "solve", None)
    if propose is None or solve is None:  # what its first round took is known, and no bound before
        return Bound(1)
    gold = len(sources.data["gold"].rows) if "gold" in sources.data else 0
    attempts = (propose.target + len(sources.data["probe"].rows)) * solve.num_samples
    attempts = -(-attempts // waves) if label.startswith("wave-") else attempts
    longest = solve.sampling.max_tokens
    if stage == "propose":
        proposals = propose.max_waves * propose.prompts_per_wave
        return _written(propose.target, proposals, propose.sampling.max_tokens)
    if stage == "solve":
        asked = gold * solve.num_samples if label == "gold" else attempts
        return _written(asked, asked, longest)
    if stage == "ask_base":
        return _written(propose.target, propose.target, longest)
    if stage == "evaluate":
        answers = _answers(recipe, sources, sealed=".sealed." in shown)
        return _written(answers, answers, recipe.evaluate.max_tokens)
    if stage == "train":
        return _trained(recipe, weights * (CHECKPOINTS if label.startswith("control-seeds") else 1))
    if stage == "build" and recipe.build:
        own = (propose.target + gold) * (recipe.build.solutions_per_question + 2 * recipe.build.pairs_per_question)
        rows = round(own / (1 - recipe.build.gold_share - recipe.build.replay_share))
        return Bound(attempts, bytes=rows * (ROW_BYTES + PROMPT_BYTES + longest * TOKEN_BYTES))
    if stage == "advantage":
        return Bound(attempts, bytes=attempts * (ROW_BYTES + PROMPT_BYTES + longest * VALUED_BYTES))
    if stage in OF_ATTEMPTS and label not in ("scores", "sealed"):
        return Bound(attempts, bytes=attempts * ROW_BYTES)
    given = [row for source in sources.named for row in source.rows] if stage == "collect" else []
    return Bound(1, bytes=sum(ROW_BYTES + len(str(row).encode()) for row in given))


def _written(units: int, rows: int, longest: int) -> Bound:
    """Of a stage that generates."""
    return Bound(units, tokens=rows * longest, bytes=rows * (ROW_BYTES + PROMPT_BYTES + longest * TOKEN_BYTES))


def _answers(recipe: Any, sources: Sources, sealed: bool) -> int:
    """Greedy on every item, samples on some."""
    settings = recipe.evaluate
    if sealed:
        return sum(
            len(source.rows) for benchmark, source in sources.benchmarks if benchmark.name == recipe.gate.sealed
        )
    rows = [len(source.rows) for benchmark, source in sources.benchmarks if not benchmark.sealed]
    return sum(count + min(count, settings.sampled_items) * settings.num_samples for count in rows)


def _trained(recipe: Any, weights: int) -> Bound:
    """A preference loss reads two answers a row, and perhaps the base's; what references say of a pair is stored."""
    settings, rows, tokens, steps = recipe.train, 0, 0, 0
    for method in settings.methods:
        section = settings.of(method)
        answers = 1 if method in ("sft", "kto", "policy") else 3 if method == "rspo" and settings.base_samples else 2
        steps += section.steps
        rows += section.steps * section.batch_size
        tokens += section.steps * section.batch_size * section.max_length * answers
    pairs = recipe.propose.target * recipe.build.pairs_per_question if recipe.build else 0
    referred = len(settings.references) * pairs * (1 + settings.previous_rounds)
    copies = 1 + (settings.lora is not None) + (4 if settings.policy else 0)  # adapters apart; moments, in float32
    return Bound(rows, trained=tokens, bytes=weights * copies + ROW_BYTES * (steps + referred))
