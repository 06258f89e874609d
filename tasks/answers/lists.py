"""Lists: what several answers in a row are: a set, named values, a mixed number, one interval, one amount."""

import itertools

from tasks.answers.cursor import Node
from tasks.answers.evaluation import symbols
from tasks.answers.folded import folded, renamed
from tasks.answers.reals import intersection, union
from tasks.answers.units import Unit


def named(pairs: list[tuple[Node, Node]]) -> Node:
    """Names with their values, in the order of the names."""
    return ("named", tuple(sorted(pairs, key=lambda pair: repr(pair[0]))))


def listed(items: list[Node], joiner: str) -> Node:
    """What several answers, joined by commas, "and" or "or", are together."""
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
            return named(pairs)
        if len(names) == 1:
            return several([value for _, value in pairs])
    if (
        items[0][0] == "named"
        and len(items[0][1]) == 1
        and not any(item[0] in ("named", "rel", "reals") for item in items[1:])
    ):
        return several([items[0][1][0][1], *items[1:]])  # x = 1, 2
    if (
        all(item[0] == "amount" and isinstance(item[2], Unit) for item in items)
        and joiner != "or"
        and (total := _total(items))
    ):
        return total
    return several(items)


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
    return ("amount", folded(("+", terms)), units[-1])


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
        return ("family", several(items[:-1]) if len(items) > 2 else items[0], items[-1])
    alike = [renamed(item, letter, ("sym", "n")) for item in items]
    return ("family", several(alike[:-1]) if len(alike) > 2 else alike[0], alike[-1])


def several(items: list[Node], is_set: bool = False) -> Node:
    """A set, or a list with repeats: 3,3,4 are three sides. A single element stands for itself."""
    flat = items
    distinct = sorted(dict.fromkeys(flat), key=repr)
    if len(distinct) < len(flat) and not is_set:
        return ("several", tuple(sorted(flat, key=repr)))
    if not distinct:
        return ("empty",)
    return ("set", tuple(distinct)) if len(distinct) > 1 or is_set else distinct[0]
