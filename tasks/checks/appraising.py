"""Appraising: what proposer, solver and judge earn by a judge's scores (Multi-Agent Evolve, arXiv 2510.23595)."""

from collections.abc import Iterable

from schemas.pattern import number_of_matches
from tasks.reading.grades import read_grade

HIGHEST = 10


def read_score(text: str, pattern: str) -> float | None:
    """The score, from 1 to 10, as 0 to 1; None if none could be read."""
    grade = read_grade(text, pattern, HIGHEST)
    return scaled(grade) if grade is not None and grade >= 1 else None


def scaled(score: float) -> float:
    return (score - 1) / (HIGHEST - 1)


def form_of(text: str, pattern: str) -> float:
    """1 where the pattern matches once, 0.5 where it does more often, else 0."""
    return (0.0, 1.0, 0.5)[number_of_matches(pattern, text, 2)]


def mean_score(scores: Iterable[float | None]) -> float | None:
    """Of those that could be read; None if none could."""
    readable = [score for score in scores if score is not None]
    return sum(readable) / len(readable) if readable else None


def proposer_earns(quality: float, solved: float | None, form: float) -> float:
    """`solved`: mean score of the attempts; None for a question that is too bad to be asked: it earns nothing for
    being hard."""
    return (quality + (0.0 if solved is None else 1 - solved) + form) / 3


def solver_earns(score: float, form: float) -> float:
    return 0.5 * score + 0.5 * form
