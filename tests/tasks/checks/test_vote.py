"""Claims about votes: classes, SeRL's pivot, the string rule."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.answers.verify import Outcome, equivalent
from tasks.checks.vote import Verdict, vote

RULES = ("classes", "serl_pivot", "string")


def same(first: str, second: str) -> Outcome:
    return equivalent([(first, second)])[0]


def rewards(verdict: Verdict) -> list[int]:
    return [int(member == 0) for member in verdict.members]


@pytest.mark.parametrize("rule", RULES)
def test_five_of_eight_win(rule: str) -> None:  # methods: SeRL, smallest honest check 1
    verdict = vote(list("AAAAABBC"), rule)
    assert (verdict.answer, verdict.votes, verdict.agreement) == ("A", 5, 0.625)
    assert rewards(verdict) == [1, 1, 1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("rule", RULES)
def test_two_of_three_valid_answers_are_two_of_four_attempts(rule: str) -> None:  # methods: SRT's check
    verdict = vote(["7", "7", "3", None], rule)
    assert (verdict.answer, verdict.agreement_valid, verdict.agreement) == ("7", 2 / 3, 2 / 4)
    assert rewards(verdict) == [1, 1, 0, 0]


def test_a_tie_gives_no_verdict_by_classes() -> None:
    verdict = vote(list("AABBC"))
    assert (verdict.answer, verdict.votes, verdict.tied) == (None, 2, True)
    assert verdict.classes == (("A", 2), ("B", 2), ("C", 1))


@pytest.mark.parametrize("rule", ["serl_pivot", "string"])
def test_a_tie_goes_to_the_first_seen_by_the_rules_of_parity(rule: str) -> None:
    verdict = vote(list("BABAC"), rule)
    assert (verdict.answer, verdict.agreement, verdict.tied) == ("B", 0.4, False)
    assert rewards(verdict) == [1, 0, 1, 0, 0]


def test_all_different_answers_tie_by_classes_and_reward_the_first_by_pivot() -> None:
    assert vote(list("ABCD")).answer is None
    verdict = vote(list("ABCD"), "serl_pivot")
    assert (rewards(verdict), verdict.agreement) == ([1, 0, 0, 0], 0.25)


def test_the_pivot_is_a_star_not_a_partition() -> None:
    near = {("1", "2"), ("2", "3")}

    def chained(first: str, second: str) -> Outcome:
        return Outcome.EQUAL if {(first, second), (second, first)} & near else Outcome.DIFFERENT

    verdict = vote(["1", "2", "3"], "serl_pivot", chained)
    assert (verdict.answer, rewards(verdict)) == ("2", [1, 1, 1])


@pytest.mark.parametrize("rule", RULES)
def test_invalid_answers_never_vote_but_count_as_attempts(rule: str) -> None:
    verdict = vote([None, None, "", "5", None, "5.0"], rule)
    assert (verdict.answer, verdict.votes, verdict.num_attempts, verdict.num_valid) == ("5", 2, 6, 2)
    assert (verdict.agreement, verdict.agreement_valid) == (2 / 6, 1.0)
    assert verdict.members == (-1, -1, -1, 0, -1, 0)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("answers", [[], [None, None]])
def test_nobody_votes_and_nothing_wins(rule: str, answers: list[None]) -> None:
    verdict = vote(answers, rule)
    assert (verdict.answer, verdict.votes, verdict.classes, verdict.tied) == (None, 0, (), False)
    assert (verdict.agreement, verdict.agreement_valid) == (0.0, 0.0)


def test_equal_answers_vote_together_under_the_smallest_form() -> None:
    verdict = vote(["\\sqrt{12}", "2\\sqrt{3}", "2\\sqrt{3}", "5", "5"], same=same)
    assert (verdict.answer, verdict.votes) == ("2\\sqrt{3}", 3)
    assert verdict.classes == (("2\\sqrt{3}", 3), ("5", 2))
    assert verdict.members == (0, 0, 0, 1, 1)


def test_equality_must_hold_in_both_directions() -> None:
    def one_way(first: str, second: str) -> Outcome:
        return Outcome.EQUAL if first < second else Outcome.DIFFERENT

    assert len(vote(["1", "2"], same=one_way).classes) == 2


def test_a_shared_neighbour_does_not_join_two_answers() -> None:
    verdict = vote(["50", "50", "50", "0.5", "0.5", "50%"], same=same)
    assert verdict.classes == (("50", 4), ("0.5", 2))  # 50% equals both and goes to the larger


def test_an_undecided_pair_stays_apart_and_is_counted() -> None:
    verdict = vote(["1", "2", "2"], same=lambda first, second: Outcome.UNDECIDED)
    assert (verdict.answer, verdict.votes, verdict.undecided) == ("2", 2, 1)


def test_a_pair_of_classes_costs_two_checks_at_most() -> None:
    asked: list[tuple[str, str]] = []

    def counting(first: str, second: str) -> Outcome:
        asked.append((first, second))
        return same(first, second)

    vote(["1/2", "0.5", "50%", "3", "4", "x", "3", "0.5"], same=counting)
    pairs = [frozenset(pair) for pair in asked]
    assert len(asked) == len(set(asked))
    assert all(pairs.count(pair) <= 2 for pair in pairs)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="most"):
        vote(["1"], "most")


POOL = [
    "1/2",
    "0.5",
    "50%",
    "50",
    "x=5",
    "5",
    "y=5",
    "0",
    "x^2+1=0",
    "2\\sqrt{3}",
    "\\sqrt{12}",
    "",
    None,
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(POOL), max_size=10), st.randoms(use_true_random=False))
def test_the_order_of_attempts_never_changes_a_verdict(answers: list[str | None], draw: Random) -> None:
    order = list(range(len(answers)))
    draw.shuffle(order)
    straight = vote(answers, same=same)
    shuffled = vote([answers[index] for index in order], same=same)
    assert shuffled.members == tuple(straight.members[index] for index in order)
    assert {**vars(shuffled), "members": ()} == {**vars(straight), "members": ()}


def test_a_random_attempts_answer_is_the_label_of_the_same_questions() -> None:
    answers = [*"AAAAABBC", None]
    drawn = [vote(answers, "random", draw=draw) for draw in range(80)]
    assert {label: [v.answer for v in drawn].count(label) for label in "ABC"} == {"A": 50, "B": 20, "C": 10}
    by_vote = vote(answers)
    for verdict in drawn:
        assert (verdict.votes, verdict.agreement, verdict.num_valid) == (5, by_vote.agreement, 8), (
            "the band sees the vote"
        )
        assert rewards(verdict) == [int(answer == verdict.answer) for answer in answers]
        assert sorted(verdict.classes) == sorted(by_vote.classes)
    assert vote(list("AABB"), "random", draw=3).answer is None, "where the vote has no label there is none to replace"
