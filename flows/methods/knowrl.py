"""KnowRL: reinforcement learning on what a model says it knows (arXiv 2510.11407): the vote on two labels.

The champion writes tasks that it believes it can do, and others that it believes it cannot, from seeds and from tasks
of promoted rounds. Wave by wave, the policy of that moment says of each several times whether it can do it; the
majority is the label, and to agree with it is the reward. Always the same label would earn all of it: tasks of both
labels are trained on in equal number (`select.balanced`), those that all agree on are left out, and the probe and the
benchmarks, whose labels are known, say whether what became consistent is also true.
"""

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.methods.asking import VotedRecipe, attempted
from flows.round import Round
from schemas.manifest import StageRecord, TableRef, ValidRows
from schemas.posing import PoseTask
from schemas.recipe import Seeded
from schemas.settings import PolicyLimits, VoteLimits
from tasks.advantage import advantage
from tasks.pose import pose
from tasks.select import select
from tasks.vote import vote


class Limits(VoteLimits, PolicyLimits):
    pass


class KnowrlRecipe(VotedRecipe, OnlineRecipe):
    trained_on = ("solve",)
    data: Seeded
    feasible: PoseTask
    """Who is asked for tasks that it can do, and how."""
    infeasible: PoseTask
    """Who is asked for tasks that it cannot do."""
    validation: Limits


def knowrl(r: Round[KnowrlRecipe]) -> None:
    """One round, top to bottom."""

    def posed(section: PoseTask, label: str) -> TableRef:
        pool, asked = r.promoted("selections"), r.role(section)
        record = r.play(pose, r.brought, pool=pool, settings=section, proposer=asked, label=label)
        return record.tables["questions"]

    tasks = ValidRows(tables=(posed(r.recipe.feasible, "feasible"), posed(r.recipe.infeasible, "infeasible")))

    def wave(w: Wave) -> StageRecord:
        """A wave's share of the tasks, and what the policy of that moment says of them."""
        said = attempted(r, tasks, w.play)
        verdicts = w.play(vote, said, r.brought)
        selected = w.play(select, verdicts, r.brought, questions=tasks)
        return w.play(advantage, verdicts, selected, samples=said.tables["attempts"])

    learn_online(r, wave)
