"""Alarms: what the round's tables say of collapse and of labels gone wrong, against the recipe's thresholds."""

from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.alarms import Alarm, AlarmRule, Measured
from schemas.alarms import Alarms as Settings
from schemas.manifest import TableRef
from tasks.audit.alarms import (
    Finding,
    answer_entropy,
    distinct_2,
    drop_shares,
    findings,
    mean_length,
    mean_reward,
    near_duplicate_share,
    read_from_prose_share,
    same_answer_share,
    unanimous_share,
)
from tasks.store.draft import Draft
from tasks.store.objects import digest_of


def alarms(
    draft: Draft, *, settings: Settings, tables: tuple[TableRef, ...], earlier: tuple[Measured, ...]
) -> dict[str, Any]:
    """Measure the round, hold it against thresholds and what earlier rounds measured. No table is written.

    `figures`: every alarm's, raised or not; `raised`: the alarms, holds first; `holds`: what the gate is told.
    """
    now = _measured(draft, tables)
    found = findings(now, earlier)
    raised = [alarm for f in found if (alarm := _alarm(f, getattr(settings, f.name)))]
    raised.sort(key=lambda alarm: alarm.level != "hold")
    return {
        "measured": now.model_dump(),
        "figures": {f.name: f.figure for f in found},
        "raised": [alarm.model_dump() for alarm in raised],
        "holds": [f"{alarm.name}: {alarm.text}" for alarm in raised if alarm.level == "hold"],
    }


def _measured(draft: Draft, tables: tuple[TableRef, ...]) -> Measured:
    @cache
    def rows(name: str) -> pa.Table:
        return pa.concat_tables([draft.read(ref) for ref in tables if ref.table == name])

    probe, marks, verdicts, dropped = map(rows, ("inputs/probe", "probe_verdicts", "verdicts", "dropped"))
    questions = rows("questions").sort_by("position")
    return Measured(
        round=draft.round,
        probe=digest_of({row["question"]: row["reference"] for row in probe.to_pylist()}),
        probe_decided=pc.count(marks["correct"]).as_py(),
        probe_right=pc.sum(marks["correct"]).as_py() or 0,
        reward=mean_reward(verdicts),
        unanimous=unanimous_share(verdicts),
        answer_entropy=answer_entropy(verdicts),
        same_answer=same_answer_share(verdicts),
        read_from_prose=read_from_prose_share(rows("answers")),
        distinct_2=distinct_2(questions["text"].to_pylist(), rows("inputs/seeds")["question"].to_pylist()),
        near_duplicates=near_duplicate_share(questions["text"], dropped),
        mean_tokens=mean_length(rows("attempts")),
        dropped=drop_shares(dropped, {name: rows(name)["id"] for name in pc.unique(dropped["table"]).to_pylist()}),
    )


def _alarm(found: Finding, rule: AlarmRule) -> Alarm | None:
    if rule.level == "off" or found.figure is None:
        return None
    beyond = found.figure > rule.threshold if found.raised == "above" else found.figure < rule.threshold
    if not beyond:
        return None
    text = f"{found.words}: {found.figure:.1%}, {found.raised} {100 * rule.threshold:g}%"
    return Alarm(name=found.name, level=rule.level, figure=found.figure, threshold=rule.threshold, text=text)
