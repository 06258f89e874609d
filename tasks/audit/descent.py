"""Descent: what was made of a row, forward through every round, to the checkpoints and their scores."""

from dataclasses import dataclass
from itertools import chain

from schemas.controls import arm_of
from schemas.manifest import Manifest
from schemas.tables import TABLES
from tasks.audit.rows import Placed, Row, Rows, edges, strings
from tasks.audit.weights import checkpoint, left_by, trained_on
from tasks.store.lineage import Lineage

DROPPED = ("id", "table", "stage", "reason", "figure", "threshold")
Made = dict[str, set[str]]  # table -> ids


@dataclass(frozen=True)
class Descent:
    """What came of a row, in plain values."""

    id: str
    table: str
    recipe: str
    round: int
    dropped: list[Row]
    """Each time that the row itself was dropped."""
    rounds: list[Row]
    """Round, decision, `made` (table -> ids), `dropped` (of those, and rows refused that were made of them),
    `trained`."""
    checkpoints: list[Row]
    """Trained on any of it, each with its scores; of a row that nothing was made of, what wrote it."""
    arm: str = ""
    """The control that wrote it: no round is built on that."""


def follow(lineage: Lineage, row_id: str) -> Descent:
    """Everything that was made of a row or says something of it, few-shots of later rounds and what was made with
    them included.

    What speaks of a row (a verdict, a selection) labels it: training rows made of that row are reached by it. An
    attempt leads to what holds its text; of the label that it voted on it is one voice of many. Raises BadInput for
    an id that is none or that no row has, Damaged if a file is not what was written.
    """
    rows = Rows(lineage)
    table, home = rows.home(row_id)
    own, dropped = rows.find(row_id)
    arm = arm_of(rows.control_of(row_id)) if own else ""
    known: Made = {table.name: {row_id}}
    labelled = set(own.named("about")) if own else set()
    rounds = []
    for m in lineage.manifests if own and not arm else ():
        if m.round >= home.round:
            made = _made_in(rows, m, known, labelled)
            told = _told(rows, m, made, known if m.round == home.round else {})
            rounds += [told] if told["made"] or told["trained"] or told["dropped"] else []
            known = {name: known.get(name, set()) | made.get(name, set()) for name in {*known, *made}}
    weights = [trained["checkpoint"] for told in rounds for trained in told["trained"]]
    weights += _wrote(rows, own) if own and not rounds else []
    return Descent(
        row_id, table.name, home.recipe, home.round, [_as_told(each) for each in dropped], rounds,
        [checkpoint(lineage, digest) for digest in dict.fromkeys(weights)], arm,
    )  # fmt: skip


def _made_in(rows: Rows, m: Manifest, known: Made, labelled: set[str]) -> Made:
    """Table -> ids of a round's rows that name a known row, or one that does. `labelled` grows."""
    made: Made = {}
    sought: dict[tuple[str, str], int] = {}
    grew = True
    while grew:
        grew = False
        for table, parent in edges():
            wanted = {name for of in parent.tables for name in (*known.get(of, ()), *made.get(of, ()))}
            if table.trains:
                wanted |= labelled | _made_of(rows, m, parent.tables, labelled)
            if len(wanted) == sought.get((table.name, parent.column), 0):
                continue
            sought[table.name, parent.column] = len(wanted)
            for ref in m.tables.get(table.name, ()):
                found = rows.values(ref, "id", parent.column, strings(wanted))
                new = {*found} - made.get(table.name, set())
                made[table.name] = made.get(table.name, set()) | new
                grew = grew or bool(new)
                for spoken in (each for each in table.edges if each.relation == "about" and new):
                    labelled |= {*rows.values(ref, spoken.column, "id", strings(new))}
    return {name: made[name] for name in TABLES if made.get(name)}


def _made_of(rows: Rows, m: Manifest, tables: tuple[str, ...], labelled: set[str]) -> set[str]:
    """Rows of these tables that were made of a labelled row, and of no other of its kind: attempts at a question."""
    leading = [(table, each.column) for table, each in edges() if each.relation == "made_of" and not each.several]
    return {
        name
        for table, column in leading
        if table.name in tables
        for ref in m.tables.get(table.name, ())
        for name in rows.values(ref, "id", column, strings(labelled))
    }


def _told(rows: Rows, m: Manifest, made: Made, known: Made) -> Row:
    reached = {name: made.get(name, set()) | known.get(name, set()) for name in {*made, *known}}
    training = sorted(name for name in reached if TABLES[name].trains)
    dropped = rows.dropped(m, {*chain(*made.values()), *chain(*(reached[name] for name in training))})
    dropped += rows.dropped(m, {*chain(*reached.values())}, "parents")
    spoilt = {each.row["id"] for each in dropped}
    trained: dict[tuple[str, str], Row] = {}
    for name in training:
        for ref in m.tables.get(name, ()):
            wanted = strings(reached[name] - spoilt)
            there = rows.values(ref, "id", "id", wanted)
            if "kept" in TABLES[name].schema.names:  # else it only counted in what others are held against
                there = [kept for kept in rows.values(ref, "kept", "id", wanted) if kept]
            for read in trained_on(rows, ref, m) if there else ():  # once, though each wave read a part of it
                trained.setdefault((read["round"], read["method"]), read)
    return {
        "round": f"{m.recipe}/{m.round}",
        "decision": m.decision,
        "made": {table: sorted(ids) for table, ids in made.items()},
        "dropped": [{name: each.row[name] for name in DROPPED} for each in dropped],
        "trained": list(trained.values()),
    }


def _wrote(rows: Rows, own: Placed) -> list[str]:
    return [own.row["checkpoint"]] if own.row.get("checkpoint") else left_by(rows, own)


def _as_told(placed: Placed) -> Row:
    return placed.row | {"round": f"{placed.round.recipe}/{placed.round.round}"}
