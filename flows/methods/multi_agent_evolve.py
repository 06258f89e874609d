"""Multi-Agent Evolve (arXiv 2510.23595): one policy proposes, solves and judges, and is trained in all three roles.

The judge scores each question, and each answer to a question that is good enough, from 1 to 10. A question earns by
its quality, by how badly it is answered, and by its form; an answer by its score and its form; the judge, whom nobody
judges, by its form alone. Each role's rewards are held against its own, and all go into one update.
"""

from typing import Self

from pydantic import model_validator

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.round import Round
from schemas.appraising import Appraise, AppraiseQuestions
from schemas.manifest import StageRecord, ValidRows
from schemas.posing import PoseQuestion
from schemas.recipe import AnsweredRows, Data, Documents
from schemas.rubric import RubricLimits
from schemas.settings import PolicyLimits, Solve
from tasks.advantage import advantage
from tasks.appraise import appraise
from tasks.pose import pose
from tasks.reward_agents import reward_agents
from tasks.solve import solve


class Referred(Data):
    documents: Documents
    """What questions are written from: reference questions, say."""
    probe: AnsweredRows
    """A small labelled set that only measures how often the judge is right."""


class Limits(RubricLimits, PolicyLimits):
    pass


class MultiAgentEvolveRecipe(OnlineRecipe):
    trained_on = ("solve", "pose", "appraise", "appraise_questions")
    data: Referred
    pose: PoseQuestion
    appraise_questions: AppraiseQuestions
    solve: Solve
    appraise: Appraise
    validation: Limits

    @model_validator(mode="after")
    def an_answers_form_is_known(self) -> Self:
        if self.answers.pattern is None:
            raise ValueError(
                "answers.pattern is needed with method = 'multi_agent_evolve': an answer earns by its form"
            )
        return self


def multi_agent_evolve(r: Round[MultiAgentEvolveRecipe]) -> None:
    """One round, top to bottom."""
    questioning = r.recipe.appraise_questions

    def wave(w: Wave) -> dict[str, StageRecord]:
        posed = w.play(pose, r.brought)
        judge = r.role(questioning).by(w.weights_of("judge"))
        quality = w.play(appraise, posed, settings=questioning, judge=judge, label="questions")
        good = ValidRows(tables=(posed.tables["questions"],), dropped=(quality.tables["dropped"],))
        attempts = w.play(solve, questions=good, probe=r.brought.tables["inputs/probe"], wave=None)
        scores = w.play(appraise, r.brought, posed, attempts)
        judged = quality.tables["appraisals"], scores.tables["appraisals"]
        earned = w.play(
            reward_agents, posed, attempts, posing=r.recipe.pose, dropped=posed.tables["dropped"],
            quality=judged[0], scores=judged[1],
        )  # fmt: skip
        return {
            "solver": w.play(advantage, earned, samples=attempts.tables["attempts"]),
            "proposer": w.play(advantage, earned, samples=posed.tables["proposals"], label="proposer"),
            "judge": w.play(advantage, earned, samples=ValidRows(tables=judged), label="judge"),
        }

    learn_online(r, wave)
