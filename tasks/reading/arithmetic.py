"""Reading: an expression of whole numbers, + - * / and parentheses, as an answer states it.

The text is a model's and may be hostile: it is never run, only read by this grammar. Nothing here raises, and length,
depth and digits are bounded.
"""

import re
from fractions import Fraction
from typing import NamedTuple

LONGEST, DEEPEST = 200, 20
"""Characters, and parentheses or signs within each other."""
_SIGNS = {"\\times": "*", "\\cdot": "*", "\\div": "/", "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"}
_TOKEN = re.compile(r"\s*(?:([0-9]{1,9})(?![0-9])|([-+*/()]))")


class Arithmetic(NamedTuple):
    value: Fraction
    numbers: tuple[int, ...]
    """As they stand, from left to right."""


class _Unreadable(Exception):
    pass


def read_arithmetic(text: str) -> Arithmetic | None:
    """The exact value and the numbers; None for anything else, and for a division by zero."""
    if len(text) > LONGEST:
        return None
    for written, sign in _SIGNS.items():
        text = text.replace(written, sign)
    tokens, at = list[str](), 0
    text = text.strip()
    while at < len(text):
        if (found := _TOKEN.match(text, at)) is None:
            return None
        tokens.append(found[1] or found[2])
        at = found.end()
    left = tokens[::-1]
    try:
        value = _sum(left, 0)
    except (_Unreadable, ZeroDivisionError):
        return None
    return None if left else Arithmetic(value, tuple(int(token) for token in tokens if token.isdigit()))


def _sum(left: list[str], depth: int) -> Fraction:
    value = _product(left, depth)
    while left and left[-1] in "+-":
        value += _product(left, depth) if left.pop() == "+" else -_product(left, depth)
    return value


def _product(left: list[str], depth: int) -> Fraction:
    value = _factor(left, depth)
    while left and left[-1] in "*/":
        value = value * _factor(left, depth) if left.pop() == "*" else value / _factor(left, depth)
    return value


def _factor(left: list[str], depth: int) -> Fraction:
    if not left or depth > DEEPEST:
        raise _Unreadable
    token = left.pop()
    if token == "-":
        return -_factor(left, depth + 1)
    if token == "(":
        value = _sum(left, depth + 1)
        if not left or left.pop() != ")":
            raise _Unreadable
        return value
    if not token.isdigit():
        raise _Unreadable
    return Fraction(int(token))
