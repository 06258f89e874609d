"""One file a method; each reads as one round, one stage a line. METHODS is the one table of them."""

from collections.abc import Callable

from flows.methods.serl import serl
from flows.round import Round
from schemas.errors import BadInput
from schemas.recipe import Recipe

METHODS: dict[str, Callable[[Round], None]] = {"serl": serl}


def method_of(recipe: Recipe) -> Callable[[Round], None]:
    """The recipe's method. Raises BadInput for one that nobody wrote."""
    if recipe.method not in METHODS:
        raise BadInput(f"recipe '{recipe.name}': method = '{recipe.method}': expected one of {', '.join(METHODS)}")
    return METHODS[recipe.method]
