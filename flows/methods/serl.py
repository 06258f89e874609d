"""SeRL: self-play with limited data (Fang et al. 2025, arXiv 2505.20347), played offline: one batch a round.

The model writes new questions from few-shots, answers each many times, and takes the majority's answer as the label;
questions in the difficulty band become training rows; the candidate must beat the champion. The paper trains online
with REINFORCE++ on the same rewards; here a method of docs/methods.md that trains on examples or pairs takes its
place, and serl_online.py plays the paper's way.
"""

from flows.learn import learn
from flows.methods.asking import attempted
from flows.methods.mixing import asked_of_base, mixed_in
from flows.round import Round
from tasks.build import build
from tasks.judge import judge
from tasks.propose import propose
from tasks.select import select


def serl(r: Round) -> None:
    """One round, top to bottom."""
    questions = r.play(propose, r.seeds, shown=r.promoted("selections"), earlier=r.every("questions"))
    attempts = attempted(r, questions)
    verdicts = r.play(judge, attempts, r.probe)
    selected = r.play(select, questions, verdicts, r.probe, r.benchmark_items)
    asked_of_base(r, selected)
    learn(r, r.play(build, selected, attempts, verdicts, **mixed_in(r)))
