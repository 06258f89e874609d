"""Outcome: what the stages' records say together of a round. Its manifest is made of it, and audited against it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from schemas.alarms import Alarm
from schemas.manifest import CheckpointRef, GateResult, Score, StageRecord

ROLES = ("base", "champion", "candidate")


def outcome(records: Mapping[str, StageRecord]) -> dict[str, Any]:
    """Fields of the manifest, from the record of each stage as it was played (`evaluate.candidate`)."""
    figures = {shown: record.figures for shown, record in records.items()}
    gate, trained = figures.get("gate"), figures.get("train", {}).get("checkpoint")
    precision = figures.get("judge", {}).get("vote_precision")
    # each stage once: a stage that served two labels, or that an earlier round played, cost this round nothing
    played = {s: record for s, record in records.items() if record.played_as == s and not record.reused_from}
    dropped: Counter[str] = Counter()
    for record in played.values():
        dropped.update(record.dropped)
    return {
        "candidate": CheckpointRef(digest=trained) if trained else None,
        "dropped": dict(dropped),
        "proposed": figures.get("propose", {}).get("proposed", 0),
        "trained_on": figures.get("train", {}).get("training_rows", {}),
        "vote_precision": Score.model_validate(precision) if precision else None,
        "band": figures.get("select", {}).get("band", {}),
        "scores": _scores(figures),
        "gate": GateResult.model_validate(gate) if gate else None,
        "validation": {shown: found for shown, found in figures.items() if shown.split(".")[0] == "validate"},
        "alarms": [Alarm.model_validate(alarm) for alarm in figures.get("alarms", {}).get("raised", [])],
        "seconds": {shown: record.seconds for shown, record in played.items()},
        "tokens": {shown: record.tokens for shown, record in played.items()},
        "versions": {k: v for _, record in sorted(records.items()) for k, v in record.versions.items()},
    }


def _scores(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Score]]:
    scores: dict[str, dict[str, Score]] = {}
    for role in ROLES:
        for benchmark, score in figures.get(f"evaluate.{role}", {}).get("scores", {}).items():
            scores.setdefault(benchmark, {})[role] = Score.model_validate(score)
    return scores
