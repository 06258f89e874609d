"""Whether two answers are the same, as the recipe wants it decided. One meaning for votes, probe and benchmarks."""

from collections.abc import Callable
from typing import Literal

from tasks.checks.answers import canonical
from tasks.checks.verify import Outcome, equivalent


def equality(equivalence: Literal["canonical", "math"], timeout_seconds: float) -> Callable[[str, str], Outcome]:
    """A function (reference, answer) -> Outcome: equal normal forms, or math-verify besides."""

    def canonically(reference: str, answer: str) -> Outcome:
        form = canonical(reference)
        return Outcome.EQUAL if form and form == canonical(answer) else Outcome.DIFFERENT

    def mathematically(reference: str, answer: str) -> Outcome:
        return equivalent([(reference, answer)], timeout_seconds=timeout_seconds)[0]

    return mathematically if equivalence == "math" else canonically
