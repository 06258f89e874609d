"""Shapes: a parsed tree brought to one of few shapes, so that the spellings of one answer are one tree."""

import itertools
import re
from fractions import Fraction
from typing import Any

from tasks.answers.amounts import is_generic
from tasks.answers.cursor import Node, NotMathematics
from tasks.answers.exact import Unknown, exact
from tasks.answers.reals import ALL, complement, from_relation, intersection, of_interval, union
from tasks.answers.units import Unit, unit_of
from tasks.answers.values import symbols

MAX_FOLDED_BITS = 400
"""Exact values up to this size are worked out in the form; larger ones stay as they are written."""


def shaped(node: Node) -> Node:
    alternatives = _alternatives(node)
    if len(alternatives) > 1:
        return _several([_shape(one) for one in alternatives])
    return _shape(alternatives[0])


def _alternatives(node: Node) -> list[Node]:
    """The readings of a tree with plus-minus signs; an item of a list is taken by itself."""
    if node[0] == "list":
        return [("list", tuple(one for item in node[1] for one in _alternatives(item)), node[2])]
    if node[0] == "set":
        return [("set", tuple(one for item in node[1] for one in _alternatives(item)))]
    places = _count_signs(node)
    if not places:
        return [node]
    if places > 1 and not _has_minus_plus(node) and places <= 3:
        return [_with_signs(node, [bool(mask >> i & 1) for i in range(places)], [0]) for mask in range(2**places)]
    return [_with_signs(node, [minus] * places, [0]) for minus in (False, True)]


def _count_signs(node: Any) -> int:
    if not isinstance(node, tuple):
        return 0
    return (bool(node) and node[0] == "pm") + sum(_count_signs(part) for part in node)


def _has_minus_plus(node: Any) -> bool:
    return isinstance(node, tuple) and (node[:2] == ("pm", "mp") or any(_has_minus_plus(part) for part in node))


def _with_signs(node: Any, signs: list[bool], at: list[int]) -> Any:
    if not isinstance(node, tuple):
        return node
    if node and node[0] == "pm":
        minus = signs[at[0]] != (node[1] == "mp")
        at[0] += 1
        inner = _with_signs(node[2], signs, at)
        return ("neg", inner) if minus else inner
    return tuple(_with_signs(part, signs, at) for part in node)


def _shape(node: Node) -> Node:
    kind = node[0]
    if kind == "list":
        return _list([_shape(item) for item in node[1]], node[2])
    if kind == "set":
        return _several([_shape(item) for item in node[1]], is_set=True)
    if kind == "seq":
        return _seq(node)
    if kind == "rel":
        return _relation(node)
    if kind == "join":
        return _joined(node)
    if kind == "builder":
        condition = _shape(node[2])
        return condition if condition[0] == "reals" else ("builder", _shape(node[1]), condition)
    if kind == "all":
        return ALL if node[1] == "R" else node
    if kind == "amount":
        return _amount(node)
    if kind == "matrix":
        return ("matrix", tuple(tuple(_shape(entry) for entry in row) for row in node[1]))
    if kind == "mod":
        return ("mod", _shape(node[1]), _folded(node[2]))
    if kind == "group":
        return _shape(node[1])
    if kind == "ratio":
        return _ratio(node)
    return _scaled_matrix(node) or _amounts_together(node) or _folded(node)


def _ratio(node: Node) -> Node:
    parts: list[Node] = []
    while node[0] == "ratio":
        parts.insert(0, _folded(node[2]))
        node = node[1]
    parts.insert(0, _folded(node))
    return ("ratios", tuple(parts))


def _scaled_matrix(node: Node) -> Node | None:
    """A number times a matrix, as one matrix."""
    factors: tuple[Node, ...] = (
        node[1] if node[0] == "*" else (node[1], ("/", ("num", Fraction(1), 0), node[2])) if node[0] == "/" else ()
    )
    matrices = [factor for factor in factors if factor[0] == "matrix"]
    if len(matrices) != 1:
        return None
    others = tuple(factor for factor in factors if factor[0] != "matrix")
    rows = tuple(tuple(_folded(("*", (*others, entry))) for entry in row) for row in matrices[0][1])
    return ("matrix", rows)


def _amounts_together(node: Node) -> Node | None:
    """`$11 + $13`, `3 * $5`, `$10 / 2`: one amount."""
    if node[0] == "+":
        terms = [(term[1], -1) if term[0] == "neg" else (term, 1) for term in node[1]]
        if all(term[0] == "amount" for term, _ in terms):
            amounts = [_amount(term) for term, _ in terms]
            if all(amount[0] == "amount" and amount[2] == amounts[0][2] for amount in amounts):
                signed = ((a[1] if sign > 0 else ("neg", a[1])) for a, (_, sign) in zip(amounts, terms, strict=True))
                return ("amount", _folded(("+", tuple(signed))), amounts[0][2])
    if node[0] == "/" and node[1][0] == "amount" and node[2][0] != "amount":
        amount = _amount(node[1])
        return ("amount", _folded(("/", amount[1], node[2])), amount[2]) if amount[0] == "amount" else None
    return None


def _folded(node: Node) -> Node:
    """Without brackets, and with every part that is worth a small rational number as that number."""
    kind = node[0]
    if kind in ("num", "sym", "const", "opaque", "empty", "all"):
        return node
    if kind == "group":
        return _folded(node[1])
    if kind == "ratio":
        return _folded(("/", node[1], node[2]))
    if kind in ("seq", "set", "list", "rel", "join", "builder", "matrix", "mod"):
        raise NotMathematics(f"{kind} in an expression")
    if kind == "amount":
        inner = _shape(node)
        if inner[2] not in (DEGREE, PERCENT):
            raise NotMathematics("a unit in an expression")
        return ("amount", inner[1], "degree" if inner[2] == DEGREE else "%")
    if kind in ("+", "*"):
        node = _flat(kind, [_folded(part) for part in node[1]])
    elif kind == "call":
        node = ("call", node[1], tuple(_folded(part) for part in node[2]))
    elif kind == "big":
        return _with_index("k", ("big", node[1], node[2], *(_folded(part) for part in node[3:])))
    elif kind == "det":
        return ("det", tuple(tuple(_folded(entry) for entry in row) for row in node[1]))
    elif kind == "neg":
        inner = _folded(node[1])
        node = ("num", -inner[1], inner[2]) if inner[0] == "num" else ("neg", inner)
    else:
        node = (kind, *(_folded(part) for part in node[1:]))
    return _number(node)


def _with_index(name: str, node: Node) -> Node:
    """A sum whose running letter has a fixed name, unless that is taken: i is no imaginary unit there."""
    if ("sym", name) == node[2] or name in symbols(node):
        return node
    return ("big", node[1], ("sym", name), *node[3:5], renamed(node[5], node[2], ("sym", name)))


def _flat(kind: str, parts: list[Node]) -> Node:
    return (kind, tuple(inner for part in parts for inner in (part[1] if part[0] == kind else (part,))))


def _number(node: Node) -> Node:
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


def _amount(node: Node) -> Node:
    value = _folded(node[1])
    if len(node) == 3:
        return ("amount", value, node[2])
    phrase = node[2]
    if phrase == "‰":
        return ("amount", _number(("/", value, ("num", Fraction(10), 0))), PERCENT)
    unit = PERCENT if phrase == "%" else unit_of(phrase, node[3])
    if unit is None:
        noun = " ".join(phrase.split()).strip(" .")
        if is_generic(noun):
            power = re.search(r"square|sq|cubic|cu|[23]", noun)
            return ("amount", value, f"{_POWERS[power[0]]} units") if power else value
        return ("amount", value, noun)
    return ("amount", value, unit)


_POWERS = {"square": "square", "sq": "square", "2": "square", "cubic": "cubic", "cu": "cubic", "3": "cubic"}


def _seq(node: Node) -> Node:
    return ("seq", node[1], node[2], tuple(_shape(item) for item in node[3]))


def _joined(node: Node) -> Node:
    first, second = _as_reals(_shape(node[2])), _as_reals(_shape(node[3]))
    if first is None or second is None:
        raise NotMathematics("join")
    found = {"union": union, "inter": intersection}.get(node[1])
    result = found(first, second) if found else intersection(first, complement(second))
    if result is None:
        if node[1] == "union":
            return ("reals", "", tuple(sorted((*first[2], *second[2]), key=repr)))
        raise NotMathematics("join")
    return result


def _as_reals(node: Node) -> Node | None:
    if node[0] == "reals":
        return node
    if node[0] == "seq":
        return of_interval(node)
    if node[0] == "set":
        return ("reals", "", tuple((item, True, item, True) for item in node[1]))
    return ("reals", "", ()) if node[0] == "empty" else None


def is_name(node: Node) -> bool:
    """Whether a side of an equation only names the value: x, f(x), f'(x), AB."""
    return node[0] in ("sym", "opaque") or (node[0] == "call" and bool(symbols(node)) and len(symbols(node)) == 1
                                           and next(iter(symbols(node))).startswith(f"{node[1]}("))  # fmt: skip


def _relation(node: Node) -> Node:
    signs, sides = node[1], node[2]
    if set(signs) == {"="}:
        return _equation(sides)
    if "in" in signs:
        if signs != ("in",):
            raise NotMathematics("in")
        inside = _shape(sides[1])
        reals = _as_reals(inside) if inside[0] != "set" else None
        if reals is not None and sides[0][0] == "sym":
            return ("reals", sides[0][1], reals[2])
        return ("rel", ("in",), (_shape(sides[0]), inside))
    shaped = tuple(_folded(side) for side in sides)
    return from_relation(signs, shaped) or _ordered(signs, shaped)


def _ordered(signs: tuple[str, ...], sides: tuple[Node, ...]) -> Node:
    """A relation that is read from the smaller side on."""
    if all(sign in (">", ">=") for sign in signs):
        turned = tuple(sign.replace(">", "<") for sign in reversed(signs))
        return ("rel", turned, tuple(reversed(sides)))
    return ("rel", signs, sides)


def _equation(sides: tuple[Node, ...]) -> Node:
    if len(sides) == 2 and sides[0][0] == sides[1][0] == "seq" and len(sides[0][3]) == len(sides[1][3]):
        names = sides[0][3]
        if all(is_name(name) for name in names):
            values = tuple(_shape(value) for value in sides[1][3])
            return (*_named(list(zip(names, values, strict=True))), values)
    shaped = tuple(_shape(side) for side in sides)
    if not any(_letters(side) - {"=..."} for side in shaped) and not _letters(shaped[-1]):
        if sides[0][0] == "num" and sides[0] != shaped[-1]:
            raise NotMathematics("two numbers that are not equal")
        return shaped[-1]  # 3 + 12 = 15 states its last term
    if len(shaped) == 2:
        for name, value in (shaped, shaped[::-1]):
            if is_name(name):
                return _named([(name, value)])
    elif is_name(shaped[0]) and not _letters(shaped[-1]):
        return _named([(shaped[0], shaped[-1])])
    return ("rel", ("=",) * (len(sides) - 1), shaped)


def _letters(node: Node) -> frozenset[str]:
    return symbols(node)


def _named(pairs: list[tuple[Node, Node]]) -> Node:
    return ("named", tuple(sorted(pairs, key=lambda pair: repr(pair[0]))))


def _list(items: list[Node], joiner: str) -> Node:
    if len(items) == 2 and joiner == "and" and (mixed := _mixed(*items)):
        return mixed
    if any(item == ("opaque", "...") for item in items):
        return ("sequence", tuple(items))
    if items[-1][:2] == ("rel", ("in",)) and items[-1][2][0][0] == "sym" and len(items) >= 2:
        return _family(items)
    if all(item[0] == "reals" for item in items):
        merged = _inequalities(items, joiner)
        if merged is not None:
            return merged
    if all(item[0] == "named" and len(item[1]) == 1 for item in items):
        pairs = [item[1][0] for item in items]
        names = {repr(name) for name, _ in pairs}
        if len(names) == len(items) and joiner != "or":
            return _named(pairs)
        if len(names) == 1:
            return _several([value for _, value in pairs])
    if (
        items[0][0] == "named"
        and len(items[0][1]) == 1
        and not any(item[0] in ("named", "rel", "reals") for item in items[1:])
    ):
        return _several([items[0][1][0][1], *items[1:]])  # x = 1, 2
    if (
        all(item[0] == "amount" and isinstance(item[2], Unit) for item in items)
        and joiner != "or"
        and (total := _total(items))
    ):
        return total
    return _several(items)


def _mixed(whole: Node, part: Node) -> Node | None:
    """`5 and 1/2`."""
    inner, rest = (part[1], part[2:]) if part[0] == "amount" else (part, ())
    if (
        whole[0] == inner[0] == "num"
        and whole[1].denominator == 1
        and not inner[2]
        and 0 < inner[1] < 1
        and whole[1] > 0
    ):
        return ("amount", ("num", whole[1] + inner[1], 0), *rest) if rest else ("num", whole[1] + inner[1], 0)
    return None


def _total(items: list[Node]) -> Node | None:
    """`3 hours and 20 minutes`: amounts of one dimension, the larger units first."""
    units = [item[2] for item in items]
    falling = all(a.factor > b.factor for a, b in itertools.pairwise(units))
    negative = any(item[1][0] == "neg" or (item[1][0] == "num" and item[1][1] < 0) for item in items)
    if len({unit.powers for unit in units}) > 1 or not falling or negative:
        return None
    terms = tuple(("*", (item[1], ("num", item[2].factor / units[-1].factor, 0))) for item in items)
    return ("amount", _folded(("+", terms)), units[-1])


def _inequalities(items: list[Node], joiner: str) -> Node | None:
    """`x > 2 and x < 5` as an interval, `x < 1 or x > 2` as a union; with a comma, the one that leaves a choice."""
    result: Node | None = items[0]
    for item in items[1:]:
        if result is None or {result[1], item[1]} - {""} not in ({result[1]}, set()):
            return None
        both = intersection(result, item)
        if joiner == "or":
            result = union(result, item)
        else:
            result = both if joiner == "and" or (both and both[2]) else union(result, item)
    return result


def _family(items: list[Node]) -> Node:
    """`2k, k in Z`: the letter may have any name."""
    letter = items[-1][2][0]
    if letter != ("sym", "n") and any("n" in symbols(item) for item in items):
        return ("family", _several(items[:-1]) if len(items) > 2 else items[0], items[-1])
    alike = [renamed(item, letter, ("sym", "n")) for item in items]
    return ("family", _several(alike[:-1]) if len(alike) > 2 else alike[0], alike[-1])


def renamed(node: Any, letter: Node, new: Node) -> Any:
    """A tree with another letter."""
    if node == letter:
        return new
    return tuple(renamed(part, letter, new) for part in node) if isinstance(node, tuple) else node


def _several(items: list[Node], is_set: bool = False) -> Node:
    """A set, or a list with repeats: 3,3,4 are three sides. A single element stands for itself."""
    flat = items
    distinct = sorted(dict.fromkeys(flat), key=repr)
    if len(distinct) < len(flat) and not is_set:
        return ("several", tuple(sorted(flat, key=repr)))
    if not distinct:
        return ("empty",)
    return ("set", tuple(distinct)) if len(distinct) > 1 or is_set else distinct[0]
