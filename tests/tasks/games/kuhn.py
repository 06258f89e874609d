"""Kuhn poker as the tiny model plays it."""

from schemas.games import Games
from schemas.settings import Answers, Sampling

KUHN = Games(
    game="kuhn_poker", prompt="play_kuhn_sums", moves={"1": "Pass", "2": "Bet"},
    sampling=Sampling(temperature=1.0, max_tokens=1), episodes=40, episodes_per_shard=16, max_turns=3,
)  # fmt: skip
CHECKS = Answers(equivalence="canonical", pattern=r"^([0-2])")
