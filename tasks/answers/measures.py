"""Measures: whether two values are the same, with their units, currencies, percentages and counted nouns."""

from fractions import Fraction

from tasks.answers import phrases
from tasks.answers.cursor import Node
from tasks.answers.evaluation import symbols
from tasks.answers.exact import Unknown, exact
from tasks.answers.folded import DEGREE, PERCENT
from tasks.answers.outcomes import Outcome
from tasks.answers.units import Unit, unit_of
from tasks.answers.values import proportional, same_value

EXPRESSIONS = ("num", "sym", "const", "+", "*", "/", "^", "neg", "call", "!", "opaque", "big", "det")
"""Kinds of nodes that have a value."""
EQUAL, DIFFERENT, UNDECIDED = Outcome.EQUAL, Outcome.DIFFERENT, Outcome.UNDECIDED


def outcome_if(equal: bool) -> Outcome:
    """EQUAL or DIFFERENT."""
    return EQUAL if equal else DIFFERENT


def values_compared(one: Node, other: Node) -> Outcome | None:
    """Two expressions."""
    if one in _INFINITE or other in _INFINITE:
        return DIFFERENT
    same = same_value(one, other)
    if same is None:
        return DIFFERENT if _undefined(one) != _undefined(other) else None
    return outcome_if(same)


_INFINITE = (("const", "infty"), ("neg", ("const", "infty")))


def _undefined(node: Node) -> bool:
    try:
        exact(node)
    except Unknown as error:
        return "zero" in str(error)
    return False


def difference(node: Node) -> Node | None:
    """Left side minus right side of an equation between expressions."""
    left, right = node[1][0] if node[0] == "named" else node[2]
    return ("+", (left, ("neg", right))) if left[0] in EXPRESSIONS and right[0] in EXPRESSIONS else None


def equations_compared(one: Node | None, other: Node | None) -> Outcome | None:
    """Two equations, each as left side minus right side: one curve if those are proportional."""
    if one is None or other is None:
        return DIFFERENT
    if symbols(one) != symbols(other):
        return DIFFERENT
    return outcome_if(proportional(one, other) is not None)


def _parts(node: Node) -> tuple[Node, Unit | str | None]:
    return (node[1], node[2]) if node[0] == "amount" else (node, None)


def amounts_compared(one: Node, other: Node) -> Outcome | None:
    """Two values of which one or both have a unit or a noun."""
    (value, unit), (their_value, their_unit) = _parts(one), _parts(other)
    if unit is None or their_unit is None:
        return _without_unit(value, their_value, unit, their_unit)
    if isinstance(unit, Unit) and isinstance(their_unit, Unit):
        return _in_units(value, unit, their_value, their_unit)
    same = values_compared(value, their_value)
    if same is not EQUAL:
        return same
    if isinstance(unit, str) and isinstance(their_unit, str) and _same_noun(unit, their_unit):
        return EQUAL
    if isinstance(unit, str) and isinstance(their_unit, str) and _contrast(unit, their_unit):
        return DIFFERENT
    return UNDECIDED  # 5 apples and 5 fruits may be one


def _same_noun(one: str, other: str) -> bool:
    ours, theirs = (phrases.words_form(noun) for noun in (one, other))
    if phrases.same_words(ours, theirs):
        return True
    stems = [{word.rstrip("s") for word in form.split() if word not in _FILLERS} for form in (ours, theirs)]
    return stems[0] <= stems[1] or stems[1] <= stems[0]  # 15 apples, 15 apples eaten


_FILLERS = ("the", "each", "per", "of", "in", "a", "an")
_CONTRASTS = (
    {"boy", "girl"},
    {"man", "woman"},
    {"men", "women"},
    {"male", "female"},
    {"child", "adult"},
    {"son", "daughter"},
)


def _contrast(one: str, other: str) -> bool:
    """Whether two nouns name opposite things."""
    words = {phrases.words_form(noun).rstrip("s") for noun in (one, other)}
    return any(words == pair for pair in _CONTRASTS)


def _in_units(value: Node, unit: Unit, other: Node, other_unit: Unit) -> Outcome | None:
    if {unit, other_unit} == {DEGREE, _RADIAN}:
        return values_compared(
            _in_radians(value) if unit == DEGREE else value, _in_radians(other) if other_unit == DEGREE else other
        )
    if unit.powers != other_unit.powers:
        return DIFFERENT
    if unit.factor == other_unit.factor:
        return values_compared(value, other)
    return values_compared(_times(value, unit.factor / other_unit.factor), other)


def _without_unit(value: Node, other: Node, unit: Unit | str | None, other_unit: Unit | str | None) -> Outcome | None:
    """A unit may be missing on one side; a percentage is a number too, and so is an angle."""
    stated = unit if unit is not None else other_unit
    if unit is None:
        value, other = other, value
    if stated == PERCENT:
        return _percent(value, other)
    same = values_compared(value, other)
    if same is DIFFERENT and stated == DEGREE and values_compared(_in_radians(value), other) is EQUAL:
        return EQUAL
    if (
        same is DIFFERENT
        and isinstance(stated, Unit)
        and stated.name == "cent"
        and values_compared(_times(value, Fraction(1, 100)), other) is EQUAL
    ):
        return EQUAL  # 50 cents are 0.50, where dollars are understood
    return same


def _percent(value: Node, plain: Node) -> Outcome | None:
    """50% is 0.5, and is what 50 means where a percentage was asked for; .15 means no .15%."""
    share = values_compared(_times(value, Fraction(1, 100)), plain)
    if share is not DIFFERENT:
        return share
    try:
        number = exact(plain)
    except Unknown:
        return DIFFERENT
    return values_compared(value, plain) if number is not None and abs(number) >= 1 else DIFFERENT


def _times(value: Node, factor: Fraction) -> Node:
    if value[0] == "num":
        return ("num", value[1] * factor, value[2])
    return ("*", (value, ("num", factor, 0)))


def _in_radians(value: Node) -> Node:
    return ("*", (value, ("const", "pi"), ("num", Fraction(1, 180), 0)))


_RADIAN = unit_of("radian", True)
