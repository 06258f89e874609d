"""Validate: every table against its expectation suite, before anything is trained on it."""

import logging
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.dropped import DROPPED
from schemas.errors import ValidationFailed
from schemas.expectations import VALIDATED, batch_expectations, row_expectations
from schemas.manifest import TableRef
from schemas.settings import Validate as Settings
from tasks.store.draft import Draft

Failure = dict[str, Any]
Dropped = tuple[str, str]  # table, expectation


def validate(draft: Draft, *, settings: Settings, tables: tuple[TableRef, ...]) -> dict[str, Any]:
    """Write the failing rows into `dropped`, with those that descend from them; report batch-level failures.

    Row-level: the row, and what was selected or built from it, are dropped under the expectation's name.
    Batch-level, over the rows that are left: `failures`, each with table, expectation and figures;
    `stop_if_invalid` raises them.
    """
    tables = tuple({ref.path: ref for ref in tables if ref.table in VALIDATED}.values())
    rows = {ref.path: draft.read(ref) for ref in tables}
    checker = _Checker()
    failures: list[Failure] = []
    dropped: dict[str, Dropped] = {}
    checked: dict[str, dict[str, int]] = {}
    for done, ref in enumerate(tables):
        failing = checker.failing_rows(ref, rows[ref.path])
        dropped |= {row_id: (ref.table, name) for row_id, name in failing.items()}
        share = len(failing) / ref.rows if ref.rows else 0.0
        if share > settings.max_failing_rows:
            failures.append(
                {"table": ref.table, "expectation": "share_of_failing_rows", "observed": share}
                | {"expected": f"at most {settings.max_failing_rows}"}
            )
        checked[ref.path] = {"rows": ref.rows, "failing_rows": len(failing)}
        draft.report(done + 1, 2 * len(tables), "suites")
    dropped |= _descendants({ref.table: rows[ref.path] for ref in tables}, dropped)
    for done, ref in enumerate(tables):
        left = rows[ref.path].filter(pc.invert(pc.is_in(rows[ref.path]["id"], pa.array(dropped, pa.string()))))
        failures += checker.batch_failures(ref, left, settings)
        draft.report(len(tables) + done + 1, 2 * len(tables), "suites")
    draft.write(DROPPED, [draft.refused(row_id, table, reason) for row_id, (table, reason) in dropped.items()])
    return {"passed": not failures, "failures": failures, "tables": checked}


def stop_if_invalid(report: dict[str, Any]) -> None:
    """Raise ValidationFailed with the batch-level failures of a report, if there are any."""
    if not report["passed"]:
        first, more = report["failures"][0], len(report["failures"]) - 1
        line = f"{first['table']}: {first['expectation']}: observed {first['observed']}, expected {first['expected']}"
        raise ValidationFailed(line + (f" (and {more} more)" if more else ""))


def _descendants(tables: dict[str, pa.Table], failing: dict[str, Dropped]) -> dict[str, Dropped]:
    """Selections and training rows made from a failing row fail with it, under the same expectation."""
    culprits = dict(failing)  # a failing row, and the question or attempt that it speaks of
    for table, parent in (("verdicts", "question_id"), ("selections", "question_id"), ("answers", "attempt_id")):
        for row in tables[table].select(["id", parent]).to_pylist() if table in tables else ():
            if row["id"] in failing:
                culprits.setdefault(row[parent], failing[row["id"]])
    for row in tables["questions"].select(["id", "proposal_id"]).to_pylist() if "questions" in tables else ():
        if row["proposal_id"] in failing:
            culprits.setdefault(row["id"], failing[row["proposal_id"]])
    found: dict[str, Dropped] = {}
    for table in ("selections", "sft_examples", "preference_pairs"):
        if table in tables:
            parents = [name for name in tables[table].column_names if name.endswith(("question_id", "attempt_id"))]
            for row in tables[table].select(["id", *parents]).to_pylist():
                culprit = next((row[parent] for parent in parents if row[parent] in culprits), None)
                if culprit and row["id"] not in failing:
                    found[row["id"]] = (table, culprits[culprit][1])
    return found


class _Checker:
    """Great Expectations over Arrow rows, by way of pandas, the engine it is at home with."""

    def __init__(self) -> None:
        import great_expectations as gx

        # it logs its temporary folders, at a level of its own
        logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
        self.context = gx.get_context(mode="ephemeral")
        self.context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
        self.source = self.context.data_sources.add_pandas("parquet")

    def failing_rows(self, ref: TableRef, rows: pa.Table) -> dict[str, str]:
        """Row id -> the first expectation it fails."""
        failing: dict[str, str] = {}
        if len(rows):
            details = {"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]}
            for result in self._results(ref, rows, row_expectations(ref.table), details):
                _raise_if_it_could_not_be_checked(ref.table, result)
                for unexpected in result["result"].get("unexpected_index_list") or []:
                    failing.setdefault(unexpected["id"], _name(result))
        return failing

    def batch_failures(self, ref: TableRef, rows: pa.Table, limits: Settings) -> list[Failure]:
        failures = []
        summary = {"result_format": "SUMMARY"}
        for result in self._results(ref, rows, batch_expectations(ref.table, limits), summary):
            if len(rows):
                _raise_if_it_could_not_be_checked(ref.table, result)
            if not result["success"]:
                wanted = {
                    k: v for k, v in _settings(result).items() if k in ("min_value", "max_value", "column_list")
                }
                observed = result["result"].get("observed_value", "no rows")
                failures.append({"table": ref.table, "expectation": _name(result), "observed": observed}
                                | {"expected": _worded(wanted)})  # fmt: skip
        return failures

    def _results(
        self, ref: TableRef, rows: pa.Table, expectations: list[Any], result_format: dict[str, Any]
    ) -> Iterable[dict[str, Any]]:
        import great_expectations as gx

        suite = gx.ExpectationSuite(name=ref.table, expectations=expectations)
        asset = self.source.add_dataframe_asset(f"{ref.path}-{result_format['result_format']}")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": _frame(rows)})
        report = batch.validate(suite, result_format=result_format)
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
