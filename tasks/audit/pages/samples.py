"""The rows that a round's page shows, each with its story: some of every kind, the same ones each time, and no more
than a page can carry."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from schemas.manifest import Manifest
from schemas.tables import MEASURED, TABLES
from tasks.audit.ancestry import Explained, explain
from tasks.audit.rows import Rows
from tasks.store.lineage import Lineage
from tasks.store.parquet import read_table

ROWS = 240
BYTES = 2_000_000  # of a page's rows and stories, as JSON
LONGEST = 2_000  # characters of one text
SHARED = 100  # bytes of what is worth a place of its own
SHOWN = [  # what is trained on, what later rounds read, and what was said of rows of known truth
    table
    for table in TABLES.values()
    if (table.trains or table.later or table.name in MEASURED) and table.name not in ("dropped", "evaluations")
]
TEXTS = ("completion", "chosen", "text", "question")  # columns that say what a row is about, the best first

Row = dict[str, Any]
Step = Callable[[int], None]


@dataclass(frozen=True)
class Sample:
    """Rows of a round, and how many there are of each kind."""

    rows: list[Row]
    shared: list[Any]
    """What `{"$": n}` stands for in a row, in its story, or in another of these."""
    kinds: list[Row]
    """Of each kind: its name, how many rows of it are shown, and of how many."""

    @property
    def total(self) -> int:
        return sum(int(kind["total"]) for kind in self.kinds)


def sample_rows(lineage: Lineage, m: Manifest, step: Step) -> Sample:
    """The first row of every kind, then the second, and so on. Ids are hashes: the first of them are a fair draw."""
    kinds = dict(_kinds(lineage, m))
    rows, shared, found, spent = Rows(lineage), _Shared(), [], 0
    for kind, row in islice(_in_turn(kinds), ROWS):
        story = explain(lineage, row["id"], rows)
        entry = shared.of({**_listed(kind, row, story), "why": vars(story)})
        spent += len(orjson.dumps(entry))
        if spent + shared.bytes > BYTES:
            break
        found.append(entry)
        step(len(found))
    shown = Counter(entry["kind"] for entry in found)
    return Sample(
        rows=found,
        shared=shared.values,
        kinds=[{"kind": kind, "shown": shown[kind], "total": len(listed)} for kind, listed in kinds.items()],
    )


class _Shared:
    """Texts and records that several stories name: cut to what a page can carry, and written once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.bytes = 0
        self._places: dict[bytes, int] = {}

    def of(self, row: Row) -> Row:
        return {name: self._of(value) for name, value in row.items() if value is not None}

    def _of(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._once(self.of(value))
        if isinstance(value, list | tuple):
            return [self._of(part) for part in value]
        if isinstance(value, str) and len(value) > LONGEST:
            value = f"{value[:LONGEST]}… ({len(value):,} characters in all)"
        return self._once(value) if isinstance(value, str) else value

    def _once(self, value: Any) -> Any:
        written = orjson.dumps(value)
        if len(written) < SHARED:
            return value
        if written not in self._places:
            self._places[written] = len(self.values)
            self.values.append(value)
            self.bytes += len(written)
        return {"$": self._places[written]}


def _kinds(lineage: Lineage, m: Manifest) -> Iterator[tuple[str, pa.Table]]:
    """Kept rows by table, and the dropped ones by reason."""
    for table in SHOWN:
        if m.tables.get(table.name):
            yield table.name, table_of(lineage, m, table.name).sort_by("id")
    dropped = table_of(lineage, m, "dropped").sort_by("id")
    for reason in sorted(set(dropped["reason"].to_pylist())):
        yield f"dropped: {reason}", dropped.filter(pc.equal(dropped["reason"], reason))


def table_of(lineage: Lineage, m: Manifest, name: str) -> pa.Table:
    """A round's table, of all stages that wrote it."""
    parts = [read_table(lineage.folder, ref, TABLES[name]) for ref in m.tables.get(name, [])]
    return pa.concat_tables(parts) if parts else TABLES[name].schema.empty_table()


def _in_turn(kinds: dict[str, pa.Table]) -> Iterator[tuple[str, Row]]:
    for place in range(max(map(len, kinds.values()), default=0)):
        for kind, rows in kinds.items():
            if place < len(rows):
                yield kind, rows.slice(place, 1).to_pylist()[0]


def _listed(kind: str, row: Row, story: Explained) -> Row:
    """What the list shows of a row; one without a text of its own is about another's."""
    asked = story.subject or {}
    text = (
        next((row[name] for name in TEXTS if row.get(name)), None) or asked.get("question") or asked.get("text", "")
    )
    facts = {name: row[name] for name in ("answer", "agreement", "figure", "threshold") if row.get(name) is not None}
    if "correct" in row:
        facts["found"] = {True: "right", False: "wrong", None: "undecided"}[row["correct"]]
    return {
        "id": row["id"],
        "kind": kind,
        "table": row.get("table", kind),
        "stage": row.get("stage"),
        "text": text,
    } | facts
