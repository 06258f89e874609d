"""Scores of answers that are known: greedy, mean, pass@k and majority."""

import pytest

from schemas.settings import Answers
from tasks.answers.equality import equality
from tasks.answers.verify import Outcome
from tasks.audit.scores import majorities, score
from tasks.statistics.intervals import wilson

CHECKS = Answers(equivalence="canonical", pattern=r"#(\S+)")


def drawn(item, *answers, reference="4", finish="stop"):
    """Sampled rows of one item; None is a sample whose check was undecided."""
    return [
        {"benchmark": "sums", "item_id": item, "greedy": False, "sample": n, "text": f"#{answer}"}
        | {"reference": reference, "correct": None if answer is None else answer == reference}
        | {"finish_reason": finish}
        for n, answer in enumerate(answers)
    ]


@pytest.fixture
def voted():
    def vote(rows, compare=None, **changes):
        with equality(CHECKS) as canonical:
            return majorities(rows, "sums", CHECKS.model_copy(update=changes), compare or canonical)

    return vote


def test_samples_give_their_mean_pass_at_k_and_the_majority(voted):
    rows = drawn("a", "4", "4", "4", "5") + drawn("b", "5", "5", "5", "4") + drawn("c", "1", "2", "3", "1")
    found = score(rows, "sums", voted(rows))
    assert list(found.sampled) == ["mean@4", "pass@2", "pass@4", "maj@4"]
    figures = {name: figure.accuracy for name, figure in found.sampled.items()}
    assert figures == pytest.approx(
        {"mean@4": 4 / 12, "pass@2": (1 + 1 / 2 + 0) / 3, "pass@4": 2 / 3, "maj@4": 1 / 3}
    )
    low, high = wilson(1, 3).low, wilson(1, 3).high
    assert (found.maj_at_k.low, found.maj_at_k.high, found.maj_at_k.n) == (pytest.approx(low), pytest.approx(high), 3)
    assert all(figure.low <= figure.accuracy <= figure.high and figure.n == 3 for figure in found.sampled.values())


@pytest.mark.parametrize(
    ("samples", "names"),
    [(1, ["mean@1"]), (2, ["mean@2", "pass@2"]), (6, ["mean@6", "pass@2", "pass@4", "pass@6", "maj@6"])],
)
def test_k_is_each_power_of_two_and_all_samples(voted, samples, names):
    rows = drawn("a", *["4"] * samples)
    assert list(score(rows, "sums", voted(rows)).sampled) == names


def test_without_samples_there_is_the_greedy_score_alone(voted):
    rows = [row | {"greedy": True} for row in drawn("a", "4") + drawn("b", "5")]
    found = score(rows, "sums", voted(rows))
    assert (found.accuracy, found.n, found.sampled) == (0.5, 2, {})


def test_a_tie_and_answers_that_cannot_be_used_are_no_majority(voted):
    assert voted(drawn("a", "4", "4", "5", "5")) == [False], "a tie is no answer"
    assert voted(drawn("a", "4", "4", "4", "4", finish="length")) == [False], "truncated: none of them votes"
    assert voted(drawn("a", "4", "5", "6")) == [False], "all alone"
    assert voted(drawn("a", "4", "4", "5", "6")) == [True], "more than any other, half of all is not asked"


def test_answers_that_are_equal_vote_together(voted):
    half = drawn("a", "1/2", "2/4", "7", "7", r"\frac{1}{2}", reference="1/2")
    assert voted(half) == [True], "one form"
    rows = drawn("a", "x+y", "3", "y+x", "3", "x+y+0", reference="y+x")

    def sums(pairs):
        same = {"x+y", "y+x", "x+y+0"}
        return [Outcome.EQUAL if set(pair) <= same or len(set(pair)) == 1 else Outcome.DIFFERENT for pair in pairs]

    assert voted(rows, sums, equivalence="math") == [True]
    assert voted(rows, sums) == [False], "by their forms alone, 3 has most votes"


def test_an_undecided_check_is_no_sample_and_no_majority(voted):
    rows = drawn("a", "4", None, "5", "5") + drawn("b", "4", "4", "4", "4")
    found = score(rows, "sums", [None, True])
    assert found.sampled["mean@4"].accuracy == pytest.approx((1 / 3 + 1) / 2)
    assert found.sampled["pass@2"].accuracy == pytest.approx((2 / 3 + 1) / 2)
    assert (found.sampled["pass@4"].accuracy, found.sampled["pass@4"].n) == (1.0, 1)
    assert (found.sampled["maj@4"].accuracy, found.sampled["maj@4"].n) == (1.0, 1)
    undecided = voted(drawn("a", "4", "4"), lambda pairs: [Outcome.UNDECIDED for _ in pairs])
    assert undecided == [None]
