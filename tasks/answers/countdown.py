"""Countdown: an answer is right if it comes to the target and uses each given number once.

Generators of such puzzles check answers by running them; here what a model wrote is only read, by a grammar.
"""

import re
from collections.abc import Sequence

from tasks.answers.outcomes import Outcome
from tasks.reading.arithmetic import read_arithmetic

_GOAL = re.compile(r"(-?[0-9]{1,9}) of ([0-9]{1,9}(?: [0-9]{1,9})*)")


def goal(target: int, numbers: Sequence[int]) -> str:
    """A puzzle as a reference: `24 of 3 8`."""
    return f"{target} of {' '.join(map(str, numbers))}"


def solves(reference: str, answer: str) -> Outcome:
    """Whether an expression reaches a goal; a reference that is none is reached by nothing."""
    asked, found = _GOAL.fullmatch(reference), read_arithmetic(answer)
    if asked is None or found is None or found.value != int(asked[1]):
        return Outcome.DIFFERENT
    uses_all = sorted(found.numbers) == sorted(map(int, asked[2].split()))
    return Outcome.EQUAL if uses_all else Outcome.DIFFERENT
