"""RSPO: regularized self-play (Tang et al. 2025, arXiv 2503.00030): SPPO with a pull to the base.

A round is SPPO's; beside its loss stands a distance to the base, which no round changes: `train.rspo.regularizer`
names it. The champion stays what the log-ratios are against, so that two fixed models are in the loss.
"""

from flows.learn import learn
from flows.methods.preferring import PreferredRecipe, preferred
from flows.round import Round
from tasks.ask_base import ask_base


class RspoRecipe(PreferredRecipe):
    trains_by = ("rspo",)


def rspo(r: Round[RspoRecipe]) -> None:
    """One round, top to bottom."""
    pairs = preferred(r)
    if r.recipe.train.base_samples:
        base = r.role(r.recipe.solve).by(r.base)
        asked = r.brought.tables["inputs/unlabelled"]
        r.play(ask_base, settings=r.recipe.solve, solver=base, selections=asked, wave=r.recipe.part(r.number))
    learn(r, pairs)
