"""A posed question: what a proposer wrote as a question and its answer, and what makes it unusable."""

from typing import NamedTuple

from schemas.pattern import first_groups
from tasks.novelty.words import words_of
from tasks.reading.blocks import levelled
from tasks.reading.turns import own_turn

LONGEST = 8_000
"""Characters of a question; a longer one is none."""


class Posed(NamedTuple):
    question: str
    answer: str
    """Empty where none was written."""


def read_posed(text: str, pattern: str) -> Posed | None:
    """The question and its answer in the model's own turn, behind its thoughts; None where the pattern finds none."""
    found = first_groups(pattern, own_turn(text))
    if found is None or not (question := levelled(found[0])) or len(question) > LONGEST:
        return None
    return Posed(question, found[1].strip())


def leaks(posed: Posed) -> bool:
    """Whether the answer's words stand in the question, in a row. A choice's letter must, and gives nothing away."""
    answer, question = words_of(posed.answer), words_of(posed.question)
    if not answer or (len(answer) == 1 and len(answer[0]) == 1 and answer[0].isalpha()):
        return False
    return f" {' '.join(answer)} " in f" {' '.join(question)} "
