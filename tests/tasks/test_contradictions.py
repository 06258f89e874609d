"""Claims about claims."""

from operator import ne

import pytest

from schemas.settings import Answers
from tasks.contradictions import Claim, contradicted, label, labels_contradicted, pairs_contradicted

FORMS = Answers(equivalence="canonical")


def test_what_two_rows_say_differently_of_one_thing_is_contradicted_and_the_truth_by_another_truth_alone():
    claims = {"a": Claim("q", 1), "b": Claim("q", 2), "c": Claim("q", 2), "d": Claim("p", 1), "e": Claim("p", 1)}
    assert contradicted(claims, ne) == {"a", "b", "c"}
    assert contradicted(claims | {"b": Claim("q", 2, known=True), "c": Claim("q", 2, known=True)}, ne) == {"a"}
    known = {name: Claim("q", says, known=True) for name, says in (("a", 1), ("b", 2))}
    assert contradicted(known | {"c": Claim("q", 1)}, ne) == {"a", "b", "c"}
    assert contradicted({}, ne) == set()


def test_labels_are_held_against_each_other_by_the_recipes_equality_and_of_one_question_alone():
    labels = {
        "a": label("What is it?", "1/2"),
        "b": label(" what is  it?", r"\frac{2}{4}"),
        "c": label("And this?", "3"),
    }
    assert labels_contradicted(labels, FORMS) == set()
    assert labels_contradicted(labels | {"d": label("WHAT IS IT?", "0.6")}, FORMS) == {"a", "b", "d"}


@pytest.mark.timeout(60)
def test_a_comparison_that_comes_to_no_end_contradicts_nothing():
    never = Answers(equivalence="math", timeout_seconds=0.001)
    labels = {"a": label("q", r"\sin(x)^{99}+\cos(x)^{99}"), "b": label("q", r"\cos(x)^{99}+\sin(x)^{99}")}
    assert labels_contradicted(labels, never) == set()


def pair(name, chosen, rejected, prompt="p", rates=(1.0, 0.0), attempt="attempts-1"):
    return {"id": name, "prompt": prompt, "chosen": chosen, "rejected": rejected, "chosen_attempt_id": attempt} | {
        "chosen_winrate": rates[0], "rejected_winrate": rates[1],
    }  # fmt: skip


def test_a_pair_and_its_reverse_are_contradicted_and_so_is_a_text_that_is_right_and_wrong():
    pairs = [pair("1", "a", "b", "P "), pair("2", "b", "a", "p"), pair("3", "c", "d"), pair("4", "a", "b", "other")]
    assert pairs_contradicted(pairs) == {"1", "2"}
    even = [pair("1", "a", "b", rates=(0.5, 0.5)), pair("2", "b", "a", rates=(0.5, 0.5))]
    assert pairs_contradicted(even) == {"1", "2"}
    assert pairs_contradicted([pair("1", "x", "n"), pair("2", "y", "x "), pair("3", "y", "n")]) == {"1", "2"}


def test_a_pair_that_rejects_a_gold_solution_is_contradicted_and_not_the_one_that_chooses_it():
    assert pairs_contradicted([pair("1", "g", "a", attempt=None), pair("2", "h", "g", attempt=None)]) == {"2"}
    assert pairs_contradicted([pair("1", "g", "a", attempt=None), pair("2", "h", "g")]) == {"2"}


def test_a_ranking_contradicts_nothing():
    ranked = [pair("1", "a", "b", rates=(0.9, 0.5)), pair("2", "b", "c", rates=(0.5, 0.1))]
    assert pairs_contradicted([*ranked, pair("3", "a", "c", rates=(0.9, 0.1))]) == set()
