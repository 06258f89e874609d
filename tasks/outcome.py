"""Outcome: what the stages' records say together of a round. Its manifest is made of it, and audited against it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from schemas.alarms import Alarm
from schemas.controls import CONTROLS, is_control
from schemas.gate import GateResult
from schemas.manifest import CheckpointRef, Score, StageRecord
from tasks.figures import measured
from tasks.waves import plays_of, roles_trained

Figures = Mapping[str, Mapping[str, Any]]  # stage as it was played -> its figures


def outcome(records: Mapping[str, StageRecord]) -> dict[str, Any]:
    """Fields of the manifest, from the record of each stage as it was played (`evaluate.candidate`)."""
    figures = {shown: record.figures for shown, record in records.items() if not is_control(shown)}
    controls = {shown: record.figures for shown, record in records.items() if is_control(shown)}
    gate, trained = _gate(figures), _trained(figures)
    # each stage once: a stage that served two labels, or that an earlier round played, cost this round nothing
    played = {s: record for s, record in records.items() if record.played_as == s and not record.reused_from}
    dropped: Counter[str] = Counter()
    for shown, record in played.items():
        dropped.update({} if is_control(shown) else record.dropped)
    return {
        "candidate": CheckpointRef(digest=trained["checkpoint"]) if "checkpoint" in trained else None,
        "own_candidates": _own_candidates(figures) if "checkpoint" in trained else {},
        "adapter": CheckpointRef(digest=trained["checkpoint_adapter"]) if "checkpoint_adapter" in trained else None,
        "figures": _measured(records),
        "dropped": dict(dropped),
        "trained_on": _trained_on(figures),
        "scores": _scores(figures, controls, gate.benchmark if gate else ""),
        "gate": gate,
        "validation": {shown: found for shown, found in figures.items() if shown.split(".")[0] == "validate"},
        "alarms": [Alarm.model_validate(alarm) for alarm in figures.get("alarms", {}).get("raised", [])],
        "caches": {name: digest for record in records.values() for name, digest in record.caches.items()},
        "seconds": {shown: record.seconds for shown, record in played.items()},
        "tokens": {shown: record.tokens for shown, record in played.items()},
        "versions": {k: v for _, record in sorted(records.items()) for k, v in record.versions.items()},
    }


def _measured(records: Mapping[str, StageRecord]) -> dict[str, dict[str, Any]]:
    every = {shown: measured(record) for shown, record in records.items() if not is_control(shown)}
    return {shown: figures for shown, figures in every.items() if figures}


def _gate(figures: Figures) -> GateResult | None:
    """None before there is one: where the sealed benchmark was read, `confirm` has the last word."""
    if "gate" not in figures or ("evaluate.sealed.candidate" in figures and "confirm" not in figures):
        return None
    return GateResult.model_validate({**figures["gate"], **figures.get("confirm", {})})


def _trained(figures: Figures) -> Mapping[str, Any]:
    """Of what was made to be evaluated, the last wave's; none if the round failed before the last wave's end."""
    plays = plays_of("train", figures)
    failed = plays != ["train"] and "evaluate.candidate" not in figures
    return figures[plays[-1]] if plays and not failed else {}


def _own_candidates(figures: Figures) -> dict[str, CheckpointRef]:
    """Role -> what was trained last of the policy that speaks in it with weights of its own."""
    last = {role: plays_of("train", figures, role)[-1] for role in roles_trained(figures)}
    return {role: CheckpointRef(digest=figures[shown]["checkpoint"]) for role, shown in last.items()}


def _trained_on(figures: Figures) -> dict[str, int]:
    rows: Counter[str] = Counter()
    for shown in (play for role in ("", *roles_trained(figures)) for play in plays_of("train", figures, role)):
        rows.update(figures[shown].get("training_rows", {}))
    return dict(rows)


def _scores(figures: Figures, controls: Figures, decisive: str) -> dict[str, dict[str, Score]]:
    """Benchmark -> role -> score. A control with several checkpoints is taken at its best on the decisive benchmark,
    the earliest of equals."""
    scores: dict[str, dict[str, Score]] = {}
    for shown in sorted(figures):  # evaluate.candidate, evaluate.sealed.candidate
        if shown.startswith("evaluate."):
            for benchmark, score in figures[shown].get("scores", {}).items():
                scores.setdefault(benchmark, {})[shown.rpartition(".")[2]] = Score.model_validate(score)
    for arm in CONTROLS:
        evaluated = f"evaluate.{arm.replace('_', '-')}"  # evaluate.control-seeds-2
        found = [controls[shown]["scores"] for shown in sorted(controls) if shown.startswith(evaluated)]
        best: Mapping[str, Any] = max(found, key=lambda of: of[decisive]["accuracy"], default={})
        for benchmark, score in best.items():
            scores.setdefault(benchmark, {})[arm] = Score.model_validate(score)
    return scores
