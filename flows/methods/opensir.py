"""OpenSIR (Kwan et al. 2025, arXiv 2511.00602): teacher and student, who grow a pool from one trivial problem.

One policy plays both. The teacher is shown a problem of the pool and writes another, with the concepts it asks for;
the student answers that several times, and the majority is the label. A problem earns by a tent over the share that
agrees, by the length of the answers, and by how unlike the others its embedding is. Both are trained in one update,
but for the tokens of the concepts. Problems join the pool whatever they earned.
"""

from flows.learn_online import OnlineRecipe, Wave, learn_online
from flows.round import Round
from schemas.manifest import StageRecord, ValidRows
from schemas.posing import PoseFromPool, RewardDiversity, RewardProposer, SuccessBand
from schemas.recipe import Seeded
from schemas.settings import PolicyLimits, Solve, Vote, VoteLimits
from tasks.advantage import advantage
from tasks.novelty.embeddings import check_embedder
from tasks.pose import pose
from tasks.reward_diversity import reward_diversity
from tasks.reward_proposer import reward_proposer
from tasks.solve import solve
from tasks.vote import vote


class Limits(VoteLimits, PolicyLimits):
    pass


class OpensirRecipe(OnlineRecipe):
    votes = True
    trained_on = ("solve", "pose")
    data: Seeded
    pose: PoseFromPool
    solve: Solve
    vote: Vote = Vote()
    reward_proposer: RewardProposer
    reward_diversity: RewardDiversity
    band: SuccessBand
    validation: Limits


def opensir(r: Round[OpensirRecipe]) -> None:
    """One round, top to bottom."""
    check_embedder()
    kept = r.promoted("questions")

    def wave(w: Wave) -> dict[str, StageRecord]:
        """A wave's share of the prompts, each with a problem of the pool as it is now."""
        pool = ValidRows(
            tables=(*kept.tables, *w.earlier("questions")), dropped=(*kept.dropped, *w.earlier("dropped"))
        )  # fmt: skip
        posed = w.play(pose, r.brought, pool=pool)
        probe = r.brought.tables["inputs/probe"]
        attempts = w.play(solve, posed, probe=probe, wave=None, wave_of_probe=w.share)
        verdicts = w.play(vote, attempts, r.brought)
        earned = w.play(reward_proposer, posed, attempts, verdicts, dropped=posed.tables["dropped"])
        diverse = w.play(reward_diversity, posed, r.brought, pool=pool).tables["rewards"]
        return {
            "solver": w.play(advantage, verdicts, samples=attempts.tables["attempts"], band=r.recipe.band),
            "proposer": w.play(
                advantage, earned, samples=posed.tables["proposals"], label="proposer", added=diverse,
                masked=r.recipe.pose.masked,
            ),
        }  # fmt: skip

    learn_online(r, wave)
