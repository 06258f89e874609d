"""From a row to what it was made of, and to what was made and said of that, by what the tables declare alone."""

from collections.abc import Iterable

from schemas.manifest import Manifest
from schemas.table import Table
from schemas.tables import TABLES
from tasks.audit.rows import Placed, Rows, edges

MOST_ABOVE = 300  # rows: few-shots have few-shots of their own, through all rounds
MOST_NAMING = 100  # rows of a table that name one that is no subject
Found = dict[str, Placed]


def above(rows: Rows, named: list[str]) -> tuple[Found, int]:
    """What a row that names these was made of, the nearest first, through all rounds; and how many were left out."""
    found: Found = {}
    ids = named
    while ids and (room := MOST_ABOVE - len(found)) > 0:
        new = rows.by_id(ids[:room])
        found |= new
        further = (name for placed in new.values() for name in placed.named("made_of", "about"))
        ids = [name for name in dict.fromkeys([*ids[room:], *further]) if name not in found]
    return found, len(ids)


def line_of(named: Iterable[str], among: Found) -> Found:
    """Of what a row was made of: what it speaks of, or what it was made of one by one; not what was only shown."""
    found: Found = {}
    ids = list(named)
    while ids:
        new = {name: among[name] for name in ids if name in among and name not in found}
        found |= new
        ids = [name for placed in new.values() for name in leads(placed)]
    return found


def leads(placed: Placed) -> list[str]:
    return placed.named("about") or placed.named("made_of", alone=True)


def subject_of(rows: Rows, m: Manifest, row_id: str, table: Table, line: Found) -> str | None:
    """Of a row's line, the one that others do speak of and that goes back to none of which they do; of several such
    (two graded answers), what all of them go back to (their question). Else the row itself, if others speak of it, if
    they would speak of no rows but those of its table, or if it is the user's own."""
    subjects = [name for name, placed in line.items() if _spoken_of(rows, rounds_of(m, placed), name)]
    behind = {name: line_of(leads(line[name]), line).keys() for name in subjects}
    first = [name for name in subjects if not behind[name] & {*subjects}]
    if len(first) > 1:
        first = [name for name in line if all(name in behind[each] for each in first)] or first
    about = [parent.tables for _, parent in edges() if parent.relation == "about" and table.name in parent.tables]
    may_be = (table.name,) in about or (about and not table.edges)
    return first[0] if first else row_id if may_be or _spoken_of(rows, [m], row_id) else None


def _spoken_of(rows: Rows, rounds: list[Manifest], row_id: str) -> bool:
    speaking = [(table, parent) for table, parent in edges() if parent.relation == "about"]
    return any(
        rows.naming(m, table.name, parent.column, [row_id])
        for table, parent in speaking
        if _stands_in(row_id, parent.tables)
        for m in rounds
    )


def rounds_of(m: Manifest, subject: Placed | None) -> list[Manifest]:
    """The round of a row, and that of its subject, if a later round took its rows again."""
    if subject is None or subject.round.round == m.round:
        return [m]
    copied = subject.ref.digest in {ref.digest for ref in m.tables.get(subject.ref.table, [])}
    return [m] if copied else [subject.round, m]


def around(rows: Rows, rounds: list[Manifest], subject: str) -> Found:
    """All that a row became one by one, and what speaks of that, in these rounds."""
    found: Found = {}
    frontier = {subject}
    while frontier:
        new: Found = {}
        for table, parent in edges():
            wanted = [] if parent.several else [name for name in frontier if _stands_in(name, parent.tables)]
            for m in rounds if wanted else ():
                new |= {each.row["id"]: each for each in rows.naming(m, table.name, parent.column, wanted)}
        frontier = new.keys() - found.keys()
        found |= new
    return found


def _stands_in(row_id: str, tables: tuple[str, ...]) -> bool:
    return row_id.partition("-")[0] in {TABLES[name].id_prefix for name in tables}


def naming(rows: Rows, m: Manifest, row_id: str, of: Table, every: bool) -> tuple[Found, int]:
    """What names a row at once: as one of several or, with `every`, anyhow; and how many were left out."""
    found: Found = {}
    left_out = 0
    for table, parent in edges():
        if of.name in parent.tables and (every or parent.several):
            there = rows.naming(m, table.name, parent.column, [row_id])
            found |= {each.row["id"]: each for each in there[:MOST_NAMING]}
            left_out += len(there[MOST_NAMING:])
    return found, left_out


def below(row_id: str, among: Found) -> set[str]:
    """Of the rows around one, those that were made of it."""
    found, before = {row_id}, 0
    while len(found) > before:
        before = len(found)
        found |= {name for name, placed in among.items() if found & {*placed.named("made_of")}}
    return found - {row_id}
