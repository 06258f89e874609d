"""A judge of known error on attempts of known truth: what is paid, and what the alarm says of it."""

import pyarrow as pa
import pytest

from schemas.alarms import Alarms
from schemas.attempts import ATTEMPTS
from schemas.grades import PROBE_GRADES
from schemas.inputs import TASKS
from schemas.rewards import REWARDS
from tasks.audit.alarms import judge_precision
from tasks.measure_judge import measure_judge
from tasks.statistics.judges import measured_reward


@pytest.fixture
def play(draft, given, recipe):
    """`judged`: of each task, whether its one attempt is right and what the judge gave it; the probe's the same."""

    def run(judged):
        tasks = [
            {"id": f"t{i}", "question": f"{i}+1", "reference": str(i + 1), "source_row": i}
            for i in range(len(judged))
        ]
        attempts = [
            {"id": f"a{i}", "question_id": f"t{i}", "sample": 0, "num_planned": 1, "prompt": "p", "num_tokens": 1}
            | {"text": f"#{i + 1 if right else 0}", "finish_reason": "stop", "checkpoint": "c", "verified": True}
            for i, (right, _) in enumerate(judged)
        ]
        rewards = [
            {"id": f"r{i}", "row_id": f"a{i}", "judge": "rubric", "reward": reward}
            for i, (_, reward) in enumerate(judged)
        ]
        probed = [
            {"id": f"g{i}", "attempt_id": f"p{i}", "question_id": f"q{i}", "reward": reward, "right": right}
            | {"correct": None if reward is None else (reward >= 0.5) == right}
            for i, (right, reward) in enumerate(judged)
        ]
        figures = measure_judge(
            draft, checks=recipe.answers, tasks=given(TASKS, tasks), attempts=given(ATTEMPTS, attempts),
            rewards=given(REWARDS, rewards), probe_grades=given(PROBE_GRADES, probed),
        )  # fmt: skip
        return figures, draft.read(draft.tables()["formal_verdicts"]).to_pylist(), pa.Table.from_pylist(probed)

    return run


@pytest.mark.parametrize(("fn", "fp"), [(0, 0), (1, 4), (3, 2), (10, 10)])
def test_the_reward_of_a_judge_of_known_error_is_acc_times_one_less_fn_and_the_rest_times_fp(play, fn, fp):
    """Ten right attempts, of which it rejects fn, and ten wrong ones, of which it accepts fp."""
    judged = [(True, float(i >= fn)) for i in range(10)] + [(False, float(i < fp)) for i in range(10)]
    figures, rows, _ = play(judged)
    assert (figures["accuracy"], figures["false_negative"], figures["false_positive"]) == pytest.approx(
        (0.5, fn / 10, fp / 10)
    )
    mean = sum(row["reward"] for row in rows) / len(rows)
    assert mean == pytest.approx(measured_reward(0.5, fn / 10, fp / 10))
    for where in ("", "_on_probe"):
        assert figures[f"precision_of_yes{where}"]["accuracy"] == pytest.approx((10 - fn) / max(1, 10 - fn + fp))
        assert figures[f"recall_of_right{where}"]["accuracy"] == pytest.approx(1 - fn / 10)


def test_what_the_judge_left_open_counts_in_none_of_them(play):
    figures, rows, _ = play([(True, 1.0), (True, None), (False, None), (False, 0.0)])
    assert [row["correct"] for row in sorted(rows, key=lambda row: row["id"])].count(None) == 2
    assert (figures["accuracy"], figures["precision_of_yes"]["n"], figures["recall_of_right"]["n"]) == (0.5, 1, 1)


def test_a_policy_that_found_what_the_judge_accepts_is_paid_in_full_and_the_alarm_says_so(play):
    """The failure mode: every attempt is wrong and every one is accepted. The probe shows it."""
    figures, rows, probe_grades = play([(False, 1.0)] * 40)
    assert sum(row["reward"] for row in rows) == 40 and figures["accuracy"] == 0
    assert (figures["false_positive"], figures["precision_of_yes"]["accuracy"]) == (1, 0)
    found, rule = judge_precision(probe_grades), Alarms().judge_precision
    assert found.figure is not None and found.figure < rule.threshold and rule.level != "off"
