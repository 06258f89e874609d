"""Rows of a published round by a user's condition: DuckDB over the very files that the manifest names."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from schemas.errors import BadInput
from schemas.manifest import Manifest, TableRef
from tasks.audit import query_worker
from tasks.store.lineage import Lineage
from tasks.store.objects import whole_copy

SECONDS = 20.0
EVERY = "true"


@dataclass(frozen=True)
class Found:
    """Rows of a table, by id, and how many there are beyond the limit."""

    table: str
    rows: list[dict[str, Any]]
    matched: int


def find_rows(lineage: Lineage, m: Manifest, table: str, where: str = EVERY, limit: int = 20) -> Found:
    """The first rows, by id, for which `where` holds: one SQL expression over the table's columns, which may look
    into the round's other tables.

    Each file is held against its digest first. Raises Damaged if one is not what was written, BadInput for a table
    that the round does not have and for a condition that DuckDB refuses or that takes too long or too much memory.
    """
    name = table_name(m, table)
    short = {known.rsplit("/", 1)[-1]: refs for known, refs in m.tables.items()}
    named = {known: refs for known, refs in short.items() if known == name or known in where}
    asked = {
        "tables": {known: _files(lineage, refs) for known, refs in named.items()},
        "table": name,
        "where": where,
        "limit": limit,
    }
    answer = _answer(asked)
    if fault := answer.get("fault"):
        raise BadInput(f"--where {where[:200]}: {fault}")
    return Found(name, answer["rows"], answer["matched"])


def table_name(m: Manifest, table: str) -> str:
    """A table's name as SQL has it: `seeds` for inputs/seeds. Raises BadInput if the round has no such table."""
    names = sorted(name for name, refs in m.tables.items() if any(ref.files for ref in refs))
    for name in names:
        if table in (name, name.rsplit("/", 1)[-1]):
            return name.rsplit("/", 1)[-1]
    there = f"it has {', '.join(names)}" if names else "it has none"
    raise BadInput(f"{table[:100]}: no such table in {m.recipe}/{m.round}; {there}")


def _files(lineage: Lineage, refs: list[TableRef]) -> list[str]:
    return [
        str(whole_copy(lineage.folder / ref.path / name, digest))
        for ref in refs
        for name, digest in sorted(ref.files.items())
    ]


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    """What the worker says, in a process that is ended by the clock."""
    command = [sys.executable, "-P", query_worker.__file__]  # -P: its folder must not shadow the libraries
    request = json.dumps(asked).encode()
    try:
        ended = subprocess.run(command, input=request, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return {"fault": f"it takes more than {SECONDS:.0f} s"}
    if ended.returncode < 0:  # where a library cannot say that memory is out, it aborts
        return {"fault": "it takes too much memory"}
    if ended.returncode:
        raise RuntimeError(ended.stderr.decode(errors="replace"))
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer
