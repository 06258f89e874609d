import pytest

from tasks.pairing import (
    all_combinations,
    best_with_worst,
    chosen_with_recommended,
    correct_with_incorrect,
    gold_with_self,
    win_rates,
)


def attempts(*scores, texts=None):
    texts = texts or [f"t{i}" for i in range(len(scores))]
    return [
        {"id": i, "text": text, "reward": score} for i, (score, text) in enumerate(zip(scores, texts, strict=True))
    ]


def ids(pairs):
    return [(chosen.get("id"), rejected["id"]) for chosen, rejected in pairs]


def test_right_attempts_are_paired_with_wrong_ones_and_the_first_pairs_share_none():
    pairs, reason = correct_with_incorrect(attempts(1.0, 0.0, 1.0, 0.0), 9)
    assert (ids(pairs), reason) == ([(0, 1), (2, 3), (0, 3), (2, 1)], "")
    assert ids(correct_with_incorrect(attempts(1.0, 0.0, 1.0, 0.0), 1)[0]) == [(0, 1)]
    assert correct_with_incorrect(attempts(1.0, 1.0), 9) == ([], "unanimous")
    assert correct_with_incorrect(attempts(0.0, 0.0), 9) == ([], "none_right")
    same = correct_with_incorrect(attempts(1.0, 1.0, 0.0, texts=["a", "a", "b"]), 9)[0]
    assert ids(same) == [(0, 2)], "equal texts count once"
    both = attempts(1.0, 0.0, 0.0, texts=["a", "a", "b"])
    assert ids(correct_with_incorrect(both, 9)[0]) == [(0, 2)], "no text stands against itself"
    assert correct_with_incorrect(both[:2], 9) == ([], "same_text")


def test_the_best_is_paired_with_the_worst_and_a_tie_gives_nothing():
    assert ids(best_with_worst(attempts(0.2, 0.9, 0.1, 0.9), "reward")[0]) == [(1, 2)]
    assert best_with_worst(attempts(0.5, 0.5), "reward") == ([], "no_difference")
    assert best_with_worst(attempts(), "reward") == ([], "no_difference")
    assert best_with_worst(attempts(1.0, 0.0, texts=["a", "a"]), "reward") == ([], "same_text")


def test_all_combinations_come_widest_first():
    pairs, _ = all_combinations(attempts(0.0, 1.0, 0.5), "reward", 9)
    assert ids(pairs) == [(1, 0), (1, 2), (2, 0)]
    assert ids(all_combinations(attempts(0.0, 1.0, 0.5), "reward", 1)[0]) == [(1, 0)]
    assert all_combinations(attempts(1.0, 1.0), "reward", 9) == ([], "no_difference")


def test_gold_stands_against_the_models_own_answers_but_for_those_that_repeat_it():
    pairs, _ = gold_with_self("a", attempts(0, 0, 0, texts=["b", " a\n", "c"]), 9)
    assert [(chosen["text"], rejected["text"]) for chosen, rejected in pairs] == [("a", "b"), ("a", "c")]
    assert gold_with_self("a", attempts(0, texts=["a"]), 9) == ([], "same_text")


def test_win_rates_of_a_preference_matrix():
    preferences = [[0.5, 0.8, 0.9], [0.2, 0.5, 0.7], [0.1, 0.3, 0.5]]
    assert win_rates(preferences) == pytest.approx([0.7333, 0.4667, 0.3], abs=5e-5)
    assert sum(win_rates(preferences)) == pytest.approx(3 / 2)
    over_others = [(3 * rate - 0.5) / 2 for rate in win_rates(preferences)]
    assert over_others == pytest.approx([0.85, 0.45, 0.20]), "SPO's rewards"
    cycle = [[0.5, 0.9, 0.1], [0.1, 0.5, 0.9], [0.9, 0.1, 0.5]]
    assert win_rates(cycle) == pytest.approx([0.5] * 3), "no advantage for any"


@pytest.mark.parametrize("wrong", [[[0.5, 0.5]], [[0.5, 0.6], [0.6, 0.5]], [[0.4]], [[0.5, 1.2], [-0.2, 0.5]]])
def test_a_matrix_that_is_none_is_told(wrong):
    with pytest.raises(ValueError, match="preferences"):
        win_rates(wrong)


def test_what_was_chosen_stands_against_recommendations_of_other_items():
    def named(text, item):
        return {"id": text, "text": text, "item": item}

    chosen = {"text": "#11", "item": "11"}
    own = [named("11 is #11", "11"), named("none", None), named("#12", "12"), named("#13", "13")]
    pairs, reason = chosen_with_recommended(chosen, own, 1)
    assert ([(one["text"], other["id"]) for one, other in pairs], reason) == ([("#11", "#12")], "")
    assert chosen_with_recommended(chosen, own[:2], 9) == ([], "same_item")
    assert chosen_with_recommended(chosen, own[1:2], 9) == ([], "no_item")
    assert chosen_with_recommended({"text": "?", "item": None}, own, 9) == ([], "no_item")
