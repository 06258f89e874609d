"""Questions of generators: apart by their seeds, and checked as the generator's own check would."""

import random
import sys

import pytest
import reasoning_gym

from schemas.errors import BadInput
from schemas.generated import Generated, shared_seeds
from schemas.settings import Answers
from tasks.answers.equality import equality
from tasks.answers.outcomes import Outcome
from tasks.generated import tasks_of

SETTINGS = {
    "basic_arithmetic": {"operators": ("+", "-", "*")},
    "chain_sum": {"max_digits": 2},
    "countdown": {"min_numbers": 3, "max_numbers": 4, "max_value": 20, "min_target": 10, "max_target": 99},
    "gcd": {"max_value": 9999},
}


def generated(generator, first=0, count=40, **changes):
    section = {"settings": SETTINGS[generator], "first_seed": first, "count": count} | changes
    return Generated.model_validate({"generator": generator} | section)


def questions(asked):
    return [row["question"] for row in tasks_of("data.tasks", asked)[0]]


@pytest.mark.parametrize("generator", SETTINGS)
def test_a_seed_is_a_question_whatever_stands_beside_it(generator):
    every = tasks_of("data.tasks", generated(generator))[0]
    later = tasks_of("data.tasks", generated(generator, 20, 20))[0]
    assert [row for row in every if row["source_row"] >= 20] == later
    assert len({row["question"] for row in every}) == len(every)


@pytest.mark.parametrize("generator", SETTINGS)
def test_an_answer_is_right_where_the_generators_own_check_says_so(generator):
    asked, choice = generated(generator), random.Random(1)
    rows = {row["source_row"]: row for row in tasks_of("data.tasks", asked)[0]}
    made = reasoning_gym.create_dataset(generator, seed=0, size=40, **SETTINGS[generator])
    checks = Answers(equivalence="countdown" if generator == "countdown" else "canonical")
    seen = set()
    with equality(checks) as compare:
        for seed, row in rows.items():
            item = made[seed]
            other = made[choice.randrange(40)]["answer"]
            for answer in (item["answer"], other, f"{item['answer']}+1", "nonsense", "7"):
                right = made.score_answer(answer, item) == 1.0  # texts of this test: nothing that a model wrote
                (found,) = compare([(row["reference"], answer)])
                assert (found is Outcome.EQUAL) == right, (row, answer)
                seen.add(right)
    assert seen == {True, False}


def test_what_is_off_the_pattern_or_protected_is_left_out_and_counted():
    asked = generated("chain_sum", count=200, settings={"max_digits": 1}, pattern=r"[^-]*")
    rows, unusable = tasks_of("data.tasks", asked)
    assert rows and all("-" not in row["question"] for row in rows)
    assert len(rows) + sum(unusable.values()) == 200 and unusable["off the pattern"] > 50
    first = rows[0]["question"]
    again, unusable = tasks_of("data.tasks", asked, {first: "already in the probe"})
    assert again == rows[1:] and unusable["already in the probe"] == 1


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"settings": {"min_terms": 9, "max_terms": 2}}, "data.tasks.settings: chain_sum refuses them: max_terms"),
        ({"settings": {"terms": 2}}, "data.tasks.settings: chain_sum refuses them: .*'terms'"),
        ({"settings": {"seed": 2}}, "data.tasks.settings: chain_sum refuses them: .*'seed'"),
        ({"pattern": "x"}, r"data.tasks: no seed gives a usable question \(40 off the pattern\)"),
    ],
)
def test_what_a_generator_refuses_is_one_line(changes, line):
    with pytest.raises(BadInput, match=line):
        tasks_of("data.tasks", generated("chain_sum", **changes))


def test_sections_of_one_generator_share_no_seed():
    first, second = generated("gcd", 0, 40), generated("gcd", 39, 1)
    assert shared_seeds({"a": first, "b": second}) == ("a", "b")
    assert shared_seeds({"a": first, "b": generated("gcd", 40, 9), "c": generated("chain_sum")}) is None


def test_without_the_generators_the_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(BadInput, match=r"data\.tasks: reasoning-gym, .*not installed; type: .*'\.\[tasks\]'"):
        questions(generated("gcd"))
