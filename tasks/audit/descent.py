"""Descent: what was made of a row, forward through every round, to the checkpoints and their scores."""

from dataclasses import dataclass

from schemas.controls import arm_of
from schemas.manifest import Manifest
from schemas.training import READS, READS_BESIDE
from tasks.audit.rows import Row, Rows, strings
from tasks.audit.weights import checkpoint, trained_on
from tasks.store.lineage import Lineage

LASTING = (  # what later rounds name, too
    "inputs/seeds", "inputs/probe", "inputs/gold", "inputs/benchmark_items", "selections", "attempts",
    "preference_pairs",
)  # fmt: skip
DROPPED = ("id", "table", "stage", "reason", "figure", "threshold")
LABELLED = "labelled"  # questions whose label came from a verdict or selection that was reached
PARENTS: dict[str, dict[str, tuple[str, ...]]] = {  # table, in a round's order -> column -> what it may name
    "proposals": {"fewshot_ids": ("inputs/seeds", "selections")},
    "questions": {"proposal_id": ("proposals",)},
    "contamination": {
        "row_id": ("inputs/seeds", "inputs/gold", "questions"),
        "protected_id": ("inputs/probe", "inputs/benchmark_items"),
    },
    "attempts": {"question_id": ("questions", "inputs/probe", "inputs/gold")},
    "answers": {"attempt_id": ("attempts",)},
    "verdicts": {"question_id": ("questions",)},
    "probe_verdicts": {"question_id": ("inputs/probe",)},
    "selections": {"question_id": ("questions",), "verdict_id": ("verdicts",)},
    "base_samples": {"question_id": ("questions",)},
    "sft_examples": {"attempt_id": ("attempts",), "question_id": (LABELLED, "inputs/gold")},
    "preference_pairs": {
        "chosen_attempt_id": ("attempts",), "rejected_attempt_id": ("attempts",),
        "question_id": (LABELLED, "inputs/gold"),
    },
    "reference_logps": {"pair_id": ("preference_pairs",)},
    "advantages": {"attempt_id": ("attempts",), "question_id": (LABELLED,)},
    "evaluations": {"item_id": ("inputs/benchmark_items",)},
}  # fmt: skip
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
    """Round, decision, `made` (table -> ids), `dropped` (of those, and refused questions), `trained`."""
    checkpoints: list[Row]
    """Trained on any of it, each with its scores; of an evaluation, what answered."""
    arm: str = ""
    """The control that wrote it: no round is built on that."""


def follow(lineage: Lineage, row_id: str) -> Descent:
    """Everything that was made of a row, few-shots of later rounds and what was made with them included.

    An attempt leads to what holds its text; of the label that it voted on it is one voice of many. Raises BadInput
    for an id that is none or that no row has, Damaged if a file is not what was written.
    """
    rows = Rows(lineage)
    table, home = rows.home(row_id)
    row, dropped = rows.find(row_id)
    arm = arm_of(rows.control_of(row_id))
    known: Made = {table.name: {row_id}} if row and not arm else {}
    if known and row and table.name == "answers":
        known = {"attempts": {row["attempt_id"]}}
    weights = [str(row["checkpoint"])] if row and table.name == "evaluations" else []
    if table.name == "train_steps" and home.candidate and not arm:
        weights.append(home.candidate.digest)
    rounds = []
    for m in lineage.manifests if known else ():
        if m.round >= home.round:
            made = _made_in(rows, m, known)
            told = _told(rows, m, made, known if m.round == home.round else {})
            rounds += [told] if told["made"] or told["trained"] or told["dropped"] else []
            weights += [trained["checkpoint"] for trained in told["trained"]]
            known = {name: known.get(name, set()) | made.get(name, set()) for name in LASTING}
    checkpoints = [checkpoint(lineage, digest) for digest in dict.fromkeys(weights)]
    return Descent(row_id, table.name, home.recipe, home.round, dropped, rounds, checkpoints, arm)


def _made_in(rows: Rows, m: Manifest, known: Made) -> Made:
    """Table -> ids of a round's rows that name a known row, or one that does."""
    made: Made = {}
    for table, columns in PARENTS.items():
        for column, parents in columns.items():
            wanted = {row_id for parent in parents for row_id in made.get(parent, set()) | known.get(parent, set())}
            if found := rows.ids_where(m, table, column, strings(wanted)) if wanted else []:
                made.setdefault(table, set()).update(found)
        if table == "selections":
            chosen = [*made.get(table, ()), *known.get(table, ())]
            made[LABELLED] = {row["question_id"] for row in rows.where(m, table, "id", chosen, ["id", "question_id"])}
    del made[LABELLED]
    return made


def _told(rows: Rows, m: Manifest, made: Made, known: Made) -> Row:
    proposals = made.get("proposals", set()) | known.get("proposals", set())
    refused = set(rows.ids_where(m, "dropped", "parents", strings(proposals)))
    training = {
        table: made.get(table, set()) | known.get(table, set())
        for table in sorted({*READS.values(), *READS_BESIDE.values()})
    }
    dropped = rows.dropped(m, list(refused.union(*made.values(), *training.values())))
    spoilt = {row["id"] for row in dropped}
    for row in rows.where(m, "advantages", "id", list(training["advantages"]), ["id", "kept"]):
        if not row["kept"]:
            spoilt.add(row["id"])  # it only counted in what others are held against
    spoilt |= _read_by_no_pair(rows, m, training["base_samples"])
    trained = [read for table, ids in training.items() if ids - spoilt for read in trained_on(rows.lineage, m, table)]
    return {
        "round": f"{m.recipe}/{m.round}",
        "decision": m.decision,
        "made": {table: sorted(ids) for table, ids in made.items()},
        "dropped": [{name: row[name] for name in DROPPED} for row in dropped],
        "trained": trained,
    }


def _read_by_no_pair(rows: Rows, m: Manifest, samples: set[str]) -> set[str]:
    """Answers of the base at questions without a pair to train on."""
    asked = {row["id"]: row["question_id"] for row in rows.where(m, "base_samples", "id", list(samples))}
    pairs = rows.where(m, "preference_pairs", "question_id", list(asked.values()), ["id", "question_id"])
    gone = {row["id"] for row in rows.dropped(m, [pair["id"] for pair in pairs])}
    paired = {pair["question_id"] for pair in pairs if pair["id"] not in gone}
    return {sample for sample, question in asked.items() if question not in paired}
