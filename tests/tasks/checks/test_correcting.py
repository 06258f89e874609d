"""Trajectories and flips, counted by hand."""

import math
from collections import Counter

import pytest
import torch

from tasks.checks.correcting import Turned, flips, trajectory
from tasks.training.losses import spin

SAMPLED = [  # first right, verdicts that were sampled, a right second solution, doubted -> kind
    (False, {False}, True, False, "D1"),
    (False, {True, False}, False, True, None),
    (False, {True}, True, True, None),
    (True, {True, False}, True, True, "D2"),
    (True, {True, False}, True, False, "D3"),
    (True, {True}, False, True, "D3"),
]


def test_six_first_solutions_give_these_trajectories():
    assert [trajectory(*case[:4]) for case in SAMPLED] == [case[4] for case in SAMPLED]
    assert Counter(case[4] for case in SAMPLED) == {"D1": 1, "D2": 1, "D3": 2, None: 2}
    assert trajectory(True, {False}, False, True) is None, "the second solution is wrong"
    assert trajectory(True, {False}, True, False) is None, "nobody accepted it"


def test_flips_of_eight_answers():
    answers = [
        Turned(True, True, True), Turned(True, True, True), Turned(True, False, False), Turned(True, False, True),
        Turned(False, False, True), Turned(False, False, False), Turned(False, True, False),
        Turned(False, None, False),
    ]  # fmt: skip
    found = {name: (score.accuracy, score.n) for name, score in flips(answers).items()}
    assert found == {
        "last_right": (4 / 8, 8), "first_right": (4 / 8, 8),
        "wrong_to_right": (1 / 4, 4), "right_to_wrong": (1 / 4, 4),
        "accepts_right": (2 / 4, 4), "flags_wrong": (2 / 4, 4), "flagged_right_to_wrong": (1 / 2, 2),
        "without_verdict": (1 / 8, 8),
    }  # fmt: skip
    assert flips([]) == {}


def test_the_loss_over_own_turns_is_that_of_their_tokens_in_a_row_and_a_shared_first_turn_cancels():
    torch.manual_seed(0)
    first, chosen, rejected = (torch.randn(n, dtype=torch.float64) for n in (5, 4, 6))  # log-ratios of tokens
    beta = 0.1
    by_turns = -math.log(
        1 / (1 + math.exp(-beta * float((first.sum() + chosen.sum()) - (first.sum() + rejected.sum()))))
    )
    in_a_row = spin(torch.cat([first, chosen]).sum(), torch.cat([first, rejected]).sum(), beta)
    assert by_turns == pytest.approx(float(in_a_row))
    assert by_turns == pytest.approx(float(spin(chosen.sum(), rejected.sum(), beta)))
