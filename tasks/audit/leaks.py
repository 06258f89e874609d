"""Contamination, looked for anew: no benchmark, sealed or probe row in a training table, in gold or a few-shot."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from schemas.manifest import StageRecord
from schemas.table import Table
from schemas.tables import TABLES
from tasks.audit.closure import Shelf
from tasks.audit.damage import Damage
from tasks.audit.integrity import Opened
from tasks.novelty.contamination import ProtectedTexts

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
        ngram, near = collected.inputs.get("ngram"), collected.inputs.get("near")
        key = (ngram, near, *(ref.digest for ref in refs))
        if key not in self._made:
            rows = [(ref, row) for ref in refs for row in opened.rows[ref.path].to_pylist()]
            named = [(row.get("benchmark", "probe"), row["id"], row["question"]) for _, row in rows]
            self._made[key] = ProtectedTexts(named, ngram=ngram, near=near)
        return self._made[key]


def leaks(opened: Opened, markers: dict[str, StageRecord], shelf: Shelf, protected: Protected) -> Iterator[Damage]:
    """Training rows and few-shots that repeat a protected row."""
    texts = protected.of(opened, markers["collect"]) if "collect" in markers else None
    if texts is None:
        return  # named where markers and files are looked at
    questions = opened.tables("questions", "inputs/probe", "inputs/gold")
    for table in TRAINING:
        for ref in opened.refs(table, controls=True):
            if questions is not None and ref.path in opened.rows:
                asked = pa.array(sorted(_asked(opened, TABLES[table], opened.rows[ref.path])), pa.string())
                found = _texts(questions, asked)
                if len(found) < len(asked):  # rows of earlier rounds, again
                    found |= _texts(shelf.earlier(opened, "questions", built_on=True) or [], asked)
                yield from _hits(opened, ref.path, table, found, texts)
    for ref in opened.manifest.tables.get("inputs/gold", []):
        if ref.path in opened.rows:  # all of it: a control trains on it as it is
            gold = [opened.rows[ref.path]]
            yield from _hits(opened, ref.path, "inputs/gold", _texts(gold, gold[0]["id"].combine_chunks()), texts)
    shown = shelf.earlier(opened, "selections", built_on=True)
    seeds = opened.tables("inputs/seeds")
    for ref in opened.manifest.tables.get("proposals", []):
        if shown is not None and seeds is not None and ref.path in opened.rows:
            ids = pc.unique(pc.list_flatten(opened.rows[ref.path]["shown_ids"].combine_chunks()))
            yield from _hits(opened, ref.path, "proposals", _texts([*shown, *seeds], ids), texts)


def _asked(opened: Opened, table: Table, rows: pa.Table) -> set[str]:
    """Ids of the questions that rows are made of, however far up."""
    found: set[str] = set()
    for parent in table.edges:
        ids = rows[parent.column].combine_chunks()
        named = set(pc.unique(pc.list_flatten(ids) if parent.several else ids).to_pylist()) - {None}
        for above in (TABLES[name] for name in parent.tables):
            of_it = {row_id for row_id in named if row_id.startswith(f"{above.id_prefix}-")}
            if "question" in above.schema.names:
                found |= of_it
            elif of_it and (tables := opened.tables(above.name)):
                there = pa.concat_tables(tables)
                kept = there.filter(pc.is_in(there["id"], value_set=pa.array(sorted(of_it), pa.string())))
                found |= _asked(opened, above, kept)
    return found


def _texts(tables: list[pa.Table], ids: pa.Array) -> dict[str, str]:
    found: dict[str, str] = {}
    for rows in tables:
        there = rows.filter(pc.is_in(rows["id"], value_set=ids))
        text = there["question"]
        found.update(zip(there["id"].to_pylist(), text.to_pylist(), strict=True))
    return found


def _hits(
    opened: Opened, path: str, table: str, texts: dict[str, str], protected: ProtectedTexts
) -> Iterator[Damage]:
    hits = {row_id: hit for row_id, text in texts.items() if (hit := protected.find(text))}
    if hits:
        row_id, hit = next(iter(hits.items()))
        found = f"{len(hits):,}, first {row_id}: {hit.kind} of {hit.row_id} ({hit.set_name})"
        yield opened.damage(path, "no question that repeats a benchmark or probe row", found, table)
