"""Stages and checkpoints of a lineage: what made a row, what trained on it, and how that scored."""

import hashlib
from typing import Any

from schemas.controls import is_control
from schemas.errors import Damaged
from schemas.manifest import Manifest, StageRecord, TableRef
from schemas.training import READS, READS_BESIDE
from tasks.audit.rows import Placed, Rows
from tasks.store.lineage import Lineage
from tasks.waves import plays_of


def stage_played(rows: Rows, m: Manifest, shown: str) -> dict[str, Any]:
    """A stage of a round: what decided its rows, and the checkpoint that it asked."""
    record = _marker(rows, m, shown)
    prompts = [
        {"name": name, "text": text, "digest": hashlib.sha256(text.encode()).hexdigest()}
        for name, text in record.prompts.items()
    ]
    model = record.inputs.get("model")
    return {
        "stage": shown,
        "round": f"{m.recipe}/{m.round}",
        "key": record.key,
        "wrote": sorted(record.tables),
        "played_in": record.reused_from or f"{m.recipe}/{m.round}",
        "settings": record.settings,
        "prompts": prompts,
        "checkpoint": checkpoint(rows.lineage, model) if model else None,
        "teacher": record.teacher,
        "url_engine": record.url_engine,
        "facts": record.facts,
        "figures": record.figures,
        "code": record.code,
        "versions": record.versions,
    }


def checkpoint(lineage: Lineage, digest: str) -> dict[str, Any]:
    """What the lineage knows of weights: the round that made them, if one did, its decision, and their scores."""
    maker = next((m for m in lineage.manifests if digest in {ref.digest for ref in m.trained}), None)
    base = next((m for m in lineage.manifests if digest in _digests(m, "base")), None)
    role, known = ("base", base) if base else ("candidate", maker)
    measured = known if known and digest in {ref.digest for ref in (known.base, known.candidate) if ref} else None
    scores = {
        name: roles[role].model_dump(mode="json")
        for name, roles in (measured.scores if measured else {}).items()
        if role in roles
    }
    made = None if base else maker
    return {
        "digest": digest,
        "made_by": f"{made.recipe}/{made.round}" if made else None,
        "role": role if known else None,
        "decision": made.decision if made else None,
        "reason": made.reason if made else None,
        "weights_dropped": made.weights_dropped if made else False,
        "scores": scores,
        "champion_in": [f"{m.recipe}/{m.round}" for m in lineage.manifests if digest in _digests(m, "champion")],
    }


def _digests(m: Manifest, which: str) -> set[str]:
    """Of the base, or champion, of every policy."""
    return {getattr(of, which).digest for of in (m, *m.own.values())}


def trained_on(rows: Rows, ref: TableRef, since: Manifest) -> list[dict[str, Any]]:
    """The trainings that read a table as a stage of this round wrote it: the round's own, and those of later rounds,
    if it was held, that took its rows again."""
    found = []
    for m in rows.lineage.manifests:
        if m.round < since.round or m.candidate is None:
            continue
        made = {"": m.candidate, **m.own_candidates}
        for shown, left in ((shown, made[role]) for role in made for shown in plays_of("train", m.stages, role)):
            record = _marker(rows, m, shown)
            for method in record.figures["training_rows"]:
                reads = ref.table in (READS[method], READS_BESIDE.get(method))
                if reads and ref.digest in record.inputs.get(ref.table, ()):
                    trained = {"round": f"{m.recipe}/{m.round}", "stage": shown, "method": method}
                    found.append(trained | {"checkpoint": left.digest})
    return found


def left_by(rows: Rows, placed: Placed) -> list[str]:
    """Of a row that names no other, logged in a training: the round's candidate."""
    m = placed.round
    shown = {key: shown for shown, key in m.stages.items() if not is_control(shown)}.get(placed.key)
    record = rows.record(m, shown) if shown and m.candidate and not placed.table.parents else None
    if not (record and m.candidate and "checkpoint" in record.figures):
        return []
    return [m.own_candidates.get((shown or "").rpartition(".")[2], m.candidate).digest]


def _marker(rows: Rows, m: Manifest, shown: str) -> StageRecord:
    """Raises Damaged if the marker of a stage that the manifest names is gone, or not readable."""
    record = rows.record(m, shown)
    if record is None:
        gone = rows.lineage.marker(m.round, shown.partition(".")[0], m.stages[shown])
        raise Damaged(f"{gone}: gone, or no marker that this version can read")
    return record
