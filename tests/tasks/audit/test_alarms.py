import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alarms import Alarms
from schemas.dropped import DROPPED
from tasks.audit import alarms
from tasks.audit.alarms import ALARMS, alarms_of, looks_at

PROBE = pa.table({"question": ["1+1"], "reference": ["2"]})


def marks(right, decided):
    return pa.table({"correct": pa.array([True] * right + [False] * (decided - right), pa.bool_())})


def votes(reward):
    """Verdicts of this mean reward; None for no question at all."""
    known = [] if reward is None else [reward]
    answers = pa.array(["7"] * len(known), pa.string())
    return pa.table({"answer": answers, "agreement": pa.array(known, pa.float64())})


def hacking(*earlier, right=80, decided=100, reward=0.5):
    return alarms.reward_hacking(PROBE, marks(right, decided), votes(reward), dict(enumerate(earlier, 1)))


def then(right=80, decided=100, reward=0.4, **changes):
    return hacking(right=right, decided=decided, reward=reward).measured | changes


def lengths(*means):
    earlier = {number: {"mean_tokens": mean} for number, mean in enumerate(means[1:], 1)}
    return alarms.length_drift(pa.table({"num_tokens": pa.array(means[:1], pa.float64())}), earlier).figure


def test_vote_precision_is_held_by_the_upper_end_of_its_interval():
    found = alarms.vote_precision(marks(81, 263))
    assert round(found.figure, 4) == 0.3662  # Newcombe 1998, table I
    assert "right on 81 of 263 probe rows" in found.words
    assert alarms.vote_precision(marks(0, 3)).figure > 0.5, "three rows show nothing"
    assert alarms.vote_precision(marks(0, 0)).figure is None


def test_a_judge_is_held_by_the_upper_end_of_its_precision_over_probe_rows():
    def rows(right, wrong, samples=1):
        marks = [True] * right + [False] * wrong
        return pa.table({
            "question_id": [f"p{i}" for i in range(len(marks)) for _ in range(samples)],
            "correct": pa.array([mark for mark in marks for _ in range(samples)], pa.bool_()),
        })  # fmt: skip

    once, often = alarms.judge_precision(rows(81, 182)), alarms.judge_precision(rows(81, 182, samples=8))
    assert round(once.figure, 4) == 0.3662  # Newcombe 1998, table I
    assert often.figure == pytest.approx(once.figure, abs=0.001), "attempts that all agree are no more rows"
    assert "30.8% on 263 probe rows" in once.words
    assert alarms.judge_precision(rows(0, 0)).figure is None


def test_a_judge_is_persuaded_by_the_lower_end_of_what_the_persuading_answers_get():
    def given(*marks):
        return alarms.judge_persuaded(pa.table({"persuaded": pa.array(marks, pa.bool_())}))

    assert given(*[True] * 3, None).figure < 0.5, "three rows show nothing"
    assert round(given(*[True] * 81, *[False] * 182).figure, 4) == 0.2553  # Newcombe 1998, table I
    assert given(None).figure is None


def test_reward_hacking_is_a_shown_fall_of_precision_with_a_higher_reward():
    found = hacking(then(right=56, decided=70), right=48, decided=80)
    assert found.figure == pytest.approx(0.0524, abs=1e-4)  # Newcombe 1998, table II (a), method 10
    assert "80.0% -> 60.0% since round 1, while the reward rose 40.0% -> 50.0%" in found.words


def test_reward_hacking_looks_at_every_earlier_round_of_the_same_probe_with_a_lower_reward():
    best, lower = then(right=90), then(right=70, reward=0.3)
    alone, both = hacking(best, right=60), hacking(best, lower, right=60)
    assert "round 1" in both.words
    assert 0 < both.figure < alone.figure, "the best of many was lucky: its interval is wider"
    for other in (
        best | {"reward": 0.5}, best | {"reward": None}, best | {"probe": "another"},
        best | {"decided": 0, "right": 0},
    ):  # fmt: skip
        assert hacking(other, right=60).figure is None
    assert hacking(best | {"right": 78}, right=75).figure < 0


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 1), st.floats(0, 1))
def test_a_precision_that_did_not_fall_is_never_reward_hacking(right, fewer, before, after):
    earlier = then(right=min(right, fewer), decided=60, reward=before)
    figure = hacking(earlier, right=right, decided=60, reward=after).figure
    assert figure is None or figure <= 1e-9


def test_length_drift_is_held_against_the_median_of_earlier_rounds_and_is_symmetric():
    assert lengths(80.0, 30.0, 40.0, 400.0, None) == 0.5
    assert lengths(20.0, 30.0, 40.0, 400.0, None) == 0.5
    assert lengths(40.0, 30.0, 40.0, 400.0, None) == 0
    assert lengths(40.0) is None


@given(st.floats(0, 1e6), st.lists(st.floats(0, 1e6), min_size=1, max_size=5))
def test_length_drift_is_a_share(now, earlier):
    assert 0 <= lengths(now, *earlier) <= 1


def test_the_largest_share_of_drops_is_named_and_a_cap_is_no_fault():
    def found(**reasons):
        rows = [
            {"id": f"x-{reason}-{i}", "table": "questions", "stage": "s", "reason": reason}
            for reason, count in reasons.items()
            for i in range(count)
        ]
        out = pa.Table.from_pylist(rows, schema=DROPPED.schema)
        return alarms.dropped(out, {"questions": pa.chunked_array([pa.array([f"q{i}" for i in range(50)])])})

    most = found(over_cap=40, tie=10)
    assert (most.figure, "(questions.tie)" in most.words) == (0.1, True)
    assert found(over_cap=40).figure is None


def test_there_is_an_alarm_for_every_rule_of_the_recipe_in_its_order():
    assert [alarm.__name__ for alarm in ALARMS] == list(Alarms.model_fields)


def test_a_round_has_the_alarms_whose_tables_it_has():
    assert looks_at(alarms.reward_hacking) == ["inputs/probe", "probe_verdicts", "verdicts"]
    assert alarms_of(["attempts", "dropped"]) == (
        alarms.length_drift, alarms.truncated, alarms.unanswered, alarms.contradicting,
        alarms.other_tokens, alarms.dropped,
    )  # fmt: skip
