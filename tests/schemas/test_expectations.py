"""Every expectation has a row, or a table, that breaks it."""

import re

import pytest

from schemas.expectations import contracts
from schemas.tables import TABLES
from tasks.validate import validate


def validated(draft, limits, tables):
    found = contracts((ref.table for ref in tables), limits)
    return validate(draft, settings=limits, tables=tables, contracts=found)


GOOD = {
    "inputs/seeds": {"question": "1+2", "source_row": 0},
    "inputs/unlabelled": {"question": "1+2", "source_row": 0},
    "inputs/probe": {"question": "1+2", "reference": "3", "source_row": 0},
    "inputs/gold": {"question": "1+2", "prompt": "1+2=", "completion": "#3", "source_row": 0},
    "inputs/documents": {"text": "1+2=3", "licence": None, "source_row": 0},
    "inputs/tasks": {"question": "1+2", "reference": "3", "source_row": 0},
    "answer_keys": {"question_id": "q", "answer": "3"},
    "inputs/benchmark_items": {
        "benchmark": "b",
        "sealed": False,
        "question": "1+2",
        "reference": "3",
        "source_row": 0,
    },
    "proposals": {"wave": 0, "prompt_index": 0, "shown_ids": ["s"], "prompt": "1.", "text": " 1+2", "num_tokens": 4}
    | {"finish_reason": "stop"},
    "questions": {
        "proposal_id": "p",
        "item": 0,
        "position": 0,
        "question": "1+2",
        "nearest_score": 0.0,
        "nearest_id": None,
    },
    "attempts": {"question_id": "q", "sample": 0, "num_planned": 4, "prompt": "1+2=", "text": "#3", "num_tokens": 2}
    | {"finish_reason": "stop", "checkpoint": "c"},
    "answers": {"attempt_id": "a", "question_id": "q", "answer": "3", "canonical": "3", "source": "pattern"}
    | {"valid": True, "invalid_reason": None, "answer_class": 0},
    "verdicts": {
        "question_id": "q",
        "answer": "3",
        "votes": 3,
        "num_attempts": 4,
        "num_planned": 4,
        "num_valid": 4,
        "agreement": 0.75,
    }
    | {"agreement_valid": 0.75, "classes": [{"answer": "3", "count": 3}], "tied": False, "undecided": 0},
    "selections": {"question_id": "q", "verdict_id": "v", "question": "1+2", "answer": "3", "agreement": 0.75},
    "sft_examples": {"question_id": "q", "attempt_id": "a", "prompt": "1+2=", "completion": "#3", "agreement": 0.75},
    "preference_pairs": {"question_id": "q", "chosen_attempt_id": "a", "rejected_attempt_id": "b", "prompt": "1+2="}
    | {
        "chosen": "#3",
        "rejected": "#4",
        "agreement": 0.75,
        "chosen_winrate": 0.6,
        "rejected_winrate": 0.4,
        "pair_winrate": 1.0,
    },
    "rewards": {"row_id": "a", "judge": "vote", "reward": None},
    "episodes": {"game": "kuhn_poker", "number": 0, "start": 7, "seats": ["c", "c"], "returns": [1.0, -1.0]}
    | {"ended": "over", "turns": 2},
    "turns": {"episode_id": "e", "number": 0, "seat": 0, "prompt": "1+2=", "text": "1", "num_tokens": 1}
    | {"finish_reason": "stop", "checkpoint": "c", "legal": True, "action": "Pass"},
    "advantages": {"sample_id": "a", "group": "q", "prompt": "1+2=", "completion": ""}
    | {"reward": 1.0, "kept": True, "prompt_ids": [1, 2], "completion_ids": [3], "old_logps": [-0.5]}
    | {"reference_logps": None, "advantages": [0.5]},
}
GOOD["contamination"] = {
    "row_id": "q",
    "kind": "exact",
    "set_name": "probe",
    "protected_id": "p",
    "span": "1",
    "score": 1.0,
}
GOOD["dropped"] = {
    "table": "questions",
    "stage": "select",
    "reason": "tie",
    "figure": None,
    "threshold": None,
    "text": None,
}
GOOD["train_steps"] = {"method": "sft", "step": 1, "loss": 0.5, "learning_rate": 0.1, "grad_norm": 1.0} | {
    "num_tokens": 9, "reward_accuracy": None, "entropy": 0.5, "chosen_logratio": None
}  # fmt: skip
GOOD["revisions"] = {"attempt_id": "a", "verdict_id": None, "sample": 0, "prompt": "1+2=", "text": "1"} | {
    "num_tokens": 1, "finish_reason": "stop", "checkpoint": "c", "verified": True,
}  # fmt: skip
GOOD["base_samples"] = {"question_id": "q", "prompt": "1+2=", "text": "#3", "num_tokens": 2} | {
    "finish_reason": "stop", "checkpoint": "c", "verified": True,
}  # fmt: skip
GOOD["reference_logps"] = {"pair_id": "p", "method": "dpo", "reference": "base", "checkpoint": "c"} | {
    "chosen_logp": -3.5, "rejected_logp": -4.0
}  # fmt: skip
GOOD["evaluations"] = {"benchmark": "b", "item_id": "i", "checkpoint": "c", "greedy": True, "sample": 0} | {
    "text": "#3", "answer": "3", "reference": "3", "correct": True, "num_tokens": 2, "finish_reason": "stop"
}  # fmt: skip
GOOD["probe_verdicts"] = GOOD["verdicts"] | {"reference": "3", "correct": True}
GOOD["grades"] = {"attempt_id": "a", "sample": 0, "prompt": "grade it", "text": "Score: 4", "num_tokens": 3} | {
    "finish_reason": "stop", "grade": 4.0, "checkpoint": "c", "verified": True
}  # fmt: skip
GOOD["persuasions"] = {**GOOD["grades"], "question_id": "p", "persuaded": True}
del GOOD["persuasions"]["attempt_id"]
GOOD["appraisals"] = {"row_id": "q", "sample": 0, "prompt": "score it", "text": "7", "num_tokens": 2} | {
    "finish_reason": "stop", "score": 0.7, "form": 1.0, "checkpoint": "c", "verified": True
}  # fmt: skip
GOOD["probe_grades"] = {"attempt_id": "a", "question_id": "p", "reward": 0.8, "right": True, "correct": True}
GOOD["comparisons"] = {"first_id": "a", "second_id": "b", "sample": 0, "prompt": "which", "text": "Better: 1"} | {
    "num_tokens": 3, "finish_reason": "stop", "prefers_first": True, "checkpoint": "c", "verified": True
}  # fmt: skip
GOOD["preferences"] = {"attempt_id": "a", "other_id": "b", "chance": 0.75}
GOOD["probe_preferences"] = {"attempt_id": "a", "other_id": "b", "question_id": "p", "chance": 0.75, "correct": True}
GOOD["prompt_weights"] = {"seed_id": "s", "rewards": [0.0, 1.0], "information": 1.0, "probability": 0.5, "draws": 2}
GOOD["formal_verdicts"] = GOOD["probe_grades"]

# (table, what is changed, the expectation that must say so)
BREAKING = [
    ("inputs/seeds", {"question": ""}, "expect_column_value_lengths_to_be_between(question)"),
    ("inputs/unlabelled", {"question": ""}, "expect_column_value_lengths_to_be_between(question)"),
    ("inputs/probe", {"question": ""}, "expect_column_value_lengths_to_be_between(question)"),
    ("inputs/probe", {"reference": ""}, "expect_column_value_lengths_to_be_between(reference)"),
    ("inputs/gold", {"question": ""}, "expect_column_value_lengths_to_be_between(question)"),
    ("inputs/gold", {"prompt": ""}, "expect_column_value_lengths_to_be_between(prompt)"),
    ("inputs/gold", {"completion": ""}, "expect_column_value_lengths_to_be_between(completion)"),
    ("inputs/documents", {"text": ""}, "expect_column_value_lengths_to_be_between(text)"),
    ("inputs/tasks", {"question": ""}, "expect_column_value_lengths_to_be_between(question)"),
    ("inputs/tasks", {"reference": ""}, "expect_column_value_lengths_to_be_between(reference)"),
    ("answer_keys", {"answer": ""}, "expect_column_value_lengths_to_be_between(answer)"),
    ("inputs/benchmark_items", {"question": ""}, "expect_column_value_lengths_to_be_between(question)"),
    ("inputs/benchmark_items", {"reference": ""}, "expect_column_value_lengths_to_be_between(reference)"),
    ("proposals", {"finish_reason": "tired"}, "expect_column_values_to_be_in_set(finish_reason)"),
    ("questions", {"question": ""}, "expect_column_value_lengths_to_be_between(question)"),
    ("questions", {"question": "question 0"}, "expect_column_values_to_be_unique(question)"),
    ("questions", {"nearest_score": 1.5}, "expect_column_values_to_be_between(nearest_score)"),
    ("revisions", {"finish_reason": ""}, "expect_column_values_to_be_in_set(finish_reason)"),
    ("revisions", {"prompt": ""}, "expect_column_value_lengths_to_be_between(prompt)"),
    ("revisions", {"num_tokens": 0}, "expect_column_values_to_be_between(num_tokens)"),
    ("base_samples", {"finish_reason": ""}, "expect_column_values_to_be_in_set(finish_reason)"),
    ("base_samples", {"prompt": ""}, "expect_column_value_lengths_to_be_between(prompt)"),
    ("base_samples", {"num_tokens": 0}, "expect_column_values_to_be_between(num_tokens)"),
    ("attempts", {"finish_reason": ""}, "expect_column_values_to_be_in_set(finish_reason)"),
    ("attempts", {"prompt": ""}, "expect_column_value_lengths_to_be_between(prompt)"),
    ("attempts", {"num_tokens": 0}, "expect_column_values_to_be_between(num_tokens)"),
    ("answers", {"source": "guess"}, "expect_column_values_to_be_in_set(source)"),
    ("verdicts", {"agreement": 1.25}, "expect_column_values_to_be_between(agreement)"),
    ("verdicts", {"agreement_valid": -0.1}, "expect_column_values_to_be_between(agreement_valid)"),
    ("verdicts", {"num_valid": 5}, "expect_column_pair_values_a_to_be_greater_than_b(num_attempts,num_valid)"),
    ("verdicts", {"num_planned": 3}, "expect_column_pair_values_a_to_be_greater_than_b(num_planned,num_attempts)"),
    ("probe_verdicts", {"agreement": 1.25}, "expect_column_values_to_be_between(agreement)"),
    ("probe_verdicts", {"reference": ""}, "expect_column_value_lengths_to_be_between(reference)"),
    ("rewards", {"judge": ""}, "expect_column_value_lengths_to_be_between(judge)"),
    ("selections", {"answer": ""}, "expect_column_value_lengths_to_be_between(answer)"),
    ("selections", {"agreement": 2.0}, "expect_column_values_to_be_between(agreement)"),
    ("contamination", {"kind": "smell"}, "expect_column_values_to_be_in_set(kind)"),
    ("contamination", {"score": 1.2}, "expect_column_values_to_be_between(score)"),
    ("dropped", {"reason": ""}, "expect_column_value_lengths_to_be_between(reason)"),
    ("dropped", {"table": "../rubbish"}, "expect_column_values_to_match_regex(table)"),
    ("train_steps", {"step": 0}, "expect_column_values_to_be_between(step)"),
    ("evaluations", {"finish_reason": ""}, "expect_column_values_to_be_in_set(finish_reason)"),
    ("evaluations", {"reference": ""}, "expect_column_value_lengths_to_be_between(reference)"),
    ("evaluations", {"num_tokens": -1}, "expect_column_values_to_be_between(num_tokens)"),
    ("comparisons", {"prompt": ""}, "expect_column_value_lengths_to_be_between(prompt)"),
    ("comparisons", {"num_tokens": -1}, "expect_column_values_to_be_between(num_tokens)"),
    ("comparisons", {"finish_reason": ""}, "expect_column_values_to_be_in_set(finish_reason)"),
    ("preferences", {"chance": 1.5}, "expect_column_values_to_be_between(chance)"),
    ("probe_preferences", {"chance": -0.5}, "expect_column_values_to_be_between(chance)"),
    ("sft_examples", {"prompt": ""}, "expect_column_value_lengths_to_be_between(prompt)"),
    ("sft_examples", {"completion": ""}, "expect_column_value_lengths_to_be_between(completion)"),
    ("sft_examples", {"completion": " \n "}, "expect_column_values_to_not_match_regex(completion)"),
    ("sft_examples", {"agreement": 1.01}, "expect_column_values_to_be_between(agreement)"),
    ("preference_pairs", {"chosen_winrate": 1.2}, "expect_column_values_to_be_between(chosen_winrate)"),
    ("preference_pairs", {"rejected_winrate": -0.1}, "expect_column_values_to_be_between(rejected_winrate)"),
    ("preference_pairs", {"pair_winrate": 1.1}, "expect_column_values_to_be_between(pair_winrate)"),
    ("reference_logps", {"reference": "friend"}, "expect_column_values_to_be_in_set(reference)"),
    ("reference_logps", {"chosen_logp": 0.5}, "expect_column_values_to_be_between(chosen_logp)"),
    ("reference_logps", {"rejected_logp": 0.5}, "expect_column_values_to_be_between(rejected_logp)"),
    ("preference_pairs", {"prompt": ""}, "expect_column_value_lengths_to_be_between(prompt)"),
    ("preference_pairs", {"chosen": ""}, "expect_column_value_lengths_to_be_between(chosen)"),
    ("preference_pairs", {"rejected": ""}, "expect_column_value_lengths_to_be_between(rejected)"),
    (
        "preference_pairs",
        {"rejected": "#3"},
        "expect_select_column_values_to_be_unique_within_record(chosen,rejected)",
    ),
    *(
        (table, change, expectation)
        for table in ("grades", "persuasions")
        for change, expectation in (
            ({"prompt": ""}, "expect_column_value_lengths_to_be_between(prompt)"),
            ({"num_tokens": -1}, "expect_column_values_to_be_between(num_tokens)"),
            ({"finish_reason": ""}, "expect_column_values_to_be_in_set(finish_reason)"),
            ({"grade": -1.0}, "expect_column_values_to_be_between(grade)"),
        )
    ),
    ("appraisals", {"prompt": ""}, "expect_column_value_lengths_to_be_between(prompt)"),
    ("appraisals", {"num_tokens": -1}, "expect_column_values_to_be_between(num_tokens)"),
    ("appraisals", {"finish_reason": ""}, "expect_column_values_to_be_in_set(finish_reason)"),
    ("appraisals", {"score": 1.2}, "expect_column_values_to_be_between(score)"),
    ("appraisals", {"form": -0.5}, "expect_column_values_to_be_between(form)"),
    ("probe_grades", {"reward": 1.2}, "expect_column_values_to_be_between(reward)"),
    ("prompt_weights", {"information": -0.5}, "expect_column_values_to_be_between(information)"),
    ("prompt_weights", {"probability": 1.5}, "expect_column_values_to_be_between(probability)"),
    ("prompt_weights", {"draws": -1}, "expect_column_values_to_be_between(draws)"),
    ("formal_verdicts", {"reward": -0.1}, "expect_column_values_to_be_between(reward)"),
    ("advantages", {"prompt": ""}, "expect_column_value_lengths_to_be_between(prompt)"),
    ("episodes", {"game": ""}, "expect_column_value_lengths_to_be_between(game)"),
    ("episodes", {"ended": "bored"}, "expect_column_values_to_be_in_set(ended)"),
    ("episodes", {"turns": 0}, "expect_column_values_to_be_between(turns)"),
    ("turns", {"prompt": ""}, "expect_column_value_lengths_to_be_between(prompt)"),
    ("turns", {"num_tokens": 0}, "expect_column_values_to_be_between(num_tokens)"),
    ("turns", {"finish_reason": ""}, "expect_column_values_to_be_in_set(finish_reason)"),
    ("advantages", {"group": ""}, "expect_column_value_lengths_to_be_between(group)"),
]


def rows_with(table, change, count=3):
    """Good rows, the last of them changed."""
    varied = [{**GOOD[table], "id": f"row-{i}"} for i in range(count)]
    if table == "questions":
        varied = [row | {"question": f"question {i}"} for i, row in enumerate(varied)]
    return [*varied[:-1], varied[-1] | change]


@pytest.mark.parametrize(("table", "change", "expectation"), BREAKING, ids=lambda value: str(value)[:60])
def test_a_row_that_breaks_an_expectation_is_dropped_under_its_name(draft, given, recipe, table, change, expectation):
    limits = recipe.validation.model_copy(update={"max_failing_rows": 1.0, "min_sft_examples": 0})
    report = validated(draft, limits, (given(TABLES[table], rows_with(table, change)),))
    dropped = draft.read(draft.tables()["dropped"]).to_pylist()
    assert {"row-2": expectation}.items() <= {row["id"]: row["reason"] for row in dropped}.items()
    assert report["passed"]


@pytest.mark.parametrize("table", TABLES)
def test_good_rows_pass_their_suite(draft, given, recipe, table):
    limits = recipe.validation.model_copy(update={"min_sft_examples": 1})
    report = validated(draft, limits, (given(TABLES[table], rows_with(table, {})),))
    assert report["failures"] == []
    assert draft.dropped() == {}


def test_every_row_expectation_is_broken_by_a_row_above():
    named = {(table, name) for table, _, name in BREAKING}
    for table in TABLES.values():
        for expectation in table.expectations:
            settings = expectation.settings
            if settings.get("column") == "id":
                continue  # unique ids are the store's own invariant: it refuses to write others
            columns = [settings.get(key) for key in ("column", "column_A", "column_B")]
            columns += settings.get("column_list", [])
            kind = re.sub("(?<!^)(?=[A-Z])", "_", expectation.kind).lower()
            name = f"{kind}({','.join(c for c in columns if c)})"
            assert (table.name, name) in named, (table.name, name)


@pytest.mark.parametrize(
    ("table", "change", "limits"),
    [
        ("sft_examples", {}, {"min_sft_examples": 4}),
        ("preference_pairs", {}, {"min_preference_pairs": 4}),
        ("advantages", {"kept": False}, {"min_policy_rows": 3}),
        ("probe_verdicts", {"correct": False}, {"min_vote_precision": 0.7}),
        ("answers", {"valid": False}, {"max_unparsable": 0.3}),
        ("sft_examples", {"completion": ""}, {"min_sft_examples": 0, "max_failing_rows": 0.3}),
        ("sft_examples", {"completion": ""}, {"min_sft_examples": 3}),
    ],
)
def test_a_table_that_breaks_a_batch_level_expectation_fails_with_table_expectation_and_figures(
    draft, given, recipe, table, change, limits
):
    loose = {"min_sft_examples": 0, "min_vote_precision": 0.0, "max_unparsable": 1.0, "max_failing_rows": 1.0}
    settings = recipe.validation.model_copy(update=loose | limits)
    report = validated(draft, settings, (given(TABLES[table], rows_with(table, change)),))
    assert not report["passed"]
    (failure,) = report["failures"]
    assert failure["table"] == table
    assert failure["observed"] is not None
    assert failure["expected"]


def test_a_table_with_other_columns_fails(recipe):
    for contract in contracts(TABLES, recipe.validation):
        (columns, *_) = contract.batch_level
        assert columns.kind == "ExpectTableColumnsToMatchOrderedList"
        assert columns.settings["column_list"][0] == "id"
