"""Diversity: how few of the questions before it a question resembles (PasoDoble, arXiv 2511.11881)."""

from collections.abc import Collection, Set

from tasks.novelty.words import words_of

LAST = 100
"""Questions that a new one is held against."""
ALIKE = 0.8
"""Two questions resemble each other whose words have more than this in common (Jaccard)."""


def diversity(words: Set[str], before: Collection[Set[str]]) -> float:
    """Share of the questions before it that it does not resemble; 1 without any."""
    return sum(jaccard(words, other) <= ALIKE for other in before) / len(before) if before else 1.0


def jaccard(one: Set[str], other: Set[str]) -> float:
    """Words in both, of those in either; 1 for two that have none."""
    return len(one & other) / len(one | other) if one or other else 1.0


def word_set(text: str) -> frozenset[str]:
    return frozenset(words_of(text))
