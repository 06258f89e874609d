"""Claims about early stopping: it selects what the full vote selects, with the same labels, and nothing else."""

from collections import Counter
from itertools import combinations_with_replacement

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.answers.verify import Outcome
from tasks.checks.stopping import Stopping
from tasks.checks.vote import Verdict, vote

FORMS = ["1", "2", "3", None]
NEAR = {"1": "a", "2": "a", "3": "b", "4": "b", "5": "c"}  # what a checker would call equal


def same(first: str, second: str) -> Outcome:
    return Outcome.EQUAL if NEAR[first] == NEAR[second] else Outcome.DIFFERENT


def selected(stopping: Stopping, verdict: Verdict) -> bool:
    """As `select` has it."""
    return verdict.answer is not None and stopping.min_agreement <= verdict.agreement <= stopping.max_agreement


def side(stopping: Stopping, verdict: Verdict) -> int:
    """Of the band: below, in or above."""
    return (verdict.agreement > stopping.max_agreement) - (verdict.agreement < stopping.min_agreement)


shares = st.sampled_from([0, 1 / 16, 0.1, 0.2, 0.25, 0.3, 1 / 3, 0.5, 0.6, 2 / 3, 0.7, 0.75, 0.8, 0.875, 0.9, 1])
bands = st.tuples(shares, shares).map(lambda two: (min(two), max(two)))


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(FORMS), min_size=1, max_size=16), bands)
def test_stopping_early_selects_what_the_full_vote_selects(
    answers: list[str | None], band: tuple[float, float]
) -> None:
    stopping = Stopping(len(answers), *band, joins=False)
    full = vote(answers)
    for made in range(1, len(answers) + 1):
        if stopping.settled(answers[:made]):
            early = vote(answers[:made])
            assert selected(stopping, early) == selected(stopping, full)
            assert side(stopping, early) == side(stopping, full)
            assert not selected(stopping, full) or early.answer == full.answer


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(st.sampled_from([*NEAR, None]), min_size=1, max_size=16),
    bands,
    st.sets(st.tuples(st.sampled_from([*NEAR]), st.sampled_from([*NEAR]))),
)
def test_forms_that_a_checker_joins_select_the_same(
    answers: list[str | None], band: tuple[float, float], joined: set[tuple[str, str]]
) -> None:
    def checked(first: str, second: str) -> Outcome:  # neither symmetric nor transitive
        return Outcome.EQUAL if (first, second) in joined else same(first, second)

    stopping = Stopping(len(answers), *band, joins=True)
    for check in (same, checked):
        full = vote(answers, same=check)
        for made in range(1, len(answers) + 1):
            if stopping.settled(answers[:made]):
                early = vote(answers[:made], same=check)
                assert selected(stopping, early) == selected(stopping, full)
                assert side(stopping, early) == side(stopping, full)
                if selected(stopping, full):
                    assert early.answer and full.answer
                    leader = Counter(filter(None, answers[:made])).most_common(1)[0][0]
                    assert early.members[answers.index(leader)] == full.members[answers.index(leader)] == 0
                    assert check is checked or same(early.answer, full.answer) is Outcome.EQUAL


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(FORMS), min_size=1, max_size=6), st.integers(1, 4), bands)
def test_what_is_settled_stays_so_whatever_the_attempts_not_made_would_have_said(
    answers: list[str | None], more: int, band: tuple[float, float]
) -> None:
    stopping = Stopping(len(answers) + more, *band, joins=False)
    futures = [vote([*answers, *rest]) for rest in combinations_with_replacement([*FORMS, "4"], more)]
    becomes = {full.answer if selected(stopping, full) else None for full in futures}
    if stopping.settled(answers):
        assert len(becomes) == 1


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


@pytest.mark.parametrize(
    ("answers", "band", "settled"),
    [
        (["7"] * 5, (0.5, 0.75), False),  # the leader is sure, but 7 of 8 would be too easy
        (["7"] * 5 + ["8"], (0.5, 0.75), False),
        (["7"] * 5 + ["8"] * 2, (0.5, 0.75), True),
        (["7"] * 3 + ["8"], (0.5, 1.0), False),
        (["7"] * 3 + ["8", None, None, None], (0.5, 1.0), False),  # sure, but 3 of 8 would be too few
        (["7"] * 4 + ["8", None], (0.5, 1.0), True),
    ],
)
def test_a_leader_is_settled_when_its_share_is_in_the_band_for_certain(
    answers: list[str | None], band: tuple[float, float], settled: bool
) -> None:
    assert Stopping(8, *band, joins=False).settled(answers) is settled


def test_a_share_that_cannot_reach_the_band_or_has_left_it_is_settled() -> None:
    assert Stopping(8, 0.75, 1.0, joins=False).settled(list("1234"))
    assert not Stopping(8, 0.75, 1.0, joins=True).settled(list("1234"))
    assert Stopping(8, 0.75, 1.0, joins=True).settled([None] * 3)
    assert Stopping(8, 0.0, 0.4, joins=True).settled(["1"] * 4)
    assert not Stopping(8, 0.0, 0.5, joins=True).settled(["1"] * 4)
