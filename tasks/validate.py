"""Validate: every table against its expectation suite, before anything is trained on it."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.dropped import DROPPED
from schemas.errors import ValidationFailed
from schemas.expectations import Contract
from schemas.manifest import TableRef
from schemas.settings import Validate as Settings
from schemas.table import writes
from schemas.work import ROW_BYTES, Work
from tasks.checks.suites import Failure, Suites
from tasks.store.draft import Draft

Dropped = tuple[str, str]  # table, expectation


@writes(DROPPED)
def validate(
    draft: Draft, *, settings: Settings, tables: tuple[TableRef, ...], contracts: tuple[Contract, ...]
) -> dict[str, Any]:
    """Write the failing rows into `dropped`, with all that was made of them; report batch-level failures.

    Row-level: the row, what it speaks of, and what was made of either are dropped under the expectation's name.
    Batch-level, over the rows that are left, of a table that several stages wrote over all: `failures`, each with
    table, expectation and figures; `stop_if_invalid` raises them. `contracts`: of each of the tables.
    """
    tables = tuple({ref.path: ref for ref in tables}.values())
    of_table = {contract.table: contract for contract in contracts}
    rows = {ref.path: draft.read(ref) for ref in tables}
    checker = Suites()
    failures: list[Failure] = []
    dropped: dict[str, Dropped] = {}
    checked: dict[str, dict[str, int]] = {}
    for done, ref in enumerate(tables):
        failing = checker.failing_rows(ref.table, of_table[ref.table].row_level, rows[ref.path])
        dropped |= {row_id: (ref.table, name) for row_id, name in failing.items()}
        share = len(failing) / ref.rows if ref.rows else 0.0
        if share > settings.max_failing_rows:
            failures.append(
                {"table": ref.table, "expectation": "share_of_failing_rows", "observed": share}
                | {"expected": f"at most {settings.max_failing_rows}"}
            )
        checked[ref.path] = {"rows": ref.rows, "failing_rows": len(failing)}
        draft.report(done + 1, 2 * len(tables), "suites")
    if dropped:
        dropped = _spoilt([(of_table[ref.table], rows[ref.path]) for ref in tables], dropped)
    for done, name in enumerate(dict.fromkeys(ref.table for ref in tables), 1):
        together = pa.concat_tables([rows[ref.path] for ref in tables if ref.table == name])
        left = together.filter(pc.invert(pc.is_in(together["id"], pa.array(dropped, pa.string()))))
        failures += checker.batch_failures(name, of_table[name].batch_level, left)
        draft.report(len(tables) + done, 2 * len(tables), "suites")
    draft.write(DROPPED, [draft.refused(row_id, table, reason) for row_id, (table, reason) in dropped.items()])
    return {"passed": not failures, "failures": failures, "tables": checked}


def work(rows: Mapping[str, int]) -> Work:
    """Every row may fail; its reason is short."""
    return Work(rows["tables"], bytes=rows["tables"] * ROW_BYTES)


def stop_if_invalid(report: dict[str, Any]) -> None:
    """Raise ValidationFailed with the batch-level failures of a report, if there are any."""
    if not report["passed"]:
        first, more = report["failures"][0], len(report["failures"]) - 1
        line = f"{first['table']}: {first['expectation']}: observed {first['observed']}, expected {first['expected']}"
        raise ValidationFailed(line + (f" (and {more} more)" if more else ""))


def _spoilt(tables: list[tuple[Contract, pa.Table]], failing: dict[str, Dropped]) -> dict[str, Dropped]:
    """The failing rows and all that falls with them, in the order in which the tables were made: what a failing row
    speaks of, and what was made of any of these."""
    why = {row_id: reason for row_id, (_, reason) in failing.items()}
    for contract, rows in reversed(tables):
        for column in contract.about:
            for row_id, subject in zip(rows["id"].to_pylist(), rows[column].to_pylist(), strict=True):
                if row_id in why:
                    why.setdefault(subject, why[row_id])
    found: dict[str, Dropped] = {}
    for contract, rows in tables:
        columns = [rows[column].to_pylist() for column in contract.made_of]
        for row_id, *named in zip(rows["id"].to_pylist(), *columns, strict=True):
            parents = [each for value in named for each in (value if isinstance(value, list) else [value])]
            spoilt = next((why[each] for each in (row_id, *parents) if each in why), None)
            if spoilt:
                why.setdefault(row_id, spoilt)
                found[row_id] = (contract.table, why[row_id])
    return failing | found
