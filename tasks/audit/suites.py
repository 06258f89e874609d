"""The expectation suites once more: no row that a round kept, and no table of a round that passed, may break them."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import ValidationFailed
from schemas.expectations import VALIDATED
from schemas.manifest import StageRecord, TableRef
from schemas.settings import Validate
from tasks.audit.damage import Damage
from tasks.audit.integrity import Opened
from tasks.checks.suites import Suites
from tasks.waves import plays_of


def broken_expectations(opened: Opened, markers: dict[str, StageRecord], suites: Suites) -> Iterator[Damage]:
    """Rows that fail and were not dropped for it; batches that fail though the round went on. By today's suites."""
    dropped = opened.tables("dropped")
    checked = next((markers[shown] for shown in plays_of("validate", markers)), None)
    if checked is None or dropped is None:
        return  # named where markers and files are looked at
    settings = Validate.model_validate(checked.settings["settings"])
    out = pa.concat_tables(dropped) if dropped else None
    refused = out.filter(pc.equal(out["stage"], "validate"))["id"] if out else pa.array([], pa.string())
    for ref in (ref for name in VALIDATED for ref in opened.manifest.tables.get(name, [])):
        if ref.path in opened.rows:
            try:
                yield from _broken(opened, ref, settings, refused, suites)
            except ValidationFailed as failed:
                yield opened.damage(ref.path, "a table that its suite can check", str(failed), ref.table)


def _broken(opened: Opened, ref: TableRef, settings: Validate, refused: pa.Array, suites: Suites) -> Iterator[Damage]:
    rows = opened.rows[ref.path]
    known = set(refused.to_pylist())
    failing = {i: name for i, name in suites.failing_rows(ref, rows).items() if i not in known}
    if failing:
        first, expectation = next(iter(failing.items()))
        found = f"fails for {len(failing):,} row{'s' * (len(failing) > 1)} that were kept, first {first}"
        yield opened.damage(ref.path, expectation, found, ref.table)
    if opened.manifest.decision != "failed":
        left = rows.filter(pc.invert(pc.is_in(rows["id"], value_set=refused)))
        for failure in suites.batch_failures(ref, left, settings):
            expected = f"{failure['expectation']}: {failure['expected']}"
            yield opened.damage(ref.path, expected, str(failure["observed"]), ref.table)
