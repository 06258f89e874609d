"""SPIRAL (Liu et al. 2025, arXiv 2506.24119): one policy in both seats of a zero-sum game, trained on who wins.

Each wave, the policy of that moment plays itself; a seat's return, less the mean of its returns before, is the
advantage of each of its moves, and a few optimiser steps make the next policy. What it wins against itself says
nothing, so it is measured by games against the frozen base and against the best response to itself.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.round import Round
from schemas.games import EvaluateGames, GameBenchmark, Games, RunningMean
from schemas.manifest import CheckpointRef, StageRecord
from schemas.settings import Contamination, PolicyLimits
from tasks.evaluate_games import evaluate
from tasks.play_games import play_games
from tasks.seat_advantage import seat_advantage


class SpiralRecipe(OnlineRecipe):
    trained_on = ("play_games",)
    values_by_itself = True
    benchmarks: Annotated[tuple[GameBenchmark, ...], Field(min_length=1)]  # type: ignore[assignment]
    """Games from frozen starts; one of them decides promotions."""
    play_games: Games
    seat_advantage: RunningMean
    validation: PolicyLimits
    evaluate: EvaluateGames  # type: ignore[assignment]

    @model_validator(mode="after")
    def nothing_is_ignored(self) -> Self:
        policy = self.train.policy
        for wrong, why in (
            (self.contamination != Contamination(), "contamination: no text of the user's is trained on"),
            (self.answers.equivalence != "canonical", "answers.equivalence: a move is a word: 'canonical'"),
            (policy and policy.kl == "reward", "train.policy.kl = 'reward': the reward is the game's"),
            (self.engine.kind == "openai", "engine.kind = 'openai': two play each other; a server has one"),
        ):
            if wrong:
                raise ValueError(f"{why} (method = 'spiral')")
        return self


def spiral(r: Round[SpiralRecipe]) -> None:
    """One round, top to bottom."""

    def wave(w: Wave) -> StageRecord:
        games = w.play(play_games)
        return w.play(seat_advantage, games, policy=r.recipe.train.policy, earlier=w.earlier("episodes"))

    def answers(r: Round[SpiralRecipe], label: str, checkpoint: CheckpointRef, sealed: str) -> StageRecord:
        games = r.recipe.play_games
        return r.play(
            evaluate, r.brought, label=label, games=games, benchmarks=r.recipe.benchmarks,
            solver=r.role(games).by(checkpoint), base=r.base, sealed=sealed,
        )  # fmt: skip

    learn_online(r, wave, answers)
