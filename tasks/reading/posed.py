"""A posed question: what a proposer wrote as a question and its answer, and what makes it unusable."""

from typing import NamedTuple

from schemas.pattern import first_groups, first_span
from tasks.novelty.words import words_of
from tasks.reading.blocks import levelled
from tasks.reading.turns import own_turn

LONGEST = 8_000
"""Characters of a question; a longer one is none."""


class Posed(NamedTuple):
    question: str
    answer: str
    """Empty where none was written."""
    solution: str = ""
    """What the answer was read from, where it is a worked solution."""


def read_posed(text: str, pattern: str) -> Posed | None:
    """The question and its answer in the model's own turn, behind its thoughts; None where the pattern finds none."""
    found = first_groups(pattern, own_turn(text))
    if found is None or not (question := levelled(found[0])) or len(question) > LONGEST:
        return None
    return Posed(question, found[1].strip() if len(found) > 1 else "")


def masked_span(text: str, pattern: str) -> tuple[int, int] | None:
    """Where group 1 of the pattern's first match stands in a completion, in characters, behind its thoughts."""
    turn = own_turn(text)
    found = first_span(pattern, turn)
    before = text.rfind(turn)
    return (before + found[0], before + found[1]) if found and before >= 0 else None


def leaks(posed: Posed) -> bool:
    """Whether the answer's words stand in the question, in a row. A choice's letter must, and gives nothing away."""
    answer = words_of(posed.answer)
    if len(answer) == 1 and len(answer[0]) == 1 and answer[0].isalpha():
        return False
    return _stands_in(posed.answer, posed.question)


def repeats_question(posed: Posed) -> bool:
    """Whether the question's words stand in the solution, in a row."""
    return _stands_in(posed.question, posed.solution)


def _stands_in(part: str, text: str) -> bool:
    words = words_of(part)
    return bool(words) and f" {' '.join(words)} " in f" {' '.join(words_of(text))} "
