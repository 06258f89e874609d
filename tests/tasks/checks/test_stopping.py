"""Claims about early stopping: what is settled stays settled, whatever the attempts not made would have said."""

from itertools import combinations_with_replacement

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.checks.stopping import Stopping
from tasks.checks.verify import Outcome
from tasks.checks.vote import vote

FORMS = ["1", "2", "3", None]
NEAR = {"1": "a", "2": "a", "3": "b", "4": "b", "5": "c"}  # what a checker would call equal


def same(first: str, second: str) -> Outcome:
    return Outcome.EQUAL if NEAR[first] == NEAR[second] else Outcome.DIFFERENT


def outside(stopping: Stopping, share: float) -> bool:
    return not stopping.min_agreement <= share <= stopping.max_agreement


bands = st.sampled_from([(0.0, 1.0), (0.2, 0.8), (0.5, 0.75), (0.5, 1.0)])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(FORMS), min_size=1, max_size=8), st.integers(0, 4), bands)
def test_a_settled_question_has_the_full_votes_label_or_is_off_the_band(
    answers: list[str | None], more: int, band: tuple[float, float]
) -> None:
    stopping = Stopping(len(answers) + more, *band, joins=False)
    if not stopping.settled(answers):
        return
    early = vote(answers)
    for rest in combinations_with_replacement(FORMS, more):
        full = vote([*answers, *rest])
        assert full.answer == early.answer or (
            outside(stopping, full.agreement) and outside(stopping, early.agreement)
        )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*NEAR, None]), min_size=1, max_size=7), st.integers(0, 3), bands)
def test_forms_that_a_checker_joins_change_no_settled_label(
    answers: list[str | None], more: int, band: tuple[float, float]
) -> None:
    stopping = Stopping(len(answers) + more, *band, joins=True)
    if not stopping.settled(answers):
        return
    early = vote(answers, same=same)
    for rest in combinations_with_replacement([*NEAR, None], more):
        full = vote([*answers, *rest], same=same)
        agreed = full.answer and early.answer and same(full.answer, early.answer) is Outcome.EQUAL
        assert agreed or full.answer == early.answer or outside(stopping, full.agreement)


@pytest.mark.parametrize(
    ("answers", "joins", "settled"),
    [
        (["7"] * 4, False, False),  # the other four might all say 8
        (["7"] * 5, False, True),
        (["7", "7", "7", "8", None, None], False, False),  # 3 against 1 and 2 to come: 3 all
        (["7", "7", "7", "8", None, None, None], False, True),
        (["7", "7", "7", "8", "9", "9", None], True, False),  # 8 and 9 might be one answer
        ([None] * 7, False, False),
        ([None] * 8, False, False),
    ],
)
def test_the_leader_is_settled_when_it_cannot_be_reached(
    answers: list[str | None], joins: bool, settled: bool
) -> None:
    assert Stopping(8, 0.0, 1.0, joins).settled(answers) is settled


def test_a_share_that_cannot_reach_the_band_or_has_left_it_is_settled() -> None:
    assert Stopping(8, 0.75, 1.0, joins=False).settled(list("1234"))
    assert not Stopping(8, 0.75, 1.0, joins=True).settled(list("1234"))
    assert Stopping(8, 0.75, 1.0, joins=True).settled([None] * 3)
    assert Stopping(8, 0.0, 0.4, joins=True).settled(["1"] * 4)
    assert not Stopping(8, 0.0, 0.5, joins=True).settled(["1"] * 4)
