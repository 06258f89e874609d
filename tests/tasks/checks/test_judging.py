"""Claims about what an attempt's vote is worth."""

import pytest

from schemas.settings import Answers, Vote
from tasks.answers.outcomes import Outcome
from tasks.checks.judging import by_question, reward, votes_on
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


@pytest.mark.parametrize(
    ("vote", "label", "rewards"),
    [
        (Vote(), "7", [1, 1, 0, 0]),
        (Vote(reward="share"), "7", [2 / 3, 2 / 3, 1 / 3, 0]),
        (Vote(min_share=2 / 3), "7", [1, 1, 0, 0]),
        (Vote(min_share=0.7), None, [None] * 4),
        (Vote(min_share=0.7, reward="share"), None, [None] * 4),
    ],
)
def test_srt_pays_the_majority_or_each_answers_share_and_nothing_below_its_threshold(vote, label, rewards):
    group = [{"text": text, "finish_reason": "stop"} for text in ("#7", "#7", "#3", "none")]
    checks = Answers(equivalence="canonical", pattern=r"#(\d+)")
    (judged,) = votes_on([("q", group)], vote, checks, lambda pairs: [Outcome.DIFFERENT] * len(pairs))
    assert judged.verdict.agreement_valid == 2 / 3
    assert (judged.verdict.answer, judged.rewards) == (label, rewards)
