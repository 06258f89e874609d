"""Where a round's rows came from: the user's files, the few-shots, the proposal that a question stood in."""

import hashlib
import tomllib
from typing import Any

from schemas.errors import Damaged
from schemas.manifest import Manifest
from tasks.audit.rows import Row, Rows
from tasks.store.lineage import Lineage

SOURCES = {"inputs/seeds": "seeds", "inputs/probe": "probe", "inputs/gold": "gold"}


def with_digest(row: Row) -> Row:
    """A row that holds a prompt, with the SHA-256 of its text."""
    return row | {"prompt_digest": hashlib.sha256(row["prompt"].encode()).hexdigest()} if "prompt" in row else row


def source_of(lineage: Lineage, m: Manifest, table: str, row: Row | None) -> Row | None:
    """The file of the recipe that an input's row was read from; None for other tables. Raises Damaged if the round's
    recipe is gone or no TOML."""
    if table not in (*SOURCES, "inputs/benchmark_items"):
        return None
    path = lineage.round_folder(m.round) / "recipe.toml"
    try:
        recipe: dict[str, Any] = tomllib.loads(path.read_bytes().decode())
    except (FileNotFoundError, ValueError) as error:
        raise Damaged(f"{path}: gone, or not the recipe that was played; restore it from a copy") from error
    source_row = row["source_row"] if row else None
    if table in SOURCES:
        name = SOURCES[table]
        return {"key": f"data.{name}", "path": recipe["data"][name]["path"], "row": source_row}
    asked = {benchmark["name"]: benchmark["path"] for benchmark in recipe["benchmarks"]}
    name = row["benchmark"] if row else ""
    return {"key": f"benchmarks.{name}", "path": asked.get(name), "row": source_row}


def fewshots_of(rows: Rows, proposal: Row | None) -> list[Row]:
    """The questions shown, in order: seeds, or selections of earlier rounds."""
    ids = proposal["fewshot_ids"] if proposal else []
    found = rows.by_id(ids)
    return [found[row_id] for row_id in ids if row_id in found]


def proposal_of(rows: Rows, question: Row | None, refused: list[Row]) -> Row | None:
    """The proposal a question was parsed from, as it says, or as its refusal does."""
    named = [question["proposal_id"]] if question else [name for row in refused for name in row["parents"] or ()]
    return rows.by_id(named).get(named[0]) if named else None


def questions_of(rows: Rows, m: Manifest, proposal: Row) -> list[Row]:
    """What was parsed from a proposal: admitted in its order, then refused with the reason."""
    admitted = rows.where(m, "questions", "proposal_id", [proposal["id"]])
    found = [
        {"id": row["id"], "item": row["item"], "text": row["text"], "refused": None}
        for row in sorted(admitted, key=_place)
    ]
    refused = rows.where(m, "dropped", "parents", [proposal["id"]])
    return found + [{"id": row["id"], "text": row["text"], "refused": row["reason"]} for row in refused]


def _place(question: Row) -> int:
    return int(question["item"])
