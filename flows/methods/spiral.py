"""SPIRAL (Liu et al. 2025, arXiv 2506.24119): one policy in both seats of a zero-sum game, trained on who wins.

Each wave, the policy of that moment plays itself; a seat's return, less the mean of its returns before, is the
advantage of each of its moves, and a few optimiser steps make the next policy. What it wins against itself says
nothing, so it is measured by games against the frozen base and against the best response to itself.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.round import Round
from schemas.engines import AnyEngine
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
    def a_move_is_a_word_and_a_reward_the_games(self) -> Self:
        if self.contamination != Contamination():
            raise ValueError("contamination does not go with method = 'spiral': no text of the user's is trained on")
        if self.answers.equivalence != "canonical":
            raise ValueError("answers.equivalence: a move is a word: 'canonical'")
        if self.train.policy and self.train.policy.kl == "reward":
            raise ValueError("train.policy.kl = 'reward': the reward is the game's; expected 'loss', or none")
        return self

    @model_validator(mode="after")
    def another_model_stands_for_nobody(self) -> Self:
        if self.engine.kind == "openai":
            raise ValueError("engine.kind = 'openai': candidate and frozen base play each other; a server has one")
        return self

    @property
    def evaluation_engine(self) -> AnyEngine:
        return self.engine


def spiral(r: Round[SpiralRecipe]) -> None:
    """One round, top to bottom."""

    def wave(w: Wave) -> StageRecord:
        """Games of the policy of that moment against itself."""
        games = w.play(play_games)
        return w.play(seat_advantage, games, policy=r.recipe.train.policy, earlier=w.earlier("episodes"))

    def answers(r: Round[SpiralRecipe], label: str, checkpoint: CheckpointRef, sealed: str) -> StageRecord:
        player = r.role(r.recipe.play_games).by(checkpoint)
        return r.play(
            evaluate, r.brought, label=label, games=r.recipe.play_games, benchmarks=r.recipe.benchmarks,
            solver=player, base=r.base, sealed=sealed,
        )  # fmt: skip

    learn_online(r, wave, answers)
