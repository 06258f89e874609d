"""The tables of docs/store.md, from what they declare: `python scripts/store_tables.py` writes them into it."""

import re
from collections.abc import Iterator
from pathlib import Path

from schemas.table import Parent, Table
from schemas.tables import TABLES

STORE = Path(__file__).resolve().parents[1] / "docs/store.md"
BEGIN, END = "<!-- of scripts/store_tables.py: begin -->\n", "<!-- of scripts/store_tables.py: end -->\n"
RELATIONS = {"made_of": "made of", "about": "says something of", "names": "mentions"}


def written(text: str) -> str:
    """The page with its tables as they are declared now. Raises ValueError for a page without the two marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"docs/store.md: expected {BEGIN.strip()} and, behind it, {END.strip()}")
    return f"{before}{begin}{''.join(_lines())}{end}{after}"


def _lines() -> Iterator[str]:
    yield "\n| table | a row is | what it names |\n|---|---|---|\n"
    for table in TABLES.values():
        marks = [mark for mark, holds in (("trains", table.trains), ("protected", table.protected)) if holds]
        meaning = table.meaning + (f" (*{', '.join(marks)}*)" if marks else "")
        yield f"| [{table.name}](#{_anchor(table)}) | {meaning} | {'; '.join(map(_named, table.parents)) or '-'} |\n"
    for table in TABLES.values():
        yield f"\n### {table.name}\n\n| column | type | meaning |\n|---|---|---|\n"
        for field in list(table.schema)[1:]:  # each begins with its id
            kind = re.sub(r"<(?:item|element): (.*)>", r" of \1", str(field.type)).replace("|", "/")
            null = ", null" if field.nullable else ""
            yield f"| `{field.name}` | {kind}{null} | {field.metadata[b'meaning'].decode().replace('|', '/')} |\n"
    yield "\n"


def _named(parent: Parent) -> str:
    tables = ", ".join(parent.tables) or "any table"
    return f"{RELATIONS[parent.relation]} `{parent.column}` ({tables})"


def _anchor(table: Table) -> str:
    return table.name.replace("/", "")


if __name__ == "__main__":
    STORE.write_text(written(STORE.read_text()))
