"""What stages measured, whatever they call it: kept, pooled over waves, and written in one line."""

import pytest

from schemas.manifest import StageRecord
from tasks import figures

SCORE = {"accuracy": 0.8, "low": 0.49, "high": 0.94, "n": 10}


@pytest.fixture
def measured(rounds):
    """A manifest whose stages measured this."""
    return lambda **found: rounds.publish(
        "promoted", figures={shown.replace("__", ".").replace("_", "-"): of for shown, of in found.items()}
    )


def record(stage, **found):
    return StageRecord(
        stage=stage, key="k", inputs={}, settings={}, prompts={}, code="", versions={}, tables={}, figures=found,
        dropped={}, seconds=1.0, tokens=0,
    )  # fmt: skip


def test_numbers_scores_and_some_of_these_by_name_are_kept_and_nothing_else():
    kept = {"asked": 7, "share": 0.5, "by": {"box": 3, "prose": 0.1}, "precision": SCORE, "against": {"base": SCORE}}
    left = {"none": None, "text": "a", "list": [1], "deep": {"a": {"b": {"c": 1}}}, "nan": float("nan"), "empty": {}}
    assert figures.measured(record("grade", **kept, **left)) == kept
    trained = record("train", training_rows={"sft": 3}, too_long={"sft": 1})
    assert figures.measured(trained) == {"too_long": {"sft": 1}}, "the rows have a field of the manifest"
    assert figures.measured(record("evaluate", scores={"sums": SCORE}, exploitability=0.4)) == {"exploitability": 0.4}


def test_precisions_of_waves_are_pooled_by_rows_and_any_judge_has_one(measured):
    m = measured(
        grade__wave_1={"precision": SCORE}, grade__wave_2={"precision": SCORE | {"accuracy": 1 / 3, "n": 30}},
        vote={"precision": SCORE}, build={"precision": 3},
    )  # fmt: skip
    found = figures.precisions(m)
    assert (found["grade"].accuracy, found["grade"].n) == (pytest.approx(18 / 40), 40)
    assert found["grade"].low < 18 / 40 < found["grade"].high
    assert found["vote"].accuracy == 0.8, "as it was measured"
    assert found.keys() == {"grade", "vote"}


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([SCORE], "80.0% [49.0%, 94.0%]"),
        ([1530], "1,530"),
        ([0.12345], "0.1235"),
        ([5, 3, 4], "3 to 5"),
        ([{"below": 0.25, "in": 0.75}], "25% below, 75% in"),
        ([{"in": 0.5, "above": 0.5}, {"in": 1.0, "above": 0.0}], "50% to 100% in, 0% to 50% above"),
        ([{"no_verdict": 3}, {"box": 2}], "0 to 3 no verdict, 0 to 2 box"),
        ([{"base": SCORE}], "80.0% [49.0%, 94.0%] base"),
        ([], ""),
        (["text", None], "-"),
    ],
)
def test_a_figure_is_one_line(values, line):
    assert figures.line(values) == line


def test_the_first_figure_of_a_stage_is_its_headline(measured):
    m = measured(propose={"proposed": 9, "waves": 2}, solve__wave_1={"attempts": 3}, solve__wave_2={"attempts": 4})
    assert figures.headlines(m) == {"propose proposed": [9], "solve attempts": [3, 4]}
    assert figures.rows(m)[1] == ("propose", "waves", "2")


def test_one_of_a_thing_is_no_plural():
    assert [figures.many(number, "row") for number in (0, 1, 2, 1024)] == ["0 rows", "1 row", "2 rows", "1,024 rows"]
