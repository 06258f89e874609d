"""Ancestry: what a row came from, what was said of it, and what it became; from the store alone.

A walk over what tables declare (schemas/table.py). Up: what it was made of, to the rows that the user brought. A row
that others speak of (a question has verdicts) is a subject: of the subject that a row goes back to, all is told that
was made and said of it. Other rows (a seed, a proposal) have what names them at once.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.controls import arm_of, is_control
from schemas.dropped import DROPPED
from schemas.manifest import Manifest
from schemas.tables import TABLES
from tasks.audit.origins import source_of
from tasks.audit.rows import Placed, Row, Rows
from tasks.audit.walk import Found, above, around, below, leads, line_of, naming, rounds_of, subject_of
from tasks.audit.weights import checkpoint, left_by, stage_played, trained_on
from tasks.rules import Rule, entry, replayed
from tasks.store.lineage import Lineage

DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Explained:
    """One row's story in plain values, as JSON has them. What has no part in it is None or empty."""

    id: str
    table: str
    recipe: str
    round: int
    decision: str
    """The round's, as recorded since."""
    row: Row | None
    """As it stands in its table; None if it was refused before it got there."""
    dropped: list[Row]
    """Every time that it, a row of its subject, or one made of it was dropped: stage, reason, figure, threshold."""
    source: Row | None
    """Of a row that the user brought: the recipe's key, its file and the row there."""
    subject: Row | None
    """The row that what is told goes back to, such as the question."""
    tables: dict[str, list[Row]]
    """Table, in a round's order -> its rows that are told, itself among them. Each has its `relation` (up, itself,
    beside, down), `round`, `stage`, `row`, and, where it has one, `source` or, in a table to train on, `trained`."""
    left_out: int
    """Rows that name it, or that it goes back to, beyond what is told."""
    filters: list[Row]
    """What the subject had to pass: stage, filter, figure, threshold, outcome."""
    stages: list[Row]
    """What wrote, refused, or was trained on what is told: settings, template with its digest, checkpoint, scores."""
    checkpoints: list[Row]
    """Trained on rows that are told; what wrote the row, or was written with it."""
    arm: str = ""
    """The control that wrote it; then no vote, filter or training of the round is told: it has no part in them."""


def explain(lineage: Lineage, row_id: str, rows: Rows | None = None) -> Explained:
    """The story of a row of any table, kept or dropped. `rows`: kept by whoever explains many rows of a round.

    Raises BadInput for an id that is none or that no row has, Damaged if a file is not what was written.
    """
    rows = rows or Rows(lineage)
    table, m = rows.home(row_id)
    own, refused = rows.find(row_id)
    arm = arm_of(rows.control_of(row_id)) if own else ""
    family = _family(rows, row_id, own, refused, alone=bool(arm))
    dropped = _dropped(rows, family, row_id, refused, bool(arm))
    trained = {} if arm else _trained(rows, family, dropped)
    played = [each for each in _played(rows, family, dropped, trained) if not arm or is_control(each[1])]
    stages = sorted((stage_played(rows, *each) for each in played), key=_in_order)
    return Explained(
        id=row_id, table=table.name, recipe=m.recipe, round=m.round, decision=m.decision, arm=arm,
        row=own and with_digest(own.row), source=source_of(rows, m, table, own and own.row),
        dropped=[each.row | {"round": _name(each.round)} for each in dropped],
        subject=family.subject and with_digest(family.subject.row),
        tables=_told(rows, family, trained), left_out=family.left_out, stages=stages,
        filters=[] if arm else _filters(stages, family, row_id, dropped),
        checkpoints=[checkpoint(lineage, digest) for digest in _digests(rows, own, family, trained)],
    )  # fmt: skip


@dataclass(frozen=True)
class _Family:
    """The rows that are told, and how each stands to the row."""

    told: Found
    relation: dict[str, str]
    near: set[str]
    """Those of its subject, and what it was made of one by one: their stages and refusals are told, too."""
    around: Found
    rounds: list[Manifest]
    spoken_of: bool
    written: bool
    """False of a row that was refused before."""
    subject: Placed | None
    left_out: int


def _family(rows: Rows, row_id: str, own: Placed | None, refused: list[Placed], alone: bool) -> _Family:
    table, m = rows.home(row_id)
    itself = {row_id: own} if own else {}
    parents = [name for each in refused for name in each.row["parents"] or ()]
    up, left_out = above(rows, own.named("made_of", "about") if own else parents)
    line = line_of(leads(own) if own else parents, up)
    subject = subject_of(rows, m, row_id, table, line)
    found = (line | itself).get(subject or "")
    rounds = rounds_of(m, found)
    near: Found = {}
    if not alone:
        near = around(rows, rounds, subject) if subject else {}
        at_once, more = naming(rows, m, row_id, table, every=subject is None)
        near, left_out = near | at_once, left_out + more
    of_subject = {*near}
    near = {name: placed for name, placed in near.items() if name not in up and name != row_id}
    speaking = [placed for placed in near.values() if placed.named("about")]
    aside = rows.by_id({name for placed in speaking for name in placed.named("made_of")} - {row_id, *up, *near})
    down = below(row_id, near)
    relation = dict.fromkeys(up, "up") | dict.fromkeys(itself, "itself")
    relation |= {name: "down" if name in down else "beside" for name in (*near, *aside)}
    return _Family(
        told=up | itself | near | aside, relation=relation, near={*line, *itself, *of_subject}, around=near,
        rounds=rounds, spoken_of=subject is not None, written=own is not None, subject=found, left_out=left_out,
    )  # fmt: skip


def with_digest(row: Row) -> Row:
    """A row that holds a prompt, with the SHA-256 of its text."""
    return row | {"prompt_digest": hashlib.sha256(row["prompt"].encode()).hexdigest()} if "prompt" in row else row


def _dropped(rows: Rows, family: _Family, row_id: str, own: list[Placed], by_controls: bool) -> list[Placed]:
    """The row itself first; a row that was never written is found by what it was made of."""
    found, row = list(own), family.told.get(row_id)
    ids = {*family.near, *(row.named("about") if row else ())}  # what it speaks of may never have been written
    for m in family.rounds:
        found += rows.dropped(m, ids, controls=by_controls) + rows.dropped(m, [row_id], "parents")
    return list({(each.row["id"], each.row["stage"], each.row["reason"]): each for each in found}.values())


def _trained(rows: Rows, family: _Family, dropped: list[Placed]) -> dict[str, list[Row]]:
    """Row of a table to train on -> the trainings that read it."""
    spoilt = {each.row["id"] for each in dropped}
    of_table: dict[str, list[Row]] = {}
    found: dict[str, list[Row]] = {}
    for name in family.near:
        placed = family.told[name]
        if placed.table.trains:
            if placed.ref.path not in of_table:
                of_table[placed.ref.path] = trained_on(rows, placed.ref, placed.round)
            read = name not in spoilt and placed.row.get("kept", True)
            found[name] = of_table[placed.ref.path] if read else []
    return found


def _played(
    rows: Rows, family: _Family, dropped: list[Placed], trained: dict[str, list[Row]]
) -> Iterator[tuple[Manifest, str]]:
    """The stages of what is told, as they were played: what wrote, refused or only looked at it, and trained."""
    near = [family.told[name] for name in family.near]
    wrote = {(each.round.round, each.key) for each in (*near, *dropped)}
    trains = {(each["round"], each["stage"]) for reads in trained.values() for each in reads}
    looked_at = {each.ref.digest for each in (family.around.values() or near if family.written else ())}
    for m in rows.lineage.manifests:
        for key, shown in {key: shown for shown, key in m.stages.items()}.items():  # it may have served two labels
            if (m.round, key) in wrote or (_name(m), shown) in trains:
                yield m, shown
            elif m in family.rounds and (record := rows.record(m, shown)) and {*record.tables} == {DROPPED.name}:
                given = (digests for digests in record.inputs.values() if isinstance(digests, list))
                if looked_at & {digest for digests in given for digest in digests if isinstance(digest, str)}:
                    yield m, shown


def _in_order(stage: Row) -> tuple[int, int]:
    """As a round plays them: by the first table that each writes."""
    places = [place for place, table in enumerate(TABLES) if table in stage["wrote"] and table != DROPPED.name]
    return int(stage["round"].rpartition("/")[2]), min(places, default=len(TABLES))


def _filters(stages: list[Row], family: _Family, row_id: str, dropped: list[Placed]) -> list[Row]:
    """What each stage held the subject to, or what it became as a whole."""
    if not family.spoken_of:
        return []
    subject = family.subject
    held = {row_id} if subject is None else {subject.row["id"], *line_of(leads(subject), family.told)}
    said_of_it = family.told | family.around  # what a row was made of may say something of its subject, too
    held |= {name for name, placed in said_of_it.items() if held & {*placed.named("about")}}
    rows: dict[str, list[Row]] = {}
    for placed in (family.told[name] for name in family.near):
        rows.setdefault(placed.ref.table, []).append(placed.row)
    for each in dropped if subject is None else ():  # it was refused before it was written
        rows.setdefault(each.row["table"], []).append(each.row)
    found: list[Row] = []
    for stage in stages:
        verb = stage["stage"].partition(".")[0]
        by_it = (each.row for each in dropped if each.row["stage"] == verb and each.row["id"] in held)
        refusals = list({row["reason"]: row for row in by_it}.values())
        tried = list(replayed(verb, stage["settings"], rows, refusals))
        if not tried and stage["wrote"] == [DROPPED.name]:  # it looked at each row, whatever its table
            tried = [entry(verb, Rule("row expectations"))]
        found += [each for each in tried if each not in found]  # a stage may have looked at several tables, in turn
    return found


def _digests(rows: Rows, own: Placed | None, family: _Family, trained: dict[str, list[Row]]) -> list[str]:
    """Weights that were trained on what is told; that wrote the row, or what names it; that it was logged for."""
    found = [each["checkpoint"] for reads in trained.values() for each in reads]
    wrote = [own] if own else []
    wrote += family.around.values() if not family.spoken_of else []
    found += [str(each.row["checkpoint"]) for each in wrote if each.row.get("checkpoint")]
    found += left_by(rows, own) if own else []
    return [digest for digest in dict.fromkeys(found) if DIGEST.fullmatch(digest)]


def _told(rows: Rows, family: _Family, trained: dict[str, list[Row]]) -> dict[str, list[Row]]:
    tables: dict[str, list[Row]] = {}
    for placed in sorted(family.told.values(), key=_order):
        name, m = placed.row["id"], placed.round
        entry: Row = {"relation": family.relation[name], "round": _name(m), "stage": _shown(placed)}
        if source := source_of(rows, m, placed.table, placed.row):
            entry["source"] = source
        if name in trained:
            entry["trained"] = trained[name]
        tables.setdefault(placed.ref.table, []).append(entry | {"row": with_digest(placed.row)})
    return {name: tables[name] for name in TABLES if name in tables}


def _order(placed: Placed) -> tuple[int, int, str]:
    """By round, and by the first number of a row that is one: its place among its kind, mostly."""
    places = (v for v in placed.row.values() if isinstance(v, int) and not isinstance(v, bool))
    return placed.round.round, next(places, 0), placed.row["id"]


def _shown(placed: Placed) -> str:
    return {key: shown for shown, key in placed.round.stages.items()}.get(placed.key, "")


def _name(m: Manifest) -> str:
    return f"{m.recipe}/{m.round}"
