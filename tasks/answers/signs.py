"""Signs: the readings of a tree with plus-minus signs in it."""

from typing import Any

from tasks.answers.cursor import Node


def alternatives(node: Node) -> list[Node]:
    """The readings of a tree with plus-minus signs; an item of a list is taken by itself."""
    if node[0] == "list":
        return [("list", tuple(one for item in node[1] for one in alternatives(item)), node[2])]
    if node[0] == "set":
        return [("set", tuple(one for item in node[1] for one in alternatives(item)))]
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
