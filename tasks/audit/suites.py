"""The expectation suites once more: no row that a round kept, and no table of a round that passed, may break them."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ConfigDict

from schemas.controls import is_control
from schemas.errors import ValidationFailed
from schemas.expectations import contracts
from schemas.manifest import StageRecord, TableRef
from schemas.settings import Validate
from schemas.tables import TABLES
from tasks.audit.damage import Damage
from tasks.audit.integrity import Opened
from tasks.checks.suites import Suites
from tasks.figures import many


class Recorded(Validate):
    """Limits as they were: the method's own, too."""

    model_config = ConfigDict(extra="allow")


def broken_expectations(opened: Opened, markers: dict[str, StageRecord], suites: Suites) -> Iterator[Damage]:
    """Rows that fail and were not dropped for it; batches that fail though the round went on, each as `validate`
    looked at it. By today's suites. Nothing holds a control to the batches."""
    dropped = opened.tables("dropped", controls=True)
    checks = {shown: marker for shown, marker in markers.items() if marker.stage == "validate"}
    if not checks or dropped is None:
        return  # named where markers and files are looked at
    out = pa.concat_tables(dropped) if dropped else None
    refused = out.filter(pc.equal(out["stage"], "validate"))["id"] if out else pa.array([], pa.string())
    known = set(refused.to_pylist())
    looked_at = {digest for marker in checks.values() for digest in marker.inputs["tables"]}
    own = [ref for refs in opened.manifest.tables.values() for ref in refs]
    for ref in opened.manifest.written:
        if ref.path in opened.rows and (ref in own or ref.digest in looked_at):
            yield from _to_the_end(opened, ref, _broken_rows(opened, ref, known, suites))
    asked = {name: marker for name, marker in checks.items() if not is_control(name)}
    for refs, settings in _batches(own, asked) if opened.manifest.decision != "failed" else ():
        if all(ref.path in opened.rows for ref in refs):
            yield from _to_the_end(opened, refs[-1], _broken_batches(opened, refs, settings, refused, suites))


def _batches(own: list[TableRef], checks: dict[str, StageRecord]) -> Iterator[tuple[list[TableRef], Validate]]:
    """What was validated as one table, each once: waves validate some of theirs together, and some again."""
    seen = set()
    for marker in checks.values():
        given = [ref for ref in own if ref.digest in marker.inputs["tables"]]
        for name in dict.fromkeys(ref.table for ref in given):
            refs = [ref for ref in given if ref.table == name]
            if (paths := tuple(ref.path for ref in refs)) not in seen:
                seen.add(paths)
                yield refs, Recorded.model_validate(marker.settings["settings"])


def _to_the_end(opened: Opened, ref: TableRef, found: Iterator[Damage]) -> Iterator[Damage]:
    try:
        yield from found
    except ValidationFailed as failed:
        yield opened.damage(ref.path, "a table that its suite can check", str(failed), ref.table)


def _broken_rows(opened: Opened, ref: TableRef, known: set[str], suites: Suites) -> Iterator[Damage]:
    expected = TABLES[ref.table].expectations
    found = suites.failing_rows(ref.table, expected, opened.rows[ref.path])
    failing = {row_id: name for row_id, name in found.items() if row_id not in known}
    if failing:
        first, expectation = next(iter(failing.items()))
        told = f"fails for {many(len(failing), 'row')} that were kept, first {first}"
        yield opened.damage(ref.path, expectation, told, ref.table)


def _broken_batches(
    opened: Opened, refs: list[TableRef], settings: Validate, refused: pa.Array, suites: Suites
) -> Iterator[Damage]:
    rows = pa.concat_tables([opened.rows[ref.path] for ref in refs], promote_options="permissive")
    (contract,) = contracts([refs[-1].table], settings)
    left = rows.filter(pc.invert(pc.is_in(rows["id"], value_set=refused)))
    for failure in suites.batch_failures(contract.table, contract.batch_level, left):
        expected = f"{failure['expectation']}: {failure['expected']}"
        yield opened.damage(refs[-1].path, expected, str(failure["observed"]), refs[-1].table)
