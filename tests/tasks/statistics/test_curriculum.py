"""The curricula's formulas at values that are known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.statistics.curriculum import boltzmann, learning_progress, replay_chances, signal


@pytest.mark.parametrize(
    ("right", "of", "expected"), [(1, 10, 0.6), (1, 4, 0.866), (2, 4, 1.0), (0, 4, 0.0), (4, 4, 0.0)]
)
def test_the_signal_of_right_and_wrong_is_largest_at_one_half(right, of, expected):
    assert signal([1.0] * right + [0.0] * (of - right)) == pytest.approx(expected, abs=5e-4)


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=40))
def test_the_signal_of_right_and_wrong_is_the_closed_form(rewards):
    p = sum(rewards) / len(rewards)
    assert signal(rewards) == pytest.approx(2 * math.sqrt(p * (1 - p)), abs=1e-9)


def test_no_rewards_and_equal_rewards_teach_nothing():
    assert signal([]) == signal([0.3]) == signal([0.1] * 3) == 0.0


def test_the_softmax_has_the_published_shares():
    assert boltzmann(np.array([0.9, 0.5, 0.1]), 0.4) == pytest.approx([0.6652, 0.2447, 0.0900], abs=5e-5)
    assert boltzmann(np.array([1000.0, 0.0]), 0.001).tolist() == [1.0, 0.0]


def test_chances_of_a_replay_go_by_rank_and_age():
    by_rank = replay_chances(np.array([0.2, 0.9, 0.5]), np.array([1, 1, 1]), 1.0, 0.0)
    assert by_rank == pytest.approx([1 / 3 / (11 / 6), 1 / (11 / 6), 1 / 2 / (11 / 6)])
    by_age = replay_chances(np.array([0.2, 0.9, 0.5]), np.array([3, 1, 0]), 1.0, 1.0)
    assert by_age == pytest.approx([0.75, 0.25, 0.0])
    assert replay_chances(np.zeros(4), np.zeros(4), 0.1, 0.5) == pytest.approx([0.25] * 4)


def test_progress_is_held_against_the_latest_of_the_nearest_before():
    points = [(1.0, 0.2), (5.0, 0.9), (1.0, 0.6), (4.0, 0.1), (1.0, 0.6)]
    assert learning_progress(points, 2) == pytest.approx(np.array([[1, 0.4], [4, 0.8], [1, 0.0]]))
    assert learning_progress(points[:1], 1).shape == (0, 2)
