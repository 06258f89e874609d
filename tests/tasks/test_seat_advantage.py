import pytest

from schemas.episodes import EPISODES
from schemas.errors import ValidationFailed
from schemas.games import RunningMean
from schemas.losses import Policy
from schemas.rewards import REWARDS
from schemas.turns import TURNS
from tasks.seat_advantage import baselines, seat_advantage

POLICY = Policy(
    waves=1, steps=1, batch_size=8, rows_at_once=8, learning_rate=1e-4, schedule="constant", max_length=64,
    clip_low=0.2, clip_high=0.2, reduction="constant",
)  # fmt: skip


@pytest.fixture
def play(draft, given, tiny):
    def episodes(returns, name):
        rows = [
            {"id": f"{name}{i}", "game": "kuhn_poker", "number": i, "start": i, "seats": [tiny.digest] * 2}
            | {"returns": list(of_game), "ended": "over", "turns": 2}
            for i, of_game in enumerate(returns)
        ]
        return given(EPISODES, rows)

    def run(returns, earlier=(), prompt="0+1+2+1+2=\n", decay=0.95):
        turns = [
            {"id": f"t{i}-{seat}", "episode_id": f"e{i}", "number": seat, "seat": seat, "prompt": prompt, "text": "1"}
            | {"num_tokens": 1, "finish_reason": "length", "checkpoint": tiny.digest, "verified": True}
            | {"legal": True, "action": "Pass"}
            for i in range(len(returns))
            for seat in (0, 1)
        ]
        rewards = [
            {"id": f"r{i}-{seat}", "row_id": f"t{i}-{seat}", "judge": "game", "reward": of_game[seat]}
            for i, of_game in enumerate(returns)
            for seat in (0, 1)
        ]
        figures = seat_advantage(
            draft, settings=RunningMean(decay=decay), policy=POLICY, model=tiny, reference=None,
            episodes=episodes(returns, "e"), turns=given(TURNS, turns), rewards=given(REWARDS, rewards),
            earlier=tuple(episodes(before, f"before{i}-") for i, before in enumerate(earlier)),
        )  # fmt: skip
        rows = draft.read(draft.tables()["advantages"]).to_pylist()
        dropped = draft.read(draft.tables()["dropped"]).to_pylist()
        return figures, {row["sample_id"]: row["advantages"] for row in rows}, dropped

    return run


def test_the_mean_before_a_return_is_what_it_is_held_against(play):
    figures, found, _ = play([(1, -1), (1, -1), (-1, 1)])
    for seat, sign in ((0, 1), (1, -1)):
        a = [found[f"t{i}-{seat}"] for i in range(3)]
        assert a == [pytest.approx([sign * value]) for value in (1, 0.95, -1.0975)]
    assert figures["baselines"] == pytest.approx({"kuhn_poker seat 0": 0.042625, "kuhn_poker seat 1": -0.042625})


def test_the_means_go_on_from_the_waves_before(play):
    _, at_once, _ = play([(1, -1), (1, -1), (-1, 1)])
    _, later, _ = play([(-1, 1)], earlier=[[(1, -1)], [(1, -1)]])
    assert [later["t0-0"], later["t0-1"]] == [at_once["t2-0"], at_once["t2-1"]]


def test_each_game_and_seat_has_a_mean_of_its_own():
    means = {}
    for game, returns in (("a", (1, -1)), ("b", (1, -1)), ("a", (1, -1))):
        before = baselines(means, game, returns, 0.5)
    assert before == [0.5, -0.5] and means == {("a", 0): 0.75, ("a", 1): -0.75, ("b", 0): 0.5, ("b", 1): -0.5}


def test_an_advantage_of_zero_is_dropped_with_its_reason(play):
    _, found, dropped = play([(0, 2)])
    assert set(found) == {"t0-1"}
    assert [(row["id"], row["reason"]) for row in dropped] == [("t0-0", "no_advantage")]


def test_turns_longer_than_max_length_fail_the_round_if_they_are_too_many(play):
    with pytest.raises(ValidationFailed, match=r"^train\.policy\.max_length = 64: 2 of 2 rows of turns are longer"):
        play([(1, -1)], prompt="1" * 64)
