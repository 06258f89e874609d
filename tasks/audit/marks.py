"""Marks: whether rows say of themselves, as their stage's marker does, that a server at a URL was asked."""

from collections.abc import Iterator

import pyarrow.compute as pc

from schemas.manifest import StageRecord
from schemas.table import VERIFIED
from tasks.audit.damage import Damage
from tasks.audit.integrity import Opened
from tasks.figures import many


def wrong_marks(opened: Opened, markers: dict[str, StageRecord]) -> Iterator[Damage]:
    written = {ref.path: (ref, marker) for marker in markers.values() for ref in marker.tables.values()}
    for ref, marker in written.values():
        rows, verified = opened.rows.get(ref.path), marker.url_engine is None
        if rows is None or VERIFIED.field.name not in rows.schema.names:
            continue
        wrong = rows.filter(pc.fill_null(pc.not_equal(rows[VERIFIED.field.name], verified), True))["id"]
        if len(wrong):
            asked = "this program loaded the weights" if verified else "a server at a URL was asked"
            found = f"another for {many(len(wrong), 'row')}, first {wrong[0].as_py()}"
            yield opened.damage(ref.path, f"verified = {str(verified).lower()}: {asked}", found, ref.table)
