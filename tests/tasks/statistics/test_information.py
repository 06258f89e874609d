"""Weights of prompts, in closed form."""

import random

import pytest

from tasks.checks.grading import is_correct, precision
from tasks.statistics.information import probabilities, reward_gap, well_posed


def test_the_papers_three_prompts():
    gaps = [reward_gap(rewards) for rewards in ([0, 1], [0.4, 0.6], [0.5, 0.5])]
    assert gaps == pytest.approx([1, 0.2, 0])
    assert probabilities(gaps) == pytest.approx([0.8333, 0.1667, 0], abs=1e-4)


def test_what_nobody_decided_has_no_gap():
    assert [reward_gap(rewards) for rewards in ([], [None, None], [None, 0.7])] == [0, 0, 0]
    assert probabilities([0.0, 0.0]) == [0, 0] and probabilities([]) == []


def test_rip_keeps_the_prompt_whose_worst_answer_is_not_bad():
    assert well_posed([[0.9, 0.2], [0.7, 0.6]], 0.5) == [False, True]
    assert well_posed([[0.9, 0.2], [0.7, 0.6], [None]], 0.0) == [True, True, False]
    assert well_posed([], 0.5) == []


def test_a_judge_that_guesses_makes_every_prompt_look_informative_and_its_precision_says_so():
    """The failure mode: the gap of a few noisy rewards is wide whatever the prompt."""
    guess = random.Random(1)
    rewards = [[guess.random() for _ in range(6)] for _ in range(200)]
    gaps = [reward_gap(of_one) for of_one in rewards]
    assert min(gaps) > 0 and sum(gaps) / len(gaps) > 0.6
    rows = [
        {"question_id": i, "correct": is_correct(reward, guess.random() < 0.5)}
        for i, of_one in enumerate(rewards)
        for reward in of_one
    ]
    measured = precision(rows)
    assert measured.low < 0.5 < measured.high
