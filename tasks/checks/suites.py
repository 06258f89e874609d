"""Suites: a table's rows against its Great Expectations suite, in `validate` and again in an audit."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import ValidationFailed
from schemas.table import Expectation

Failure = dict[str, Any]
"""table, expectation, observed, expected."""


class Suites:
    """Great Expectations over Arrow rows, by way of pandas, the engine it is at home with."""

    def __init__(self) -> None:
        import great_expectations as gx

        # it logs its temporary folders, at a level of its own
        logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
        self.context = gx.get_context(mode="ephemeral")
        self.context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
        source = self.context.data_sources.add_pandas("parquet")
        # one for all tables: with every new name the whole context is written out again
        self.whole = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")

    def failing_rows(self, table: str, expected: Sequence[Expectation], rows: pa.Table) -> dict[str, str]:
        """Row id -> the first expectation it fails."""
        failing: dict[str, str] = {}
        passed = {"result_format": "BOOLEAN_ONLY"}  # in half the time, and most tables do
        if len(rows) and not all(result["success"] for result in self._results(table, rows, expected, passed)):
            details = {"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]}
            for result in self._results(table, rows, expected, details):
                _raise_if_it_could_not_be_checked(table, result)
                for unexpected in result["result"].get("unexpected_index_list") or []:
                    failing.setdefault(unexpected["id"], _name(result))
        return failing

    def batch_failures(self, table: str, expected: Sequence[Expectation], rows: pa.Table) -> list[Failure]:
        """Where a table as a whole breaks its suite; a mean is not asked of no rows."""
        failures = []
        summary = {"result_format": "SUMMARY"}
        asked = [each for each in expected if len(rows) or each.kind != "ExpectColumnMeanToBeBetween"]
        for result in self._results(table, rows, asked, summary):
            if len(rows):
                _raise_if_it_could_not_be_checked(table, result)
            if not result["success"]:
                wanted = {
                    k: v for k, v in _settings(result).items() if k in ("min_value", "max_value", "column_list")
                }
                observed = result["result"].get("observed_value", "no rows")
                failures.append({"table": table, "expectation": _name(result), "observed": observed}
                                | {"expected": _worded(wanted)})  # fmt: skip
        return failures

    def _results(
        self, table: str, rows: pa.Table, expected: Sequence[Expectation], result_format: dict[str, Any]
    ) -> Iterable[dict[str, Any]]:
        import great_expectations as gx

        expectations = [getattr(gx.expectations, each.kind)(**each.settings) for each in expected]
        suite = gx.ExpectationSuite(name=table, expectations=expectations)
        report = self.whole.get_batch({"dataframe": _frame(rows)}).validate(suite, result_format=result_format)
        return [result.to_json_dict() for result in report.results]


def _frame(rows: pa.Table) -> Any:
    """A pandas frame of the flat columns; booleans as 0 and 1, of which a mean can be taken."""
    import pandas as pd

    columns = {}
    for field in rows.schema:
        if pa.types.is_list(field.type):
            continue
        values = rows[field.name]
        columns[field.name] = pc.cast(values, pa.float64()) if pa.types.is_boolean(field.type) else values
    return pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)


def _raise_if_it_could_not_be_checked(table: str, result: dict[str, Any]) -> None:
    if message := _exception(result):
        raise ValidationFailed(f"{table}: {_name(result)} could not be checked: {message}")


def _exception(result: dict[str, Any]) -> str:
    info = result.get("exception_info") or {}
    nested = info.values() if all(isinstance(value, dict) for value in info.values()) else [info]
    return next((str(entry["exception_message"]) for entry in nested if entry.get("raised_exception")), "")


def _name(result: dict[str, Any]) -> str:
    settings = _settings(result)
    columns = [settings.get(key) for key in ("column", "column_A", "column_B")] + settings.get("column_list", [])
    named = ",".join(c for c in columns if c) if len(columns) < 6 else ""
    return f"{result['expectation_config']['type']}({named})"


def _settings(result: dict[str, Any]) -> dict[str, Any]:
    return dict(result["expectation_config"]["kwargs"])


def _worded(wanted: dict[str, Any]) -> str:
    words = {"min_value": "at least", "max_value": "at most", "column_list": "columns"}
    return " and ".join(f"{words[key]} {value}" for key, value in wanted.items() if value is not None)
