"""Sets of real numbers: intervals, inequalities and their unions, as pieces in rising order.

A piece is (low, whether low belongs to it, high, whether high does); None stands for an infinite end.
"""

from functools import cmp_to_key
from typing import Any

from tasks.answers.cursor import Node
from tasks.answers.values import same_value, size_of

Piece = tuple[Node | None, bool, Node | None, bool]
ALL: Node = ("reals", "", ((None, False, None, False),))
INFINITE = (("const", "infty"), ("neg", ("const", "infty")))


def of_interval(node: Node) -> Node | None:
    """The set that two numbers in brackets stand for; None for any other sequence."""
    if node[0] != "seq" or len(node[3]) != 2:
        return None
    low, high = node[3]
    low_end = None if low == INFINITE[1] else low
    high_end = None if high == INFINITE[0] else high
    if low == INFINITE[0] or high == INFINITE[1]:
        return None
    return (
        "reals",
        "",
        ((low_end, node[1] == "[" and low_end is not None, high_end, node[2] == "]" and high_end is not None),),
    )


def from_relation(signs: tuple[str, ...], sides: tuple[Node, ...]) -> Node | None:
    """`2 < x <= 5`, `x > 2`, `x != 0`: the values of one letter between ends without letters; None for others."""
    if signs in (("!=",),):
        name, end = (sides[0], sides[1]) if sides[0][0] == "sym" else (sides[1], sides[0])
        if name[0] != "sym" or _ends(end) is False:
            return None
        return ("reals", name[1], ((None, False, end, False), (end, False, None, False)))
    if signs[0] in ("<", "<=", ">", ">=") and len(sides) == 2:
        for distance, end, less in (
            (sides[0], sides[1], signs[0][0] == "<"),
            (sides[1], sides[0], signs[0][0] == ">"),
        ):
            size = size_of(end) if distance[:2] == ("call", "abs") and distance[2][0][0] == "sym" else None
            if size is not None and size >= 0:
                closed, minus = signs[0].endswith("="), ("neg", end) if end[0] != "num" else ("num", -end[1], end[2])
                inside = ((minus, closed, end, closed),)
                outside = ((None, False, minus, closed), (end, closed, None, False))
                return ("reals", distance[2][0][1], inside if less else outside)
    falling = all(sign in (">", ">=") for sign in signs)
    if not falling and not all(sign in ("<", "<=") for sign in signs):
        return None
    if falling:
        signs, sides = tuple(sign.replace(">", "<") for sign in reversed(signs)), tuple(reversed(sides))
    piece: Piece
    low: Node | None
    high: Node | None
    if len(sides) == 3 and sides[1][0] == "sym":
        low, name, high = sides
        piece = (low, signs[0] == "<=", high, signs[1] == "<=")
    elif len(sides) == 2 and sides[0][0] == "sym":
        (name, high), low = sides, None
        piece = (None, False, high, signs[0] == "<=")
    elif len(sides) == 2 and sides[1][0] == "sym":
        (low, name), high = sides, None
        piece = (low, signs[0] == "<=", None, False)
    else:
        return None
    if _ends(low) is False or _ends(high) is False:
        return None
    low, closed_low, high, closed_high = piece
    if low in INFINITE:
        low, closed_low = None, False
    if high in INFINITE:
        high, closed_high = None, False
    return ("reals", name[1], ((low, closed_low, high, closed_high),))


def _ends(node: Node | None) -> bool:
    """Whether it can be an end: a number without letters."""
    return node is None or node in INFINITE or size_of(node) is not None


def union(first: Node, second: Node) -> Node | None:
    """None if ends cannot be put in order."""
    pieces = _sorted([*first[2], *second[2]])
    if pieces is None:
        return None
    merged: list[Piece] = []
    for piece in pieces:
        if merged and _touches(merged[-1], piece):
            low, closed, high, closed_high = merged[-1]
            order = _compare_high(merged[-1], piece)
            if order < 0:
                high, closed_high = piece[2], piece[3]
            elif order == 0:
                closed_high = closed_high or piece[3]
            merged[-1] = (low, closed, high, closed_high)
        else:
            merged.append(piece)
    return ("reals", first[1] or second[1], tuple(merged))


def intersection(first: Node, second: Node | None) -> Node | None:
    """What two sets have in common; None if ends cannot be put in order."""
    if second is None:
        return None
    name = first[1] or second[1]
    pieces = []
    for one in first[2]:
        for other in second[2]:
            if _sorted([one, other]) is None:
                return None
            low, closed_low = max(((p[0], p[1]) for p in (one, other)), key=cmp_to_key(_low_order))
            high, closed_high = min(((p[2], p[3]) for p in (one, other)), key=cmp_to_key(_high_order))
            order = _order(low, high) if low is not None and high is not None else -1
            if order < 0 or (order == 0 and closed_low and closed_high):
                pieces.append((low, closed_low, high, closed_high))
    return union(("reals", name, ()), ("reals", name, tuple(pieces)))


def complement(reals: Node) -> Node | None:
    """All other real numbers; None if ends cannot be put in order."""
    pieces = _sorted(list(reals[2]))
    if pieces is None:
        return None
    rest: list[Piece] = []
    low: Node | None = None
    closed = False
    open_ended = True
    for piece in pieces:
        if piece[0] is not None:
            rest.append((low, closed, piece[0], not piece[1]))
        if piece[2] is None:
            open_ended = False
            break
        low, closed = piece[2], not piece[3]
    if open_ended:
        rest.append((low, closed, None, False))
    return ("reals", reals[1], tuple(rest))


def _order(one: Node, other: Node) -> int:
    if same_value(one, other):
        return 0
    ours, theirs = size_of(one), size_of(other)
    return -1 if ours < theirs else 1


def _low_order(one: Any, other: Any) -> int:
    if one[0] is None or other[0] is None:
        return (one[0] is not None) - (other[0] is not None)
    return _order(one[0], other[0]) or other[1] - one[1]


def _high_order(one: Any, other: Any) -> int:
    if one[0] is None or other[0] is None:
        return (one[0] is None) - (other[0] is None)
    return _order(one[0], other[0]) or one[1] - other[1]


def _compare_high(one: Piece, other: Piece) -> int:
    if one[2] is None or other[2] is None:
        return (one[2] is None) - (other[2] is None)
    return _order(one[2], other[2])


def _touches(one: Piece, other: Piece) -> bool:
    if one[2] is None or other[0] is None:
        return True
    order = _order(other[0], one[2])
    return order < 0 or (order == 0 and (one[3] or other[1]))


def _sorted(pieces: list[Piece]) -> list[Piece] | None:
    ends = [end for piece in pieces for end in (piece[0], piece[2]) if end is not None]
    if len(pieces) > 100 or any(size_of(end) is None for end in ends):
        return None
    return sorted(pieces, key=cmp_to_key(_piece_order))


def _piece_order(one: Piece, other: Piece) -> int:
    return _low_order(one[:2], other[:2])
