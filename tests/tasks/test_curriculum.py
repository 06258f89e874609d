"""Which questions a wave asks: each curriculum on a learner whose state is known."""

import sys

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from schemas.curriculum import Bandit, Progress, Replay
from schemas.errors import BadInput
from tasks.curriculum import chosen, earned

TEXTS = {f"q{n}-{terms}": "+".join("1" * terms) for terms in (2, 4, 6) for n in range(40)}
BANDIT = Bandit(by="bandit", arms=(r"^\d\+\d$", r"^\d(\+\d){3}$"))
EVERY = [BANDIT, Replay(by="replay"), Progress(by="progress", most_components=3)]
HALF, NONE, ALL = [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]


def terms(name):
    return int(name[-1])


@pytest.mark.parametrize("settings", EVERY, ids=lambda settings: settings.by)
@examples(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_wave_asks_so_many_questions_none_twice_and_the_same_again(settings, data):
    asked = st.dictionaries(st.sampled_from(sorted(TEXTS)), st.lists(st.floats(-1, 1), max_size=4), max_size=30)
    past, n = data.draw(st.lists(asked, max_size=3)), data.draw(st.integers(1, 130))
    names, figures = chosen(settings, TEXTS, n, past, seed=7)
    assert len(names) == len({*names}) == min(n, len(TEXTS))
    assert {*names} <= TEXTS.keys() and figures
    assert (names, figures) == chosen(settings, dict(reversed(TEXTS.items())), n, past, seed=7)


def test_a_bandits_values_move_half_way_to_each_waves_signal():
    past = [{"q0-2": [1.0] * 4 + [0.0]}] * 2 + [{"q0-2": [1.0] + [0.0] * 24}]  # signals 0.8, 0.8 and 0.392
    _, figures = chosen(BANDIT, TEXTS, 10, past, seed=1)
    values = [*figures["learnt"].values()]
    assert values == pytest.approx([0.5 * 0.6 + 0.5 * 0.3919, 0.0, 0.0], abs=1e-3)


def test_a_bandit_asks_what_is_learnt_from_and_moves_on_when_it_is_learnt():
    """A learner that can do two terms after four waves, and four after eight."""
    past, most = [], []
    for wave in range(16):
        names, _ = chosen(Bandit(by="bandit", arms=BANDIT.arms, temperature=0.1), TEXTS, 30, past, seed=wave)
        level = 2 if wave < 4 else 4 if wave < 8 else 6
        past.append({name: HALF if terms(name) == level else ALL if terms(name) < level else NONE for name in names})
        counts = [sum(terms(name) == of for name in names) for of in (2, 4, 6)]
        most.append((2, 4, 6)[counts.index(max(counts))])
    assert (most[3], most[7], most[15]) == (2, 4, 6)


def test_a_bandit_takes_what_was_asked_least_often_first():
    past = [{name: HALF for name in sorted(TEXTS) if terms(name) == 2 and name != "q7-2"}]
    only = Bandit(by="bandit", arms=(r"^\d\+\d$",), temperature=1e-3)
    names, _ = chosen(only, TEXTS, 1, past, seed=3)
    assert names == ["q7-2"]


def test_a_replay_asks_the_share_of_new_ones_and_again_what_taught_most():
    seen = sorted(TEXTS)[:60]
    past = [{name: HALF if name in seen[:10] else ALL for name in seen}]
    names, figures = chosen(Replay(by="replay", stale_share=0.0), TEXTS, 20, past, seed=5)
    assert figures == {"drawn": {"new": 10, "again": 10}}
    assert {*names} & {*seen} == {*seen[:10]}


def test_progress_asks_at_the_lengths_where_rewards_move():
    past = [{name: [0.0] for name in TEXTS}, {name: [1.0] if terms(name) == 4 else [0.0] for name in TEXTS}]
    names, figures = chosen(Progress(by="progress", uniform_share=0.0), TEXTS, 30, past, seed=2)
    assert figures["components"] >= 2
    assert sum(terms(name) == 4 for name in names) >= 24


def test_without_scikit_learn_the_line_says_what_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.mixture", None)
    past = [{name: [0.0] for name in TEXTS}] * 2
    with pytest.raises(BadInput, match=r"solve\.curriculum\.by = 'progress': scikit-learn is not installed; type: "):
        chosen(Progress(by="progress"), TEXTS, 3, past, seed=1)


def test_what_was_earned_is_the_last_reward_of_each_attempt_and_nothing_of_the_probe():
    attempts = [{"id": f"a{n}", "question_id": f"q{n // 2}"} for n in range(6)]
    rewards = [{"row_id": f"a{n}", "reward": r} for n, r in ((0, 1.0), (1, 0.0), (2, None), (0, 0.5))]
    assert earned([attempts[:4], attempts[4:]], rewards) == [{"q0": [0.5, 0.0], "q1": []}, {}]
