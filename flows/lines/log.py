"""The log: a round an entry, the newest first."""

from collections.abc import Iterator

import typer

from flows.lines.plain import counted, plain, points, value, when
from schemas.controls import CONTROLS
from schemas.diff import Change
from schemas.gate import Comparison, GateResult
from schemas.manifest import Manifest
from schemas.records import LineageRecord
from tasks.audit.changes import changes, made_with, recipe_values
from tasks.figures import headlines, line, many
from tasks.store.lineage import Lineage

COLOURS = {"promoted": "green", "held": "yellow", "failed": "red", "withdrawn": "red"}
CHANGES = 6


def log_entry(lineage: Lineage, m: Manifest) -> Iterator[str]:
    """A round as the log tells it."""
    yield from heading(lineage, m)
    yield f"changed  {'; '.join(_changed(lineage, m))}"
    for record in lineage.records:
        if record.round == m.round:
            yield f"record   {recorded(record)}"
    yield ""
    yield f"    {plain(m.reason, 500)}"
    yield ""


def heading(lineage: Lineage, m: Manifest) -> Iterator[str]:
    """What a round is, where it comes from, and what came of it."""
    champion = " (champion)" if (found := lineage.champion_round) and found.round == m.round else ""
    decision = typer.style(f"{m.decision}{champion}", fg=COLOURS[m.decision])
    yield f"{typer.style(f'round {m.recipe}/{m.round}', bold=True)}  {decision}"
    yield f"parent   {plain(m.parent) if m.parent else 'the base model'}"
    yield (
        f"played   {when(m.finished)}, {plain(m.method)}, {sum(m.seconds.values()):,.0f} s, "
        f"{many(sum(m.tokens.values()), 'token')}, {plain(m.device)}"
    )
    if m.gate:
        yield from _gated(m, m.gate)
    made = {name: refs for name, refs in m.tables.items() if not name.startswith("inputs/") and name != "dropped"}
    rows = {name: total for name, refs in made.items() if (total := sum(ref.rows for ref in refs))}
    yield f"rows     {counted({**rows, 'dropped': sum(m.dropped.values())})}"
    if figures := headlines(m):
        yield f"figures  {plain('; '.join(f'{label} {line(values)}' for label, values in figures.items()), 1_000)}"
    for alarm in m.alarms:
        yield f"alarm    {typer.style(alarm.level, fg='yellow')}, {plain(alarm.name)}: {plain(alarm.text, 300)}"


def _gated(m: Manifest, gate: GateResult) -> Iterator[str]:
    """What the gate found on its benchmark, on the guards, and on the sealed benchmark if it was read."""
    scores = m.scores.get(gate.benchmark, {})
    of = " -> ".join(f"{scores[role].accuracy:.1%}" for role in ("champion", "candidate") if role in scores)
    seen = f"; so many could have shown {points(gate.detectable_gain)} points" if gate.detectable_gain < 1 else ""
    yield f"gain     {_difference(gate)}: {of}{seen}"
    if controls := [f"{label} {scores[arm].accuracy:.1%}" for arm, label in CONTROLS.items() if arm in scores]:
        yield f"controls {', '.join(controls)}"
    for arm, why in m.controls_failed.items():
        yield f"control  {plain(CONTROLS.get(arm, arm))}: not scored ({plain(why, 300)})"
    for guard in gate.guards:
        loss = f"a loss of {100 * guard.max_loss:.3g} points{guard.whose}"
        told = f"{loss} is {'' if guard.passed else 'not '}ruled out"
        yield f"guard    {_difference(guard)}: {told}"
    if gate.sealed:
        yield f"sealed   {_difference(gate.sealed)}, reading {gate.sealed.reads}"


def _difference(found: Comparison) -> str:
    interval = f"[{points(found.low)}, {points(found.high)}]"
    return f"{points(found.difference)} points {interval} on {many(found.n, 'item')} of {plain(found.benchmark)}"


def recorded(record: LineageRecord) -> str:
    """What was said of a round later, by whom."""
    return f"{record.number}, {record.kind} by {plain(record.by)}, {when(record.at)}: {plain(record.reason)}"


def _changed(lineage: Lineage, m: Manifest) -> list[str]:
    """Recipe, code and libraries against the round before."""
    earlier = [other for other in lineage.manifests if other.round < m.round]
    if not earlier:
        return ["first round of its lineage"]
    before, after = recipe_values(lineage, earlier[-1]), recipe_values(lineage, m)
    unread = ["recipe unknown: a recipe.toml cannot be read"] if before is None or after is None else []
    recipe = changes(before, after) if before is not None and after is not None else []
    code = changes(made_with(earlier[-1]), made_with(m))
    told = [f"{plain(change.name)} {from_to(change)}" for change in (*recipe, *code)]
    more = [f"and {len(told) - CHANGES} more: selfplay diff {m.recipe}/{earlier[-1].round} {m.recipe}/{m.round}"]
    return [*unread, *told[:CHANGES], *(more if len(told) > CHANGES else [])] or ["nothing"]


def from_to(change: Change) -> str:
    """Digests and commits by their first characters."""
    before, after = ("none" if side is None else _short(value(side)) for side in (change.before, change.after))
    return f"{before} -> {after}"


def _short(text: str) -> str:
    digits = text.removesuffix("+changes")
    is_digest = len(digits) >= 16 and set(digits) <= set("0123456789abcdef")
    return f"{digits[:10]}{text[len(digits) :]}" if is_digest else text
