"""Shapes: a parsed tree brought to one of few shapes, so that the spellings of one answer are one tree."""

from fractions import Fraction

from tasks.answers.cursor import Node, NotMathematics
from tasks.answers.evaluation import symbols
from tasks.answers.folded import amount, folded
from tasks.answers.lists import listed, named, several
from tasks.answers.reals import ALL, complement, from_relation, intersection, of_interval, union
from tasks.answers.signs import alternatives


def shaped(node: Node) -> Node:
    """A parsed tree in one of few shapes. Raises NotMathematics for a tree that says nothing known."""
    readings = alternatives(node)
    return several([_shape(one) for one in readings]) if len(readings) > 1 else _shape(readings[0])


def _shape(node: Node) -> Node:
    kind = node[0]
    if kind == "list":
        return listed([_shape(item) for item in node[1]], node[2])
    if kind == "set":
        return several([_shape(item) for item in node[1]], is_set=True)
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
        return amount(node)
    if kind == "matrix":
        return ("matrix", tuple(tuple(_shape(entry) for entry in row) for row in node[1]))
    if kind == "mod":
        return ("mod", _shape(node[1]), folded(node[2]))
    if kind == "group":
        return _shape(node[1])
    if kind == "ratio":
        return _ratio(node)
    return _scaled_matrix(node) or _amounts_together(node) or folded(node)


def _ratio(node: Node) -> Node:
    parts: list[Node] = []
    while node[0] == "ratio":
        parts.insert(0, folded(node[2]))
        node = node[1]
    parts.insert(0, folded(node))
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
    rows = tuple(tuple(folded(("*", (*others, entry))) for entry in row) for row in matrices[0][1])
    return ("matrix", rows)


def _amounts_together(node: Node) -> Node | None:
    """`$11 + $13`, `3 * $5`, `$10 / 2`: one amount."""
    if node[0] == "+":
        terms = [(term[1], -1) if term[0] == "neg" else (term, 1) for term in node[1]]
        if all(term[0] == "amount" for term, _ in terms):
            amounts = [amount(term) for term, _ in terms]
            if all(amount[0] == "amount" and amount[2] == amounts[0][2] for amount in amounts):
                signed = ((a[1] if sign > 0 else ("neg", a[1])) for a, (_, sign) in zip(amounts, terms, strict=True))
                return ("amount", folded(("+", tuple(signed))), amounts[0][2])
    if node[0] == "/" and node[1][0] == "amount" and node[2][0] != "amount":
        above = amount(node[1])
        return ("amount", folded(("/", above[1], node[2])), above[2]) if above[0] == "amount" else None
    return None


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
    return result if result[2] else ("empty",)


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
    shaped = tuple(folded(side) for side in sides)
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
            return (*named(list(zip(names, values, strict=True))), values)
    shaped = tuple(_shape(side) for side in sides)
    if not any(_letters(side) - {"=..."} for side in shaped) and not _letters(shaped[-1]):
        if sides[0][0] == "num" and sides[0] != shaped[-1]:
            raise NotMathematics("two numbers that are not equal")
        return shaped[-1]  # 3 + 12 = 15 states its last term
    if len(shaped) == 2:
        for name, value in (shaped, shaped[::-1]):
            if is_name(name):
                return named([(name, value)])
    elif is_name(shaped[0]) and not _letters(shaped[-1]):
        return named([(shaped[0], shaped[-1])])
    return ("rel", ("=",) * (len(sides) - 1), shaped)


def _letters(node: Node) -> frozenset[str]:
    return symbols(node)
