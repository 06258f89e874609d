import pytest

from schemas.attempts import ATTEMPTS
from schemas.base_samples import BASE_SAMPLES
from schemas.errors import ValidationFailed
from schemas.expectations import contracts
from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.sft_examples import SFT_EXAMPLES
from schemas.verdicts import PROBE_VERDICTS, VERDICTS
from tasks.validate import stop_if_invalid, validate


def validated(draft, limits, tables):
    found = contracts((ref.table for ref in tables), limits)
    return validate(draft, settings=limits, tables=tables, contracts=found)


def test_training_rows_made_from_a_failing_row_fail_with_it(draft, given, recipe):
    attempt = {
        "question_id": "q",
        "num_planned": 1,
        "prompt": "1+2=",
        "text": "#3",
        "num_tokens": 2,
        "checkpoint": "c",
    }
    attempts = [
        {"id": f"a{i}", "sample": i, "finish_reason": reason} | attempt for i, reason in enumerate(["stop", "bored"])
    ]
    example = {"question_id": "q", "prompt": "1+2=", "completion": "#3", "agreement": 0.75}
    examples = [{"id": f"e{i}", "attempt_id": f"a{i}"} | example for i in range(2)]
    limits = recipe.validation.model_copy(update={"max_failing_rows": 1.0, "min_sft_examples": 0})
    report = validated(draft, limits, (given(ATTEMPTS, attempts), given(SFT_EXAMPLES, examples)))
    reason = "expect_column_values_to_be_in_set(finish_reason)"
    dropped = draft.read(draft.tables()["dropped"]).to_pylist()
    assert [(row["id"], row["table"], row["reason"]) for row in dropped] == [
        ("a1", "attempts", reason), ("e1", "sft_examples", reason)
    ]  # fmt: skip
    assert report["passed"]


def test_what_was_made_of_a_question_falls_with_a_row_that_speaks_of_it(draft, given, recipe):
    said = {"prompt": "1+2=", "text": "#3", "finish_reason": "stop", "checkpoint": "c", "verified": True}
    samples = [{"id": f"b{i}", "question_id": f"q{i}", "num_tokens": i} | said for i in range(2)]
    common = {"prompt": "1+2=", "agreement": 0.75}
    examples = [
        {"id": f"e{i}", "question_id": f"q{i}", "attempt_id": "a", "completion": "#3"} | common for i in range(2)
    ]
    rates = {"chosen_winrate": 0.7, "rejected_winrate": 0.3, "pair_winrate": 1.0}
    pairs = [
        {"id": f"p{i}", "question_id": f"q{i}", "chosen_attempt_id": "a", "rejected_attempt_id": "b"}
        | {"chosen": "#3", "rejected": "#4"} | rates | common
        for i in range(2)
    ]  # fmt: skip
    limits = recipe.validation.model_copy(update={"max_failing_rows": 1.0, "min_sft_examples": 0})
    tables = (given(BASE_SAMPLES, samples), given(SFT_EXAMPLES, examples), given(PREFERENCE_PAIRS, pairs))
    validated(draft, limits, tables)
    dropped = draft.read(draft.tables()["dropped"]).to_pylist()
    assert sorted(row["id"] for row in dropped) == ["b0", "e0", "p0"]


def test_a_failed_report_stops_the_round_with_one_line():
    failures = [{"table": "sft_examples", "expectation": "rows", "observed": 3, "expected": "at least 10"}] * 2
    with pytest.raises(
        ValidationFailed, match=r"^sft_examples: rows: observed 3, expected at least 10 \(and 1 more\)$"
    ):
        stop_if_invalid({"passed": False, "failures": failures})


def test_an_empty_round_fails_for_want_of_rows_not_with_an_exception(draft, given, recipe):
    report = validated(draft, recipe.validation, (given(SFT_EXAMPLES, []), given(ATTEMPTS, [])))
    assert [failure["expected"] for failure in report["failures"]] == ["at least 10"]


def test_what_was_built_on_a_failing_verdict_fails_with_it(draft, given, recipe):
    vote = {
        "answer": "3",
        "votes": 3,
        "num_attempts": 4,
        "num_planned": 4,
        "agreement": 0.75,
        "agreement_valid": 0.75,
        "classes": [],
    }
    verdict = {"id": "v", "question_id": "q", "num_valid": 5, "tied": False, "undecided": 0} | vote
    example = {
        "id": "e",
        "question_id": "q",
        "attempt_id": "a",
        "prompt": "1+2=",
        "completion": "#3",
        "agreement": 0.75,
    }
    limits = recipe.validation.model_copy(update={"max_failing_rows": 1.0, "min_sft_examples": 1})
    report = validated(draft, limits, (given(VERDICTS, [verdict]), given(SFT_EXAMPLES, [example])))
    assert set(draft.read(draft.tables()["dropped"])["id"].to_pylist()) == {"v", "e"}
    assert [f["observed"] for f in report["failures"]] == [0], "what is left is too little"


def test_what_several_stages_wrote_of_a_table_is_held_to_its_batch_expectations_together(draft, given, recipe):
    vote = {"answer": "3", "votes": 3, "num_attempts": 4, "num_planned": 4, "num_valid": 4, "agreement": 0.75}
    vote |= {"agreement_valid": 0.75, "classes": [], "tied": False, "undecided": 0, "reference": "3"}

    def failures(*waves):
        marks = [
            given(
                PROBE_VERDICTS,
                [{"id": f"v{n}-{i}", "question_id": "q", "correct": c} | vote for i, c in enumerate(w)],
            )
            for n, w in enumerate(waves)
        ]
        limits = recipe.validation.model_copy(update={"min_vote_precision": 0.6, "max_failing_rows": 1.0})
        report = validated(draft, limits, tuple(marks))
        return [(failure["table"], failure["observed"]) for failure in report["failures"]]

    assert failures([True, True], [False]) == []
    assert failures([True], [False, False, True]) == [("probe_verdicts", 0.5)]
    assert failures([]) == [], "a wave whose share of the probe is empty says nothing of the vote"
    assert failures([True], []) == []
