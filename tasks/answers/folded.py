"""Folded: an expression without brackets, its rational parts worked out; and an amount with its unit."""

import re
from fractions import Fraction
from typing import Any

from tasks.answers.amounts import is_generic
from tasks.answers.cursor import Node, NotMathematics
from tasks.answers.evaluation import symbols
from tasks.answers.exact import Unknown, exact
from tasks.answers.units import unit_of

MAX_FOLDED_BITS = 400
"""Exact values up to this size are worked out in the form; larger ones stay as they are written."""


def folded(node: Node) -> Node:
    """Without brackets, and with every part that is worth a small rational number as that number."""
    kind = node[0]
    if kind in ("num", "sym", "const", "opaque", "empty", "all"):
        return node
    if kind == "group":
        return folded(node[1])
    if kind == "ratio":
        return folded(("/", node[1], node[2]))
    if kind in ("seq", "set", "list", "rel", "join", "builder", "matrix", "mod"):
        raise NotMathematics(f"{kind} in an expression")
    if kind == "amount":
        inner = amount(node)
        if inner[0] != "amount":
            return inner
        if inner[2] not in (DEGREE, PERCENT):
            raise NotMathematics("a unit in an expression")
        return ("amount", inner[1], "degree" if inner[2] == DEGREE else "%")
    if kind in ("+", "*"):
        node = _flat(kind, [folded(part) for part in node[1]])
    elif kind == "call":
        node = ("call", node[1], tuple(folded(part) for part in node[2]))
    elif kind == "big":
        return _with_index("k", ("big", node[1], node[2], *(folded(part) for part in node[3:])))
    elif kind == "det":
        return ("det", tuple(tuple(folded(entry) for entry in row) for row in node[1]))
    elif kind == "neg":
        inner = folded(node[1])
        node = ("num", -inner[1], inner[2]) if inner[0] == "num" else ("neg", inner)
    else:
        node = (kind, *(folded(part) for part in node[1:]))
    return worked_out(node)


def _with_index(name: str, node: Node) -> Node:
    """A sum whose running letter has a fixed name, unless that is taken: i is no imaginary unit there."""
    if ("sym", name) == node[2] or name in symbols(node):
        return node
    return ("big", node[1], ("sym", name), *node[3:5], renamed(node[5], node[2], ("sym", name)))


def _flat(kind: str, parts: list[Node]) -> Node:
    return (kind, tuple(inner for part in parts for inner in (part[1] if part[0] == kind else (part,))))


def worked_out(node: Node) -> Node:
    """An expression as the rational number that it is worth, if it is a small one."""
    try:
        value = exact(node)
    except Unknown:
        return node
    if value is None or max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_FOLDED_BITS:
        return node
    return ("num", value, int(_is_decimal(value) and _has_decimals(node)))


def _is_decimal(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1 and value.denominator != 1


def _has_decimals(node: Any) -> bool:
    if not isinstance(node, tuple):
        return False
    if node and node[0] == "num":
        return bool(node[2])
    if node and node[0] == "^" and node[1] == ("num", Fraction(10), 0):
        return True
    return any(_has_decimals(part) for part in node)


DEGREE, PERCENT = unit_of("degree", True), unit_of("percent", True)


def amount(node: Node) -> Node:
    """A value with its unit or noun; the value alone for a unit without a name."""
    value = folded(node[1])
    if len(node) == 3:
        return ("amount", value, node[2])
    phrase = node[2]
    if phrase == "‰":
        return ("amount", worked_out(("/", value, ("num", Fraction(10), 0))), PERCENT)
    unit = PERCENT if phrase == "%" else unit_of(phrase, node[3])
    if unit is None:
        noun = " ".join(phrase.split()).strip(" .")
        if is_generic(noun):
            power = re.search(r"square|sq|cubic|cu|[23]", noun)
            return ("amount", value, f"{_POWERS[power[0]]} units") if power else value
        return ("amount", value, noun)
    return ("amount", value, unit)


_POWERS = {"square": "square", "sq": "square", "2": "square", "cubic": "cubic", "cu": "cubic", "3": "cubic"}


def renamed(node: Any, letter: Node, new: Node) -> Any:
    """A tree with another letter."""
    if node == letter:
        return new
    return tuple(renamed(part, letter, new) for part in node) if isinstance(node, tuple) else node
