"""The rows that a user brought: which file of the recipe they were read from."""

import tomllib
from typing import Any

from schemas.errors import Damaged
from schemas.manifest import Manifest
from schemas.table import Table
from tasks.audit.rows import Row, Rows


def source_of(rows: Rows, m: Manifest, table: Table, row: Row | None) -> Row | None:
    """The recipe's key, its file or generator, and the row there; None for a row that the round made. Raises Damaged
    if the round's recipe is gone or no TOML."""
    folder, _, name = table.name.rpartition("/")
    if folder != "inputs":
        return None
    path = rows.lineage.round_folder(m.round) / "recipe.toml"
    try:
        recipe: dict[str, Any] = tomllib.loads(path.read_bytes().decode())
        files = {
            f"data.{key}": section.get("path", section.get("generator"))
            for key, section in recipe.get("data", {}).items()
        }
        files |= {f"benchmarks.{each['name']}": each.get("path") for each in recipe.get("benchmarks", [])}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{path}: gone, or not the recipe that was played; restore it from a copy") from error
    key = f"benchmarks.{row['benchmark']}" if row and "benchmark" in row else f"data.{name}"
    return {"key": key, "path": files.get(key), "row": row["source_row"] if row else None}
