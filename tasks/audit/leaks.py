"""Contamination, looked for anew: no benchmark, sealed or probe row is trained on, or shown in a prompt."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from schemas.manifest import StageRecord
from schemas.settings import Contamination
from schemas.table import Table
from schemas.tables import TABLES
from tasks.audit.closure import Shelf
from tasks.audit.damage import Damage
from tasks.audit.integrity import Opened
from tasks.novelty.contamination import ProtectedTexts, protected_texts

TRAINING = [table.name for table in TABLES.values() if table.trains]
PROTECTED = [table.name for table in TABLES.values() if table.protected]


class Protected:
    """Benchmarks and probes by their content: most rounds share them."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], ProtectedTexts] = {}

    def of(self, opened: Opened, collected: StageRecord) -> ProtectedTexts | None:
        """The protected rows of a round, by the rule it was played with; None if they are damaged."""
        refs = [ref for t in PROTECTED for ref in opened.manifest.tables.get(t, [])]
        if any(ref.path not in opened.rows for ref in refs):
            return None
        rule = Contamination.model_validate(collected.settings.get("protection", {}))
        key = (rule, *(ref.digest for ref in refs))
        if key not in self._made:
            known = ((TABLES[ref.table].id_prefix, opened.rows[ref.path].to_pylist()) for ref in refs)
            self._made[key] = protected_texts(rule, *known)
        return self._made[key]


def leaks(opened: Opened, markers: dict[str, StageRecord], shelf: Shelf, protected: Protected) -> Iterator[Damage]:
    """Rows that repeat a protected one: what the user brought to learn from, and what training rows and prompts were
    made of."""
    texts = protected.of(opened, markers["collect"]) if "collect" in markers else None
    if texts is None:
        return  # named where markers and files are looked at
    for table in TABLES.values():
        for ref in opened.refs(table.name, controls=True):
            if (rows := opened.rows.get(ref.path)) is None or table.protected:
                continue
            if table.name.startswith("inputs/"):  # all of it: a control trains on it as it is
                yield from _hits(opened, ref.path, table.name, _asked(rows), texts)
            elif table.trains or _shows_rows(table):
                yield from _hits(opened, ref.path, table.name, _made_of(opened, shelf, table, rows), texts)


def _shows_rows(table: Table) -> bool:
    """Whether its prompts show rows to learn from: those that ask a question may ask one of known truth."""
    parents = {name for parent in table.parents for name in parent.tables}
    return "prompt" in table.schema.names and bool(parents) and not parents & set(PROTECTED)


def _made_of(opened: Opened, shelf: Shelf, table: Table, rows: pa.Table) -> dict[str, list[str]]:
    """Questions that these rows were made of, by id, up to rows of earlier rounds."""
    found: dict[str, list[str]] = {}
    above, seen = [(table, rows)], pa.array([], pa.string())
    while above:
        table, rows = above.pop()
        for parent in table.parents:
            if parent.relation == "made_of":
                named = rows[parent.column].combine_chunks()
                ids = pc.unique(pc.list_flatten(named) if parent.several else named).drop_null()
                ids = ids.filter(pc.invert(pc.is_in(ids, value_set=seen)))
                seen = pa.concat_arrays([seen, ids])
                tables = dict.fromkeys((*parent.tables, *PROTECTED))  # perhaps one is named where none belongs
                here = [(TABLES[name], each) for name in tables for each in _with(opened.tables(name), ids)]
                above += here
                earlier = _with(shelf.earlier(opened, *parent.tables, built_on=True), ids)
                for each in (*(each for _, each in here), *earlier):
                    found |= _asked(each)
    return found


def _with(tables: list[pa.Table] | None, ids: pa.Array) -> list[pa.Table]:
    """Of each table the rows with these ids, if there are any."""
    there = [rows.filter(pc.is_in(rows["id"], value_set=ids)) for rows in tables or []] if len(ids) else []
    return [rows for rows in there if len(rows)]


def _asked(rows: pa.Table) -> dict[str, list[str]]:
    """Id -> question, of rows that have one, or a document and its lines."""
    if "question" in rows.column_names:
        return {row_id: [text] for row_id, text in _pairs(rows, "question")}
    if "licence" in rows.column_names:
        return {row_id: [text, *text.splitlines()] for row_id, text in _pairs(rows, "text")}
    return {}


def _pairs(rows: pa.Table, column: str) -> Iterator[tuple[str, str]]:
    return zip(rows["id"].to_pylist(), rows[column].to_pylist(), strict=True)


def _hits(
    opened: Opened, path: str, table: str, texts: dict[str, list[str]], protected: ProtectedTexts
) -> Iterator[Damage]:
    hits = {row_id: hit for row_id, each in texts.items() for text in each if (hit := protected.find(text))}
    if hits:
        row_id, hit = next(iter(hits.items()))
        found = f"{len(hits):,}, first {row_id}: {hit.kind} of {hit.row_id} ({hit.set_name})"
        yield opened.damage(path, "no question that repeats a benchmark or probe row", found, table)
