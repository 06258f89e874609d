"""Validate: every table against its expectation suite, before anything is trained on it."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.dropped import DROPPED
from schemas.errors import ValidationFailed
from schemas.expectations import VALIDATED
from schemas.manifest import TableRef
from schemas.settings import Validate as Settings
from tasks.checks.suites import Failure, Suites
from tasks.store.draft import Draft

Dropped = tuple[str, str]  # table, expectation


def validate(draft: Draft, *, settings: Settings, tables: tuple[TableRef, ...]) -> dict[str, Any]:
    """Write the failing rows into `dropped`, with those that descend from them; report batch-level failures.

    Row-level: the row, and what was selected or built from it, are dropped under the expectation's name.
    Batch-level, over the rows that are left, of a table that several stages wrote over all: `failures`, each with
    table, expectation and figures; `stop_if_invalid` raises them.
    """
    tables = tuple({ref.path: ref for ref in tables if ref.table in VALIDATED}.values())
    rows = {ref.path: draft.read(ref) for ref in tables}
    checker = Suites()
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
    for done, name in enumerate(dict.fromkeys(ref.table for ref in tables), 1):
        refs = [ref for ref in tables if ref.table == name]
        together = pa.concat_tables([rows[ref.path] for ref in refs])
        left = together.filter(pc.invert(pc.is_in(together["id"], pa.array(dropped, pa.string()))))
        failures += checker.batch_failures(refs[0], left, settings)
        draft.report(len(tables) + done, 2 * len(tables), "suites")
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
    unasked = dict(culprits)  # without the base's answer, pairs alone are of no use
    for row in tables["base_samples"].select(["id", "question_id"]).to_pylist() if "base_samples" in tables else ():
        if row["id"] in failing:
            unasked.setdefault(row["question_id"], failing[row["id"]])
    found: dict[str, Dropped] = {}
    for table in ("selections", "sft_examples", "preference_pairs", "advantages"):
        if table in tables:
            spoilt = unasked if table == "preference_pairs" else culprits
            parents = [name for name in tables[table].column_names if name.endswith(("question_id", "attempt_id"))]
            for row in tables[table].select(["id", *parents]).to_pylist():
                culprit = next((row[parent] for parent in parents if row[parent] in spoilt), None)
                if culprit and row["id"] not in failing:
                    found[row["id"]] = (table, spoilt[culprit][1])
    return found
