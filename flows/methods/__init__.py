"""One file a method; each reads as one round, one stage a line. METHODS is the one table of them."""

from collections.abc import Callable

from flows.methods.serl import serl
from flows.methods.serl_online import serl_online
from flows.round import Round
from schemas.errors import BadInput
from schemas.recipe import Recipe

METHODS: dict[str, Callable[[Round], None]] = {"serl": serl, "serl_online": serl_online}


def method_of(recipe: Recipe) -> Callable[[Round], None]:
    """The recipe's method. Raises BadInput for one that nobody wrote, or whose training the recipe has not."""
    if recipe.method not in METHODS:
        raise BadInput(f"recipe '{recipe.name}': method = '{recipe.method}': expected one of {', '.join(METHODS)}")
    if (recipe.method == "serl_online") != (recipe.train.policy is not None):
        found = f"method = '{recipe.method}' with train.methods = {list(recipe.train.methods)}"
        goes = "'serl_online' goes with ['policy'], and only with it"
        raise BadInput(f"recipe '{recipe.name}': {found}: {goes}; change one of them")
    return METHODS[recipe.method]
