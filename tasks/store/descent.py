"""Descent: which rounds a round came from, by its weights, its training rows or its few-shots, and which came of it.

Novelty against a round's questions is no descent: it says only what is not asked again.
"""

from collections.abc import Iterable

from schemas.manifest import Manifest


def parents(m: Manifest) -> set[int]:
    """The rounds that went into one directly."""
    champions = {int(m.parent.rpartition("/")[2])} if m.parent else set()
    return champions | set(m.built_on)


def descendants(manifests: Iterable[Manifest], round: int) -> list[Manifest]:
    """The rounds that came of one, directly or not, oldest first."""
    found: dict[int, Manifest] = {}
    for m in sorted(manifests, key=lambda m: m.round):  # a parent comes before its children
        if parents(m) & {round, *found}:
            found[m.round] = m
    return list(found.values())


def way(m: Manifest, marked: Iterable[int]) -> str:
    """How a round came of some of these, in words."""
    above = parents(m) & set(marked)
    if m.parent and int(m.parent.rpartition("/")[2]) in above:
        return f"its champion came from {m.parent}"
    return f"it trained on rows of {', '.join(f'{m.recipe}/{n}' for n in sorted(above))}, or was shown them"
