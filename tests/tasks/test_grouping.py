"""Which attempts are held against each other, and why others are not."""

from tasks.grouping import comparable, usable


def attempts(*rewards):
    return [
        {"id": i, "reward": reward, "prompt_ids": [1, 2], "completion_ids": [3]} for i, reward in enumerate(rewards)
    ]


def test_an_attempt_needs_a_reward_and_room():
    first, second, third, fourth = attempts(1.0, None, 0.0, 0.0)
    third["completion_ids"], fourth["completion_ids"] = [3, 3], []
    refused = [(second, "no_reward"), (third, "too_long"), (fourth, "no_token")]
    assert usable([first, second, third, fourth], max_length=3) == ([first], refused)


def test_a_group_of_different_rewards_is_held_against_itself():
    rows = attempts(1.0, 0.0, 0.0)
    assert comparable(rows, pulled=False) == (rows, [])


def test_one_alone_has_nothing_to_be_held_against():
    (row,) = attempts(1.0)
    assert comparable([row], pulled=True) == ([], [(row, "no_group")])


def test_a_group_of_one_reward_gives_nothing_unless_a_kl_pulls():
    rows = attempts(0.5, 0.5)
    assert comparable(rows, pulled=False) == ([], [(row, "no_difference") for row in rows])
    assert comparable(rows, pulled=True) == (rows, [])
    assert comparable([], pulled=False) == ([], [])
