"""Stages and checkpoints of a lineage: what made a row, what trained on it, and how that scored."""

import hashlib
from typing import Any

from schemas.errors import Damaged
from schemas.manifest import Manifest, StageRecord
from schemas.training import READS, READS_BESIDE
from tasks.store.lineage import Lineage
from tasks.waves import plays_of


def stage_played(lineage: Lineage, m: Manifest, shown: str) -> dict[str, Any]:
    """A stage of a round: what decided its rows, and the checkpoint that it asked."""
    record = _marker(lineage, m, shown)
    prompts = [
        {"name": name, "text": text, "digest": hashlib.sha256(text.encode()).hexdigest()}
        for name, text in record.prompts.items()
    ]
    model = record.inputs.get("model")
    return {
        "stage": shown,
        "key": record.key,
        "played_in": record.reused_from or f"{m.recipe}/{m.round}",
        "settings": record.settings,
        "prompts": prompts,
        "checkpoint": checkpoint(lineage, model) if model else None,
        "teacher": record.teacher,
        "url_engine": record.url_engine,
        "facts": record.facts,
        "figures": record.figures,
        "code": record.code,
        "versions": record.versions,
    }


def checkpoint(lineage: Lineage, digest: str) -> dict[str, Any]:
    """What the lineage knows of weights: the round that made them, if one did, its decision, and their scores."""
    maker = next((m for m in lineage.manifests if m.candidate and m.candidate.digest == digest), None)
    base = next((m for m in lineage.manifests if m.base.digest == digest), None)
    role, known = ("base", base) if base else ("candidate", maker)
    scores = {
        name: roles[role].model_dump(mode="json")
        for name, roles in (known.scores if known else {}).items()
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
        "champion_in": [f"{m.recipe}/{m.round}" for m in lineage.manifests if m.champion.digest == digest],
    }


def trained_on(lineage: Lineage, m: Manifest, table: str) -> list[dict[str, Any]]:
    """The trainings that read a table of this round: its own, and those of later rounds, if it was held, that took
    its rows again."""
    own = {ref.digest for ref in m.tables[table]}
    found = []
    for later in lineage.manifests:
        if later.round < m.round or later.candidate is None:
            continue
        read = [
            method
            for record in (_marker(lineage, later, shown) for shown in plays_of("train", later.stages))
            for method in record.figures["training_rows"]
            if table in (READS[method], READS_BESIDE.get(method)) and own & set(record.inputs.get(table, ()))
        ]
        for method in dict.fromkeys(read):  # once, though each wave read a part of it
            trained = {"round": f"{later.recipe}/{later.round}", "method": method}
            found.append(trained | {"checkpoint": later.candidate.digest})
    return found


def num_waves(lineage: Lineage, m: Manifest) -> int:
    """How many waves a round in waves was to have; it may have ended before."""
    return int(_marker(lineage, m, plays_of("solve", m.stages)[0]).inputs["wave"][1])


def _marker(lineage: Lineage, m: Manifest, shown: str) -> StageRecord:
    """Raises Damaged if the marker of a stage that the manifest names is gone, or not readable."""
    stage, key = shown.split(".")[0], m.stages[shown]
    record = lineage.stage_record(m.round, stage, key)
    if record is None:
        raise Damaged(f"{lineage.marker(m.round, stage, key)}: gone, or no marker that this version can read")
    return record
