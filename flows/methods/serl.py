"""SeRL: self-play with limited data (Fang et al. 2025, arXiv 2505.20347), played offline: one batch a round.

The model writes new questions from few-shots, answers each many times, and takes the majority's answer as the label;
questions in the difficulty band become training rows; the candidate must beat the champion. The paper trains online
with REINFORCE++ on the same rewards; here a trainer of docs/training.md that trains on examples or pairs takes its
place, and serl_online.py plays the paper's way.
"""

from flows.learn import learn
from flows.methods.asking import ProposedRecipe, attempted
from flows.methods.mixing import MixedRecipe, SeededWithGold, asked_of_base, mixed_in
from flows.round import Round
from schemas.settings import ExampleLimits, PairLimits, Vote, VoteLimits
from tasks.build import build
from tasks.propose import propose
from tasks.select import select
from tasks.vote import vote


class Limits(VoteLimits, ExampleLimits, PairLimits):
    pass


class SerlRecipe(ProposedRecipe, MixedRecipe):
    trains_by = ("sft", "dpo", "spin", "sppo", "rspo", "kto")
    data: SeededWithGold
    vote: Vote = Vote()
    validation: Limits


def serl(r: Round[SerlRecipe]) -> None:
    """One round, top to bottom."""
    questions = r.play(propose, r.brought, shown=r.promoted("selections"), earlier=r.every("questions"))
    attempts = attempted(r, questions.tables["questions"])
    verdicts = r.play(vote, attempts, r.brought)
    selected = r.play(select, questions, verdicts, r.brought)
    asked_of_base(r, selected)
    learn(r, r.play(build, selected, attempts, verdicts, **mixed_in(r)))
