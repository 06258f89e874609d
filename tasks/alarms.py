"""Alarms: what the round's tables say of collapse and of labels gone wrong, against the recipe's thresholds."""

import inspect
from functools import cache
from typing import Any

import pyarrow as pa

from schemas.alarms import Alarm, AlarmRule, Measured, Rules
from schemas.manifest import TableRef
from tasks.audit.alarms import Finding, Watch
from tasks.store.draft import Draft


def alarms(
    draft: Draft,
    *,
    settings: Rules,
    watches: tuple[Watch, ...],
    tables: tuple[TableRef, ...],
    earlier: tuple[Measured, ...],
) -> dict[str, Any]:
    """Run each alarm on the tables that it looks at, and on what it measured in earlier rounds. No table is written.

    `figures`: every alarm's, raised or not; `raised`: the alarms, holds first; `holds`: what the gate is told;
    `measured`: what later rounds are held against.
    """

    @cache
    def rows(prefix: str) -> pa.Table:
        return pa.concat_tables([draft.read(ref) for ref in tables if ref.table.rpartition("/")[2] == prefix])

    def looked(watch: Watch) -> Finding:
        given: dict[str, Any] = {}
        for name in inspect.signature(watch).parameters:
            if name == "earlier":
                given[name] = {then.round: then.of[watch.__name__] for then in earlier if watch.__name__ in then.of}
            elif name == "ids":
                given[name] = {ref.table: rows(ref.table.rpartition("/")[2])["id"] for ref in tables}
            else:
                given[name] = rows(name)
        return watch(**given)

    found = {watch.__name__: looked(watch) for watch in watches}
    raised = [alarm for name, f in found.items() if (alarm := _alarm(name, f, settings.of[name]))]
    raised.sort(key=lambda alarm: alarm.level != "hold")
    measured = {name: finding.measured for name, finding in found.items() if finding.measured}
    return {
        "measured": Measured(round=draft.round, of=measured).model_dump(),
        "figures": {name: finding.figure for name, finding in found.items()},
        "raised": [alarm.model_dump() for alarm in raised],
        "holds": [f"{alarm.name}: {alarm.text}" for alarm in raised if alarm.level == "hold"],
    }


def _alarm(name: str, found: Finding, rule: AlarmRule) -> Alarm | None:
    if rule.level == "off" or found.figure is None:
        return None
    beyond = found.figure > rule.threshold if found.raised == "above" else found.figure < rule.threshold
    if not beyond:
        return None
    text = f"{found.words}: {found.figure:.1%}, {found.raised} {100 * rule.threshold:g}%"
    return Alarm(name=name, level=rule.level, figure=found.figure, threshold=rule.threshold, text=text)
