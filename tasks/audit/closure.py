"""Ancestry closure: every parent that a row names exists, in its round or in one that the round was built on."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import Damaged
from schemas.manifest import TableRef
from schemas.tables import TABLES
from tasks.audit.damage import Damage
from tasks.audit.integrity import Opened
from tasks.store.lineage import Lineage
from tasks.store.parquet import read_table

ASKED = ("questions", "inputs/probe", "inputs/gold")
PARENTS = {  # (table, column) -> where the parent stands, in the same round
    ("proposals", "fewshot_ids"): ("inputs/seeds",),
    ("questions", "proposal_id"): ("proposals",),
    ("questions", "nearest_id"): ("inputs/seeds", "questions"),
    ("attempts", "question_id"): ASKED,
    ("answers", "attempt_id"): ("attempts",),
    ("answers", "question_id"): ("questions", "inputs/probe"),
    ("verdicts", "question_id"): ("questions",),
    ("probe_verdicts", "question_id"): ("inputs/probe",),
    ("selections", "question_id"): ("questions",),
    ("selections", "verdict_id"): ("verdicts",),
    ("base_samples", "question_id"): ("questions",),
    ("contamination", "row_id"): ("questions", "inputs/seeds", "inputs/gold", "dropped"),
    ("contamination", "protected_id"): ("inputs/probe", "inputs/benchmark_items"),
    ("sft_examples", "question_id"): ("questions", "inputs/gold"),
    ("sft_examples", "attempt_id"): ("attempts",),
    ("preference_pairs", "question_id"): ("questions", "inputs/gold"),
    ("preference_pairs", "chosen_attempt_id"): ("attempts",),
    ("preference_pairs", "rejected_attempt_id"): ("attempts",),
    ("reference_logps", "pair_id"): ("preference_pairs",),
    ("advantages", "question_id"): ("questions",),
    ("advantages", "attempt_id"): ("attempts",),
    ("evaluations", "item_id"): ("inputs/benchmark_items",),
}
EARLIER = {  # where else: in rounds that it was built on, or in any earlier one
    ("sft_examples", "question_id"): ("questions", True),
    ("sft_examples", "attempt_id"): ("attempts", True),
    ("proposals", "fewshot_ids"): ("selections", True),
    ("questions", "nearest_id"): ("questions", False),
    ("reference_logps", "pair_id"): ("preference_pairs", True),
}


class Shelf:
    """Tables of earlier rounds, read once each."""

    def __init__(self, lineage: Lineage) -> None:
        self.lineage = lineage
        self._read: dict[str, pa.Table | None] = {}

    def rows(self, ref: TableRef) -> pa.Table | None:
        """`id` and `text` of a table; None if it is damaged: it is named where its own round is looked at."""
        if ref.path not in self._read:
            try:
                self._read[ref.path] = read_table(self.lineage.folder, ref, TABLES[ref.table]).select(["id", "text"])
            except (Damaged, pa.ArrowException, KeyError):
                self._read[ref.path] = None
        return self._read[ref.path]

    def earlier(self, opened: Opened, table: str, built_on: bool) -> list[pa.Table] | None:
        """A table of the rounds that one was built on, or of all before it; None if any is damaged."""
        m = opened.manifest
        before = [e for e in self.lineage.manifests if e.round < m.round and (not built_on or e.round in m.built_on)]
        found = [self.rows(ref) for e in before for ref in e.tables.get(table, [])]
        return None if any(rows is None for rows in found) else [rows for rows in found if rows is not None]


def orphans(opened: Opened, shelf: Shelf) -> Iterator[Damage]:
    """Rows whose parent is gone. What a damaged table would have held is not missed: that table is named already."""
    m = opened.manifest
    weights = {ref.digest for ref in (m.base, m.champion, m.candidate) if ref}
    for controls in (False, True):  # a control builds on the round's own rows, never the other way round
        for (table, column), parents in PARENTS.items():
            refs, known = _written(opened, table, controls), opened.tables(*parents, controls=controls)
            if known is None:
                continue
            what = f"a row of {' or '.join(parents)}"
            gone = list(_unknown(opened, refs, column, _ids(known), what))
            if gone and (table, column) in EARLIER:
                earlier = shelf.earlier(opened, *EARLIER[table, column])
                gone = [] if earlier is None else list(_unknown(opened, refs, column, _ids(known + earlier), what))
            yield from gone
        trained = set(_trained(opened, "train.control-" if controls else "train.wave-"))
        authors = {m.champion.digest, *_teachers(opened)}
        for table, digests in (
            ("attempts", authors | trained),
            ("base_samples", {m.base.digest}),
            ("evaluations", weights | trained),
        ):
            refs, allowed = _written(opened, table, controls), pa.array(digests, pa.string())
            yield from _unknown(opened, refs, "checkpoint", allowed, "weights of the round")


def _written(opened: Opened, table: str, controls: bool) -> list[TableRef]:
    """A table as the round's own stages wrote it, or those of its controls."""
    own = opened.refs(table, controls=False)
    return [ref for ref in opened.refs(table, controls=True) if ref not in own] if controls else own


def _ids(tables: list[pa.Table]) -> pa.ChunkedArray:
    return pa.chunked_array([chunk for rows in tables for chunk in rows["id"].chunks], pa.string())


def _trained(opened: Opened, played: str) -> Iterator[str]:
    """Weights that a wave left for the next one to answer with, which may have failed before it was trained, or those
    of controls. A marker that cannot be read is named already."""
    m = opened.manifest
    for shown, key in m.stages.items():
        if shown.startswith(played) and (record := opened.lineage.stage_record(m.round, "train", key)):
            yield from record.objects


def _teachers(opened: Opened) -> Iterator[str]:
    """Others' models that the round asked for attempts, by the names that stand in its keys."""
    m = opened.manifest
    for shown, key in m.stages.items():
        record = opened.lineage.stage_record(m.round, "solve", key) if shown.startswith("solve") else None
        if record and record.teacher:
            yield record.teacher


def _unknown(opened: Opened, refs: list[TableRef], column: str, known: pa.Array, what: str) -> Iterator[Damage]:
    for ref in refs:
        if (rows := opened.rows.get(ref.path)) is None:
            continue
        values, owners = rows[column], rows["id"]
        if pa.types.is_list(values.type):  # a row's few-shots, each with the row's id
            together = values.combine_chunks()
            owners = owners.combine_chunks().take(pc.list_parent_indices(together))
            values = pc.list_flatten(together)
        gone = pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, value_set=known)))
        if count := pc.sum(gone).as_py():
            first, parent = owners.filter(gone)[0].as_py(), values.filter(gone)[0].as_py()
            found = f"gone for {count:,} row{'s' * (count > 1)}, first {first}, which names {parent}"
            yield opened.damage(ref.path, f"{column}: {what}", found, ref.table)
