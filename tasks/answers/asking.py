"""Asking: which pairs of answers a checker may be asked about: only such as cannot go wrong in it."""

import re

from tasks.answers.cursor import Node
from tasks.answers.evaluation import symbols
from tasks.answers.forms import read
from tasks.answers.known import outcome_of_read, unread
from tasks.answers.measures import DIFFERENT, UNDECIDED
from tasks.answers.outcomes import Outcome, Pair
from tasks.answers.values import size_of
from tasks.answers.written import written


def asked_of(first: str, second: str) -> Pair | Outcome:
    """The outcome for two answers, or the two texts for a checker: only such as cannot go wrong in it."""
    if (found := unread(first, second)) is not None:
        return found
    nodes = read(first), read(second)
    if (outcome := outcome_of_read(*nodes)) is not None:
        return outcome
    texts = written(nodes[0]), written(nodes[1])
    letters = [frozenset(_LETTER.findall(text)) for text in texts]
    if letters[0] != letters[1] and not any(_BINDS.search(text) for text in texts):
        return DIFFERENT
    if "i" in letters[0] or len({letter.lower() for letter in letters[0]}) < len(letters[0]):
        return UNDECIDED  # it takes i for what it likes, and R for r
    return UNDECIDED if any(map(_is_tiny, nodes)) else texts  # it rounds to some decimals


_LETTER = re.compile(r"(?<!\\)(?<![a-zA-Z])[a-zA-Z](?![a-zA-Z])")


_BINDS = re.compile(r"\\(?:lim|int|sum|prod)(?![a-z])")  # its letter is no part of the value


def _is_tiny(node: Node) -> bool:
    size = size_of(node) if node[0] != "raw" and not symbols(node) else None
    return size is not None and 0 < abs(size) < 1e-4
