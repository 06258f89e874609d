"""The data contracts: one Great Expectations suite a table. Row-level expectations drop a row; batch-level ones fail
the round."""

from typing import Any

from schemas.answers import SOURCES
from schemas.settings import Validate
from schemas.table import Table
from schemas.tables import TABLES

VALIDATED = (
    "inputs/seeds", "inputs/probe", "inputs/gold", "inputs/benchmark_items", "proposals", "questions", "attempts",
    "answers", "verdicts", "probe_verdicts", "selections", "contamination", "base_samples", "sft_examples",
    "preference_pairs", "advantages",
    "dropped", "train_steps", "reference_logps", "evaluations",
)  # fmt: skip


def row_expectations(table: str) -> list[Any]:
    """What every row of a table must meet; a row that does not is dropped with the expectation's name."""
    import great_expectations.expectations as gxe

    def filled(column: str) -> Any:
        return gxe.ExpectColumnValueLengthsToBeBetween(column=column, min_value=1)

    def share(column: str) -> Any:
        return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=0, max_value=1)

    def one_of(column: str, *values: str) -> Any:
        return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(values))

    of_table: dict[str, list[Any]] = {
        "inputs/seeds": [filled("question")],
        "inputs/probe": [filled("question"), filled("reference")],
        "inputs/gold": [filled("question"), filled("prompt"), filled("completion")],
        "inputs/benchmark_items": [filled("question"), filled("reference")],
        "proposals": [one_of("finish_reason", "stop", "length")],
        "questions": [
            filled("text"),
            gxe.ExpectColumnValuesToBeUnique(column="text"),
            share("nearest_score"),
        ],
        "attempts": [
            one_of("finish_reason", "stop", "length"),
            filled("prompt"),
            gxe.ExpectColumnValuesToBeBetween(column="num_tokens", min_value=1),
        ],
        "answers": [
            one_of("source", *SOURCES),
            gxe.ExpectColumnValuesToBeInSet(column="reward", value_set=[0.0, 1.0]),
        ],
        "verdicts": [
            share("agreement"),
            share("agreement_valid"),
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="num_attempts", column_B="num_valid", or_equal=True, ignore_row_if="neither"
            ),
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="num_planned", column_B="num_attempts", or_equal=True, ignore_row_if="neither"
            ),
        ],
        "probe_verdicts": [share("agreement"), filled("reference")],
        "selections": [filled("answer"), share("agreement")],
        "base_samples": [
            one_of("finish_reason", "stop", "length"),
            filled("prompt"),
            gxe.ExpectColumnValuesToBeBetween(column="num_tokens", min_value=1),
        ],
        "contamination": [one_of("kind", "exact", "ngram", "near"), share("score")],
        "dropped": [filled("reason"), one_of("table", *TABLES)],
        "train_steps": [gxe.ExpectColumnValuesToBeBetween(column="step", min_value=1)],
        "reference_logps": [
            one_of("reference", "start", "champion", "base"),
            gxe.ExpectColumnValuesToBeBetween(column="chosen_logp", max_value=0),
            gxe.ExpectColumnValuesToBeBetween(column="rejected_logp", max_value=0),
        ],
        "evaluations": [
            one_of("finish_reason", "stop", "length"),
            filled("reference"),
            gxe.ExpectColumnValuesToBeBetween(column="num_tokens", min_value=1),
        ],
        "sft_examples": [
            filled("prompt"),
            filled("completion"),
            gxe.ExpectColumnValuesToNotMatchRegex(column="completion", regex=r"^\s*$"),
            share("agreement"),
        ],
        "preference_pairs": [
            filled("prompt"),
            filled("chosen"),
            filled("rejected"),
            gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord(
                column_list=["chosen", "rejected"], ignore_row_if="never"
            ),
            share("chosen_winrate"),
            share("rejected_winrate"),
            share("pair_winrate"),
        ],
        "advantages": [
            filled("prompt"),
            share("agreement"),
            gxe.ExpectColumnValuesToBeInSet(column="reward", value_set=[0.0, 1.0]),
        ],
    }
    unique = [] if table == "dropped" else [gxe.ExpectColumnValuesToBeUnique(column="id")]
    return [*unique, *of_table[table]]


def batch_expectations(table: str, limits: Validate) -> list[Any]:
    """What a table must meet as a whole, by the recipe's limits; if it does not, the round fails."""
    import great_expectations.expectations as gxe

    columns = gxe.ExpectTableColumnsToMatchOrderedList(column_list=_checked_columns(TABLES[table]))
    of_table: dict[str, list[Any]] = {
        "sft_examples": [gxe.ExpectTableRowCountToBeBetween(min_value=limits.min_sft_examples)],
        "preference_pairs": [gxe.ExpectTableRowCountToBeBetween(min_value=limits.min_preference_pairs)],
        "advantages": [gxe.ExpectColumnSumToBeBetween(column="kept", min_value=limits.min_policy_rows or 0)],
        "probe_verdicts": [
            gxe.ExpectColumnMeanToBeBetween(column="correct", min_value=limits.min_vote_precision),
        ],
        "answers": [gxe.ExpectColumnMeanToBeBetween(column="valid", min_value=1 - limits.max_unparsable)],
    }
    return [columns, *of_table.get(table, [])]


def _checked_columns(table: Table) -> list[str]:
    """Columns that the engine sees: lists are left to the schema."""
    import pyarrow as pa

    return [field.name for field in table.schema if not pa.types.is_list(field.type)]
