"""The rows that a round's page shows, each with its story: some of every kind, the same ones each time, and no more
than a page can carry."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from schemas.manifest import Manifest
from schemas.tables import TABLES
from tasks.audit.ancestry import explain
from tasks.audit.rows import Rows
from tasks.store.lineage import Lineage
from tasks.store.parquet import read_table

ROWS = 240
BYTES = 3_000_000  # of a page's rows and stories, as JSON
LONGEST = 2_000  # characters of one text
SHARED = 120  # a text of more characters that many rows name is written once
KEPT = {"selections": "text", "sft_examples": "completion", "preference_pairs": "chosen"}

Row = dict[str, Any]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Sample:
    """Rows of a round, and how many there are of each kind."""

    rows: list[Row]
    texts: list[str]
    """What `{"$": n}` stands for in a row or its story."""
    kinds: list[Row]
    """Of each kind: its name, whether it was kept, how many are shown, and of how many."""

    @property
    def shown(self) -> int:
        return len(self.rows)

    @property
    def total(self) -> int:
        return sum(int(kind["total"]) for kind in self.kinds)


def sample_rows(lineage: Lineage, m: Manifest, progress: Progress) -> Sample:
    """The first row of every kind, then the second, and so on. Ids are hashes: the first of them are a fair draw."""
    kinds = dict(_kinds(lineage, m))
    texts: dict[str, int] = {}
    found: dict[str, list[Row]] = defaultdict(list)
    rows, spent, shown = Rows(lineage), 0, 0
    wanted = min(ROWS, sum(len(listed) for listed in kinds.values()))
    for kind, row in _in_turn({kind: listed.slice(0, ROWS).to_pylist() for kind, listed in kinds.items()}):
        story = asdict(explain(lineage, row["id"], rows))
        entry = _shared({**_listed(kind, row), "why": story}, texts)
        spent += len(orjson.dumps(entry))
        if shown == ROWS or spent + sum(map(len, texts)) > BYTES:
            break
        found[kind].append(entry)
        shown += 1
        progress(shown, wanted, "rows")
    return Sample(
        rows=[entry for kind in kinds for entry in found[kind]],
        texts=list(texts),
        kinds=[
            {"kind": kind, "kept": not kind.startswith("dropped"), "shown": len(found[kind]), "total": len(listed)}
            for kind, listed in kinds.items()
        ],
    )


def _kinds(lineage: Lineage, m: Manifest) -> Iterator[tuple[str, pa.Table]]:
    """Kept rows by table, the probe's, and the dropped ones by reason."""
    for table in (*KEPT, "probe_verdicts"):
        for ref in m.tables.get(table, []):
            yield table, read_table(lineage.folder, ref, TABLES[table])
    dropped = [read_table(lineage.folder, ref, TABLES["dropped"]) for ref in m.tables.get("dropped", [])]
    if dropped:
        together = pa.concat_tables(dropped).sort_by("id")
        for reason in sorted(set(together["reason"].to_pylist())):
            yield f"dropped: {reason}", together.filter(pc.equal(together["reason"], reason))


def _in_turn(kinds: dict[str, list[Row]]) -> Iterator[tuple[str, Row]]:
    for abreast in zip_longest(*kinds.values()):
        yield from ((kind, row) for kind, row in zip(kinds, abreast, strict=True) if row is not None)


def _listed(kind: str, row: Row) -> Row:
    """What the list shows of a row."""
    text = row.get(KEPT.get(kind, "text")) or ""
    facts = {name: row[name] for name in ("answer", "agreement", "figure", "threshold", "correct") if row.get(name) is not None}
    return {"id": row["id"], "kind": kind, "table": row.get("table", kind), "stage": row.get("stage"), "text": text} | facts


def _shared(value: Any, texts: dict[str, int]) -> Any:
    """A row's story as the page keeps it: texts cut, long ones written once."""
    if isinstance(value, dict):
        return {name: _shared(part, texts) for name, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_shared(part, texts) for part in value]
    if isinstance(value, str) and len(value) > SHARED:
        cut = value if len(value) <= LONGEST else f"{value[:LONGEST]}… ({len(value):,} characters in all)"
        return {"$": texts.setdefault(cut, len(texts))}
    return value
