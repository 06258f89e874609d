"""Exact values: the fraction that an expression without letters is, where it is rational and small enough."""

import math
from fractions import Fraction

from tasks.answers.cursor import Node

MAX_BITS = 20_000
"""Largest exact numerator or denominator."""
MAX_DEPTH = 40
"""Deepest expression that is worked out: every part of one is, so that a deep one would cost its square."""


class Unknown(Exception):
    """The value cannot be worked out here: too large, too long, undefined, or of no kind that is known."""


def exact(node: Node) -> Fraction | None:
    """The rational value of an expression without letters; None for another. Raises Unknown if it is too large."""
    try:
        return _exact(node)
    except RecursionError:
        raise Unknown from None


def _exact(node: Node, depth: int = 0) -> Fraction | None:
    if depth > MAX_DEPTH:
        raise Unknown("too deep")
    kind, deeper = node[0], depth + 1
    if kind == "num":
        return _bounded(node[1])
    if kind == "group":
        return _exact(node[1], deeper)
    if kind == "neg":
        value = _exact(node[1], deeper)
        return None if value is None else -value
    if kind == "+":
        total = Fraction(0)
        for term in node[1]:
            value = _exact(term, deeper)
            if value is None:
                return None
            total = _bounded(total + value)
        return total
    if kind == "*":
        product = Fraction(1)
        for factor in node[1]:
            value = _exact(factor, deeper)
            if value is None:
                return None
            product = _bounded(product * value)
        return product
    if kind in ("/", "ratio"):
        above, below = _exact(node[1], deeper), _exact(node[2], deeper)
        if above is None or below is None:
            return None
        if not below:
            raise Unknown("division by zero")
        return above / below
    if kind == "^":
        base, exponent = _exact(node[1], deeper), _exact(node[2], deeper)
        return None if base is None or exponent is None else _power(base, exponent)
    if kind == "!":
        value = _exact(node[1], deeper)
        return _factorial(value) if value is not None else None
    if kind == "call":
        return _exact_call(node[1], [_exact(argument, deeper) for argument in node[2]])
    return None


def _power(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator == 1:
        size = max(base.numerator.bit_length(), base.denominator.bit_length()) - (abs(base) == 1)
        if base == 0 and exponent <= 0:
            raise Unknown("zero to no positive power")
        if abs(base) == 1:
            return base ** (exponent.numerator % 2)
        if abs(exponent.numerator) * size > MAX_BITS:
            raise Unknown("too large")
        return Fraction(base) ** exponent.numerator
    if base < 0 or exponent.denominator > 64:
        return None
    above, below = _root(base.numerator, exponent.denominator), _root(base.denominator, exponent.denominator)
    return None if above is None or below is None else _power(Fraction(above, below), Fraction(exponent.numerator))


def _root(number: int, degree: int) -> int | None:
    """The whole root, if it is one."""
    if number < 2:
        return number
    if degree == 2:
        root = math.isqrt(number)
    else:
        root = 1 << -(-number.bit_length() // degree)
        while (better := ((degree - 1) * root + number // root ** (degree - 1)) // degree) < root:
            root = better
    return root if root**degree == number else None


def _factorial(value: Fraction) -> Fraction | None:
    if value.denominator != 1 or value < 0:
        return None
    if value > 1_500:
        raise Unknown("too large")
    return Fraction(math.factorial(value.numerator))


def _exact_call(name: str, arguments: list[Fraction | None]) -> Fraction | None:
    if any(argument is None for argument in arguments) or not arguments:
        return None
    values = [argument for argument in arguments if argument is not None]
    if name == "abs":
        return abs(values[0])
    if name in ("floor", "ceil"):
        return Fraction(math.floor(values[0]) if name == "floor" else math.ceil(values[0]))
    if name in ("min", "max"):
        return min(values) if name == "min" else max(values)
    if any(value.denominator != 1 for value in values):
        return None
    whole = [value.numerator for value in values]
    if name == "gcd":
        return Fraction(math.gcd(*whole))
    if name == "lcm" and sum(n.bit_length() for n in whole) < MAX_BITS:
        return Fraction(math.lcm(*whole))
    if name == "binom" and len(whole) == 2 and whole[1] >= 0 and 0 <= whole[0] <= 2_000:
        return Fraction(math.comb(whole[0], whole[1]))
    return None


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise Unknown("too large")
    return value
