"""Integrals: an antiderivative is right if its derivative, at several points, is the integrand.

Both are read by the grammar of tasks/answers and worked out to a hundred digits; nothing that a model wrote is run.
"""

from fractions import Fraction
from typing import Any

from tasks.answers.evaluation import numeric, precise, symbols
from tasks.answers.exact import Unknown
from tasks.answers.forms import read
from tasks.answers.outcomes import Outcome

VARIABLE = "x"
CONSTANTS = ("C", "c", "K", "k")
LONGEST = 400
"""Characters of either."""
NEEDED = 5
"""Points that must agree."""
STEP = Fraction(1, 10**25)
TOLERANCE = Fraction(1, 10**12)
POINTS = tuple(Fraction(sign * (7 * place + 3), 11) for place in range(12) for sign in (1, -1))
"""A point at which either cannot be worked out, or is not real, gives way to the next."""
CONSTANT = Fraction(17, 7)
"""What a constant of integration stands for: not 0, at which it could hide a factor."""


def antiderivative(integrand: str, answer: str) -> Outcome:
    """UNDECIDED where the integrand, or some points of the answer but fewer than NEEDED, can be worked out; DIFFERENT
    for an answer that is no expression, or has other letters than x and one constant, or a sum
    over an index."""
    if max(len(integrand), len(answer)) > LONGEST:
        return Outcome.DIFFERENT
    f, found = _natural(read(integrand)), _natural(read(answer))
    if _is_long(found) or _is_long(f):
        return Outcome.DIFFERENT
    if symbols(found) - {VARIABLE, *CONSTANTS} or symbols(f) - {VARIABLE} or len(symbols(found) - {VARIABLE}) > 1:
        return Outcome.DIFFERENT
    agreed = worked_out = 0
    for point in POINTS:
        if (value := _real(f, point)) is None:
            continue
        worked_out += 1
        same = _agrees(value, found, point)
        if same is False:
            return Outcome.DIFFERENT
        agreed += bool(same)
        if agreed == NEEDED:
            return Outcome.EQUAL
    return Outcome.DIFFERENT if worked_out >= NEEDED and not agreed else Outcome.UNDECIDED


def is_integrand(text: str) -> bool:
    """Whether it is an expression of x that can be worked out at NEEDED points."""
    node = _natural(read(text)) if len(text) <= LONGEST else ("words", "")
    if _is_long(node) or symbols(node) - {VARIABLE}:
        return False
    return sum(_real(node, point) is not None for point in POINTS) >= NEEDED


def _is_long(node: Any) -> bool:
    """Whether it holds a sum or product over an index, or a matrix: thousands of steps at each point."""
    return isinstance(node, tuple) and (node[:1] in (("big",), ("det",)) or any(map(_is_long, node)))


def _agrees(value: Any, found: Any, point: Fraction) -> bool | None:
    """Whether the slope at a point is the integrand's value; None where it has no real one."""
    ahead, back = (_real(found, point + side) for side in (STEP, -STEP))
    if ahead is None or back is None:
        return None
    with precise():
        slope = (ahead - back) * STEP.denominator / 2
        return bool(abs(slope - value) * TOLERANCE.denominator <= 1 + abs(value))


def _real(node: Any, point: Fraction) -> Any:
    try:
        value = numeric(node, {**dict.fromkeys(CONSTANTS, CONSTANT), VARIABLE: point})
    except Unknown:
        return None
    with precise():
        import mpmath

        return None if abs(mpmath.im(value)) > mpmath.mpf(10) ** -40 else mpmath.re(value)


def _natural(node: Any) -> Any:
    """The same with log for the natural one, as integrals have it."""
    if not isinstance(node, tuple):
        return node
    if len(node) == 3 and node[:2] == ("call", "log") and len(node[2]) == 1:
        return ("call", "ln", _natural(node[2]))
    return tuple(_natural(part) for part in node)
