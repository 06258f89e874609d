import pytest

from tasks.checks import preferring


def said(first, second, *firsts):
    return [{"first_id": first, "second_id": second, "prefers_first": prefers} for prefers in firsts]


def attempts(*texts):
    return [{"id": f"a{i}", "text": text, "question_id": "q"} for i, text in enumerate(texts)]


POOL = [[0.5, 0.8, 0.9], [0.2, 0.5, 0.7], [0.1, 0.3, 0.5]]
CYCLE = [[0.5, 0.9, 0.1], [0.1, 0.5, 0.9], [0.9, 0.1, 0.5]]


def preferred(pool):
    return {(f"a{i}", f"a{j}"): chance for i, row in enumerate(pool) for j, chance in enumerate(row) if i != j}


@pytest.mark.parametrize(
    ("pool", "kind", "rewards"),
    [
        (POOL, "win_share", [0.85, 0.45, 0.20]),
        (POOL, "win_rate", [2.2 / 3, 1.4 / 3, 0.3]),
        (CYCLE, "win_share", [0.5] * 3),
        (CYCLE, "win_rate", [0.5] * 3),
    ],
)
def test_rewards_of_a_preference_matrix(pool, kind, rewards):
    three = attempts("x", "y", "z")
    assert preferring.matrix(three, preferred(pool)) == pool
    found = preferring.rewards(three, preferred(pool), kind)
    assert list(found.values()) == pytest.approx(rewards)
    assert sum(found.values()) == pytest.approx(3 / 2)


def test_a_chance_is_the_mean_over_both_orders():
    both = [*said("a", "b", True, True, False), *said("b", "a", False, None)]
    assert preferring.chances(both) == {("a", "b"): pytest.approx((2 / 3 + 1) / 2), ("b", "a"): pytest.approx(1 / 6)}


def test_an_order_in_which_nothing_could_be_read_counts_a_half_and_two_such_are_undecided():
    assert preferring.chances([*said("a", "b", True), *said("b", "a", None)]) == {("a", "b"): 0.75, ("b", "a"): 0.25}
    assert set(preferring.chances([*said("a", "b", None), *said("b", "a", None)]).values()) == {None}


@pytest.mark.parametrize("always", [True, False])
def test_a_judge_that_goes_by_the_order_alone_says_nothing(always):
    both = [row for one in "abc" for other in "abc" if one != other for row in said(one, other, always)]
    assert set(preferring.chances(both).values()) == {0.5}
    bias = preferring.prefers_what_is_first(both)
    assert (bias.accuracy, bias.n) == (float(always), 6)


def test_what_the_judge_could_tell_from_nothing_is_undecided_and_equal_texts_are_even():
    nothing = {("a0", "a1"): None, ("a1", "a0"): None}
    assert preferring.rewards(attempts("x", "y"), nothing, "win_rate") == {"a0": None, "a1": None}
    assert preferring.rewards(attempts("x"), {}, "win_share") == {"a0": None}
    assert preferring.rewards(attempts("x", "x"), {}, "win_rate") == {"a0": 0.5, "a1": 0.5}


def test_precision_is_how_often_a_right_attempt_is_preferred_over_a_wrong_one():
    group = attempts("right", "wrong", "right", "unknown")
    truth = {"right": True, "wrong": False, "unknown": None}
    told = {("a0", "a1"): 1.0, ("a2", "a1"): 0.5}
    rows = list(preferring.right_over_wrong([group], lambda row: truth[row["text"]], told))
    assert [(row["attempt_id"], row["chance"], row["correct"]) for row in rows] == [
        ("a0", 1.0, True),
        ("a2", 0.5, None),
    ]
    score = preferring.precision(rows)
    assert (score.accuracy, score.n, score.undecided) == (1.0, 1, 1)


def test_what_is_shown_holds_no_mark_and_a_fence_that_is_in_none_of_it():
    shown = preferring.shown_pair("1+2;", "#3;", "#4", (";",))
    assert (shown["question"], shown["first"], shown["second"]) == ("1+2 ", "#3 ", "#4")
    assert not any(shown["fence"] in shown[name] for name in ("question", "first", "second"))
    assert shown["fence"] != preferring.shown_pair("1+2;", "#4", "#3;", (";",))["fence"]
