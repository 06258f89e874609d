"""Where a round's rows came from: the user's files, the few-shots, the proposal that a question stood in."""

import hashlib
import tomllib
from collections.abc import Iterator
from typing import Any

from schemas.errors import Damaged
from schemas.manifest import Manifest, TableRef
from schemas.questions import QUESTIONS
from tasks.audit.rows import Row, Rows
from tasks.store.identity import row_id
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


def proposal_of(rows: Rows, m: Manifest, question_id: str, question: Row | None) -> Row | None:
    """The proposal a question was parsed from. A refused question does not name it: its id does, as its hash."""
    if question:
        return rows.by_id([question["proposal_id"]]).get(question["proposal_id"])
    for ref in m.tables.get("proposals", []):
        for proposal_id, text in rows.columns(ref, "id", "text"):
            if question_id in items_of(m, ref, proposal_id, text):
                return rows.by_id([proposal_id]).get(proposal_id)
    return None


def questions_of(rows: Rows, m: Manifest, proposal: Row) -> list[Row]:
    """What was parsed from a proposal, in order: admitted, or refused with the reason."""
    (ref,) = m.tables["proposals"]
    items = list(items_of(m, ref, proposal["id"], proposal["text"]))
    admitted = {row["id"]: row for row in rows.where(m, "questions", "proposal_id", [proposal["id"]])}
    refused = {row["id"]: row for row in rows.where(m, "dropped", "id", items) if row["stage"] == "propose"}
    return [
        {"id": row_id, "item": item, "text": row["text"], "refused": refused.get(row_id, {}).get("reason")}
        for item, row_id in enumerate(items)
        if (row := admitted.get(row_id) or refused.get(row_id))
    ]


def items_of(m: Manifest, proposals: TableRef, proposal_id: str, text: str) -> Iterator[str]:
    """The ids that questions of a proposal may have: no more than it has lines."""
    key, round = proposals.path.rpartition("/")[2], int(proposal_id.split("-")[1])
    label = next(shown for shown, played in m.stages.items() if played == key).partition(".")[2]
    for item in range(len(text.splitlines())):
        yield row_id(QUESTIONS, round, m.seed, label, proposal_id, item)
