"""Claims about what an attempt's vote is worth."""

import pytest

from tasks.answers.outcomes import Outcome
from tasks.checks.judging import by_question, reward
from tasks.checks.vote import vote


@pytest.mark.parametrize(
    ("there", "back", "given"),
    [
        (Outcome.DIFFERENT, Outcome.DIFFERENT, 0.0),
        (Outcome.EQUAL, Outcome.DIFFERENT, 0.0),
        (Outcome.EQUAL, Outcome.UNDECIDED, None),
        (Outcome.UNDECIDED, Outcome.UNDECIDED, None),
        (Outcome.EQUAL, Outcome.EQUAL, None),  # it voted with another class: neither right nor wrong
    ],
)
def test_only_an_answer_that_is_certainly_another_gets_no_reward(there, back, given):
    verdict = vote(["7", "7", "x"])
    assert reward(verdict, 1, "x", lambda pairs: [there, back]) == given


def test_attempts_stand_by_question_and_in_the_order_they_were_made_in():
    rows = [{"question_id": q, "sample": n} for q, n in (("b", 1), ("a", 0), ("b", 0))]
    assert [(q, [row["sample"] for row in group]) for q, group in by_question(rows)] == [("a", [0]), ("b", [0, 1])]
