"""Whether two answers are the same, as the recipe wants it decided. One meaning for votes, probe and benchmarks."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from schemas.settings import Answers
from tasks.answers.canonical import value_form
from tasks.answers.countdown import solves
from tasks.answers.integrals import antiderivative
from tasks.answers.verify import OUTCOMES, Outcome, equivalent
from tasks.store.caches import Cache

Compare = Callable[[Sequence[tuple[str, str]]], list[Outcome]]


@contextmanager
def equality(checks: Answers, cache: Cache | None = None) -> Iterator[Compare]:
    """A function from pairs (reference, answer) to outcomes: equal normal forms, or math-verify besides; of countdown
    and integral, whether the answer solves it. What math-verify said before, in this lineage, is read from its
    `cache`, and what it says now is left there."""
    if checks.equivalence == "canonical":
        yield lambda pairs: [_canonically(*pair) for pair in pairs]
    elif checks.equivalence == "countdown":
        yield lambda pairs: [solves(*pair) for pair in pairs]
    elif checks.equivalence == "integral":
        yield lambda pairs: [antiderivative(*pair) for pair in pairs]
    else:
        with OUTCOMES.kept_in(cache):
            yield lambda pairs: equivalent(pairs, timeout_seconds=checks.timeout_seconds)


def _canonically(reference: str, answer: str) -> Outcome:
    form = value_form(reference)
    return Outcome.EQUAL if form and form == value_form(answer) else Outcome.DIFFERENT
