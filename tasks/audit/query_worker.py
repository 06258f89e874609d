"""The worker of `query`: one SELECT over some Parquet files, its WHERE from a user.

Run as a script, on its own: it imports nothing of the project. A condition can cost any memory and time inside one
call of DuckDB, which neither its memory limit nor an interrupt ends: so the kernel bounds the one, and whoever
started this process the other.
"""

import glob
import json
import resource
import sys
from typing import Any

MEMORY_BYTES = 256 * 1024**2
"""What DuckDB plans with."""
MAX_ADDRESS_BYTES = 2 * 1024**3
"""What the kernel allows, libraries included."""
MAX_CPU_SECONDS = 120
"""Should whoever has the clock be killed itself."""
MAX_ROWS_BYTES = 64 * 1024**2
"""Of the rows, as JSON."""
LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "allow_community_extensions": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # a table is never a variable of this process
    "temp_directory": "",  # nothing is written, whatever does not fit
    "memory_limit": f"{MEMORY_BYTES}B",
    "threads": 2,
}


ONE = "expected one expression, such as agreement < 0.5"


class Refused(Exception):
    """What is wrong with the condition, or with what was asked for."""


def main() -> None:
    """Answer `{tables, table, where, limit}` on standard input with `{rows, matched}` or `{fault}`."""
    import duckdb

    asked = json.load(sys.stdin)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_BYTES, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    try:
        answer = _answered(asked["tables"], asked["table"], asked["where"], asked["limit"])
    except Refused as refused:
        answer = {"fault": str(refused)}
    except (MemoryError, duckdb.OutOfMemoryException):
        answer = {"fault": "it takes too much memory"}
    except duckdb.Error as error:
        answer = {"fault": f"DuckDB says: {str(error).partition(_EXCERPT)[0]}"}
    json.dump(answer, sys.stdout)


_EXCERPT = "\n\nLINE "  # of the SELECT around the condition, which nobody typed


def _answered(tables: dict[str, list[str]], table: str, where: str, limit: int) -> dict[str, Any]:
    database = _opened(tables)
    _check_expression(database, table, where)
    told = f"from {_name(table)} where (\n{where}\n)"  # on lines of its own: it may end in a comment
    found = database.execute(f"select * {told} order by id limit {int(limit)}")
    columns = [column[0] for column in found.description]
    rows, size = [], 0
    while row := found.fetchone():
        rows.append(dict(zip(columns, row, strict=True)))
        size += len(json.dumps(rows[-1]))
        if size > MAX_ROWS_BYTES:
            raise Refused(f"more than {MAX_ROWS_BYTES >> 20} MB of rows; ask for fewer with --limit")
    matched = database.execute(f"select count(*) {told}").fetchone()
    return {"rows": rows, "matched": matched[0]}


def _opened(tables: dict[str, list[str]]) -> Any:
    """A database that can read these files, and can neither read, write nor load anything else from then on."""
    import duckdb

    database = duckdb.connect(config=LOCKED)
    escaped = {name: [glob.escape(path) for path in files] for name, files in tables.items()}
    for name, files in escaped.items():
        reading = f"read_parquet({_texts(files)}, hive_partitioning = false)"  # a store may lie below /data/run=3
        database.execute(f"create view {_name(name)} as select * from {reading}")
    allowed = [path for files in (*tables.values(), *escaped.values()) for path in files]
    database.execute(f"set allowed_paths = {_texts(allowed)}")
    database.execute("set enable_external_access = false")
    database.execute("set lock_configuration = true")
    return database


def _texts(texts: list[str]) -> str:
    return "[" + ", ".join("'" + text.replace("'", "''") + "'" for text in texts) + "]"


def _name(table: str) -> str:
    return '"' + table.replace('"', '""') + '"'


def _check_expression(database: Any, table: str, where: str) -> None:
    """Raises Refused unless the condition leaves the SELECT around it as `true` does: it must not close the
    bracket it stands in and go on with another clause or statement."""
    if _around(database, table, where) != _around(database, table, "true"):
        raise Refused(ONE)


def _around(database: Any, table: str, where: str) -> Any:
    """The syntax tree of the SELECT, without its condition."""
    if not where.strip():
        raise Refused(ONE)
    query = f"select * from {_name(table)} where (\n{where}\n)"
    (tree,) = database.execute("select json_serialize_sql(?)", [query]).fetchone()
    parsed = json.loads(tree)
    if parsed["error"]:
        raise Refused(f"DuckDB says: {parsed['error_message']}" if parsed["error_type"] == "parser" else ONE)
    for statement in parsed["statements"]:
        statement["node"].pop("where_clause", None)
    return parsed


if __name__ == "__main__":
    main()
