"""Ancestry: what a row came from, what was held against it, and what it became; from the store alone."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.controls import arm_of
from schemas.manifest import Manifest
from tasks.audit.filters import filters_of
from tasks.audit.origins import fewshots_of, proposal_of, questions_of, source_of, with_digest
from tasks.audit.rows import Row, Rows
from tasks.audit.weights import checkpoint, num_waves, stage_played, trained_on
from tasks.store.lineage import Lineage
from tasks.waves import in_wave, plays_of

BROUGHT = ("inputs/probe", "inputs/gold")  # rows of the user's that the solver is asked
READ = ("answer", "canonical", "source", "valid", "invalid_reason", "answer_class", "reward")  # from an attempt
MADE_OF = {
    "sft_examples": ["attempt_id"],
    "preference_pairs": ["chosen_attempt_id", "rejected_attempt_id"],
    "advantages": ["attempt_id"],
}


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
    """Every time that it, or a row below, was dropped: stage, reason, figure, threshold."""
    stages: list[Row]
    """What made the rows below: settings, template with its digest, checkpoint with its scores."""
    arm: str = ""
    """The control that wrote it; then no vote, filter or training of the round is told: it has no part in them."""
    source: Row | None = None
    """Of a row that the user brought: the recipe's key, its file and the row there."""
    fewshots: list[Row] = field(default_factory=list)
    """The questions shown to the proposer, in order."""
    proposal: Row | None = None
    questions: list[Row] = field(default_factory=list)
    """Of a proposal: what was parsed from it, admitted or refused."""
    question: Row | None = None
    """The question, or the probe or gold row, that all below is about."""
    contamination: list[Row] = field(default_factory=list)
    """The protected rows that it hits, with their text."""
    attempts: list[Row] = field(default_factory=list)
    """Each with what was read from it, its class and reward, and the training rows that it became."""
    verdict: Row | None = None
    filters: list[Row] = field(default_factory=list)
    """What the question had to pass: stage, filter, figure, threshold, outcome."""
    selection: Row | None = None
    training_rows: list[Row] = field(default_factory=list)
    """What it became: of which attempts, and the rounds that trained on it."""
    item: Row | None = None
    """Of an evaluation: the benchmark's item."""
    evaluations: list[Row] = field(default_factory=list)
    """Of a benchmark's item: its answers in this round."""
    checkpoints: list[Row] = field(default_factory=list)
    """Trained on the training rows; of an evaluation, what answered."""


def explain(lineage: Lineage, row_id: str, rows: Rows | None = None) -> Explained:
    """The story of a row of any table, kept or dropped. `rows`: kept by whoever explains many rows of a round.

    Raises BadInput for an id that is none or that no row has, Damaged if a file is not what was written.
    """
    rows = rows or Rows(lineage)
    table, m = rows.home(row_id)
    row, dropped = rows.find(row_id)
    question = _question_of(table.name, row_id, row)
    if row and (played := rows.control_of(row_id)):
        about = _about_control(rows, m, played, row, question)
    elif question:
        asked_in = m if rows.home(question)[0].name in BROUGHT else rows.home(question)[1]
        about = _about_question(rows, asked_in, question)
        if asked_in != m and row:  # a row of an earlier round, trained on again
            about["training_rows"] += [_again(rows, m, table.name, row)]
    elif table.name == "proposals":
        about = _about_proposal(rows, m, row or {})
    elif table.name in ("evaluations", "train_steps", "reference_logps"):
        about = _about_weights(rows, m, row or {})
    else:
        about = _about_input(rows, m, table.name, row_id, row)
    known = {(d["id"], d["stage"], d["reason"]): d for d in (*dropped, *about.pop("dropped", ()))}
    return Explained(
        id=row_id, table=table.name, recipe=m.recipe, round=m.round, decision=m.decision,
        row=row and with_digest(row), dropped=list(known.values()), **about,
    )  # fmt: skip


def _about_control(rows: Rows, m: Manifest, played: str, row: Row, question_id: str | None) -> dict[str, Any]:
    """Of a row of a control: the stage that wrote it, and what it speaks of."""
    known = rows.by_id([named for named in (question_id, row.get("item_id")) if named])
    return {
        "arm": arm_of(played),
        "dropped": rows.dropped_by_controls(m, [row["id"]]),
        "stages": _stages(rows.lineage, m, [played]),
        "question": known.get(question_id or ""),
        "item": known.get(row.get("item_id", "")),
        "checkpoints": [checkpoint(rows.lineage, row["checkpoint"])] if row.get("checkpoint") else [],
    }


def _question_of(table: str, row_id: str, row: Row | None) -> str | None:
    """The question, or probe or gold row, that a row is about."""
    if table in ("questions", *BROUGHT):
        return row_id
    named = (row or {}).get("question_id") or (row or {}).get("row_id")
    return named if named and not named.startswith("seeds-") else None


def _about_question(rows: Rows, m: Manifest, question_id: str) -> dict[str, Any]:
    """All of a question of this round, or of a probe or gold row as this round asked it."""
    question = rows.by_id([question_id]).get(question_id)
    table = rows.home(question_id)[0].name
    probe, brought = table == "inputs/probe", table in BROUGHT
    proposal = None if brought else proposal_of(rows, question, rows.dropped(m, [question_id]))
    verdict = _first(rows.where(m, "probe_verdicts" if probe else "verdicts", "question_id", [question_id]))
    selection = _first(rows.where(m, "selections", "question_id", [question_id]))
    training = _training_rows(rows, m, question_id)
    attempts = _attempts(rows, m, question_id, training)
    single = {question_id, *(row["id"] for row in (proposal, verdict, selection) if row)}
    several = {row["id"] for row in (*attempts, *training)} | {attempt["answer_id"] or "" for attempt in attempts}
    dropped = rows.dropped(m, [*single, *several])
    for row in training:
        spoilt = any(d["id"] == row["id"] for d in dropped)
        row["trained"] = [] if spoilt else trained_on(rows.lineage, m, row["table"])
    line = {"inputs/probe": ("collect", "solve", "judge"), "inputs/gold": ("collect", "solve.gold")}.get(
        table, ("propose", *(("solve", "judge", "select") if question else ()))
    )
    made = (
        ("ask_base", "advantage", "build", "validate", "train")
        if selection or training
        else ("advantage", "validate")
    )
    stages = _stages(rows.lineage, m, _in_its_wave(rows.lineage, m, (*line, *made), question))
    weights = dict.fromkeys(trained["checkpoint"] for row in training for trained in row["trained"])
    refusals = [d for d in dropped if d["id"] in single]
    return {
        "dropped": dropped,
        "stages": stages,
        "source": source_of(rows.lineage, m, table, question) if brought else None,
        "fewshots": fewshots_of(rows, proposal),
        "proposal": proposal and with_digest(proposal),
        "question": question,
        "contamination": _contamination(rows, m, question_id),
        "attempts": attempts,
        "verdict": verdict,
        "filters": [] if brought else filters_of(stages, question, verdict, attempts, refusals),
        "selection": selection,
        "training_rows": training,
        "checkpoints": [checkpoint(rows.lineage, digest) for digest in weights],
    }


def _attempts(rows: Rows, m: Manifest, question_id: str, training: list[Row]) -> list[Row]:
    """Every attempt, in the order they were sampled."""
    answers = {row["attempt_id"]: row for row in rows.where(m, "answers", "question_id", [question_id])}
    became: dict[str, list[str]] = defaultdict(list)
    for row in training:
        for attempt_id in row["attempts"]:
            became[attempt_id].append(row["id"])
    found = []
    for attempt in rows.where(m, "attempts", "question_id", [question_id]):
        answer = answers.get(attempt["id"], {})  # nobody judges an attempt at a gold question
        read = {name: answer.get(name) for name in READ}
        became_of = {"answer_id": answer.get("id"), **read, "became": became[attempt["id"]]}
        found.append(with_digest(attempt) | became_of)
    return sorted(found, key=lambda attempt: int(attempt["sample"]))


def _training_rows(rows: Rows, m: Manifest, question_id: str) -> list[Row]:
    found = []
    for table, parents in MADE_OF.items():
        kept = ["kept"] if table == "advantages" else []
        for row in rows.where(m, table, "question_id", [question_id], ["id", "agreement", *parents, *kept]):
            if row.get("kept", True):
                found.append({"id": row["id"], "table": table, "agreement": row["agreement"]}
                             | {"attempts": [row[parent] for parent in parents if row[parent]]})  # fmt: skip
    return found


def _again(rows: Rows, m: Manifest, table: str, row: Row) -> Row:
    trained = trained_on(rows.lineage, m, table)
    attempts = [row[parent] for parent in MADE_OF[table] if row[parent]]
    about = {"id": row["id"], "table": table, "agreement": row["agreement"]}
    return about | {"attempts": attempts, "trained": trained}


def _contamination(rows: Rows, m: Manifest, row_id: str) -> list[Row]:
    hits = rows.where(m, "contamination", "row_id", [row_id])
    protected = rows.by_id(hit["protected_id"] for hit in hits)
    return [hit | {"protected": protected.get(hit["protected_id"])} for hit in hits]


def _about_proposal(rows: Rows, m: Manifest, proposal: Row) -> dict[str, Any]:
    return {
        "stages": _stages(rows.lineage, m, ("propose", "validate")),
        "fewshots": fewshots_of(rows, proposal),
        "questions": questions_of(rows, m, proposal),
    }


def _about_weights(rows: Rows, m: Manifest, row: Row) -> dict[str, Any]:
    """An answer to a benchmark's item, a step of the training, or what a reference said of a pair: weights that
    only the training itself had are nowhere else."""
    digest = row.get("checkpoint", m.candidate.digest if m.candidate else "")
    roles = {"base": m.base, "champion": m.champion, "candidate": m.candidate}
    item = rows.by_id([row["item_id"]]).get(row["item_id"]) if "item_id" in row else None
    evaluated = "evaluate.sealed" if item and item["sealed"] else "evaluate"
    asked = [f"{evaluated}.{role}" for role, ref in roles.items() if ref and ref.digest == digest]
    return {
        "stages": _stages(rows.lineage, m, asked if "item_id" in row else plays_of("train", m.stages)),
        "item": item,
        "checkpoints": [checkpoint(rows.lineage, digest)] if digest else [],
    }


def _about_input(rows: Rows, m: Manifest, table: str, row_id: str, row: Row | None) -> dict[str, Any]:
    """A seed, a benchmark's item, or what a seed hit."""
    evaluations = rows.where(m, "evaluations", "item_id", [row_id]) if table == "inputs/benchmark_items" else []
    digests = dict.fromkeys(row["checkpoint"] for row in evaluations)
    seed = row["row_id"] if row and table == "contamination" else row_id
    return {
        "dropped": rows.dropped(m, [seed]),
        "stages": _stages(rows.lineage, m, ("collect",)),
        "source": source_of(rows.lineage, m, table, row),
        "contamination": _contamination(rows, m, seed),
        "evaluations": evaluations,
        "checkpoints": [checkpoint(rows.lineage, digest) for digest in digests],
    }


def _stages(lineage: Lineage, m: Manifest, names: Iterable[str]) -> list[Row]:
    """Each once: a stage may have served two labels."""
    keys = {m.stages[name]: name for name in names if name in m.stages}
    return [stage_played(lineage, m, name) for name in keys.values()]


def _in_its_wave(lineage: Lineage, m: Manifest, names: tuple[str, ...], question: Row | None) -> Iterator[str]:
    """Stages as they were played for a question: those of a round in waves, in the wave that asked it."""
    text = (question or {}).get("text") or (question or {}).get("question")
    for name in names:
        for shown in plays_of(name, m.stages):
            number = int(shown.rpartition("-")[2]) if ".wave-" in shown else 0
            if not number or text is None or in_wave(text, (number, num_waves(lineage, m))):
                yield shown


def _first(found: list[Row]) -> Row | None:
    return found[0] if found else None
