"""What a run shows: a live bar a stage on a terminal, plain lines elsewhere, and the table of rounds at the end."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from rich.console import Console as Rich
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable
from rich.text import Text

from flows.environment import is_plain
from schemas.alarms import Alarm
from schemas.controls import CONTROLS
from schemas.manifest import Manifest, Score, StageRecord
from tasks.figures import headlines, line, lines, many, measured, words

NAME = 25  # width of a stage as it is played: evaluate.sealed.candidate
LABEL, COLUMN = 22, 26  # widths in the table of rounds
PLAIN_EVERY_SECONDS = 15.0


class Console:
    """Where a run speaks. Model text never goes through here unescaped: only names and figures do."""

    def __init__(self, *, to_stderr: bool = False) -> None:
        self.rich = Rich(
            stderr=to_stderr, highlight=False, soft_wrap=True, force_terminal=False if is_plain() else None
        )
        if not self.rich.is_terminal:
            self.rich.width = 200  # a log has no width to fit
        self._bar: Progress | None = None

    def note(self, line: str) -> None:
        plain = "".join(c if c.isprintable() or c == "\n" else "?" for c in line)  # it may hold a name from the store
        self.rich.print(plain, markup=False)

    def round_begins(self, name: str, number: int, champion: str) -> None:
        self.rich.print(f"\n[bold]{name}/{number}[/bold]  champion: {champion}")

    @contextmanager
    def stage(self, shown: str) -> Iterator[None]:
        """Show a stage under way: a bar that vanishes when it ends."""
        if not self.rich.is_terminal:
            yield
            return
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(12),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.rich, transient=True) as self._bar:
            self._bar.add_task(f"{shown:<{NAME}}", total=None, unit="")
            yield
        self._bar = None

    def progress(self, shown: str) -> Callable[[int, int, str], None]:
        """What a stage calls with (done, total, unit); a total of 0 is one that is not known."""
        began = last = time.monotonic()

        def report(done: int, total: int, unit: str) -> None:
            nonlocal last
            if self._bar:
                self._bar.update(self._bar.task_ids[0], completed=done, total=total or None, unit=unit)
            elif time.monotonic() - last > PLAIN_EVERY_SECONDS and 0 < done < total:
                last = time.monotonic()
                left = (last - began) / done * (total - done)
                self.note(f"  {shown:<{NAME}} {done:,} of {total:,} {unit}, about {left:.0f} s left")
            elif time.monotonic() - last > PLAIN_EVERY_SECONDS and not total:
                last = time.monotonic()
                self.note(f"  {shown:<{NAME}} {unit}")

        return report

    def reused(self, shown: str, record: StageRecord) -> None:
        where = f"from {record.reused_from}" if record.reused_from else "(already complete)"
        self.note(f"  {shown:<{NAME}} reused {where}")
        self._alarms(record)

    def played(self, shown: str, record: StageRecord, why: list[str]) -> None:
        """`why`: where the stage was resumed, or which part of its key changed."""
        told = [f"{ref.rows:,} {name.rsplit('/', 1)[-1]}" for name, ref in record.tables.items() if name != "dropped"]
        if record.dropped:
            told.append(f"{sum(record.dropped.values()):,} dropped")
        if lost := record.figures.get("unanswered"):
            told.append(f"without an answer: {line([lost])}")
        if truncated := record.figures.get("truncated"):
            told.append(f"{truncated:,} cut by max_tokens")
        if contradicting := record.figures.get("contradicting"):
            told.append(f"{contradicting:,} contradict each other")
        if record.tokens:
            told.append(f"{many(record.tokens, 'token')} ({record.tokens / max(record.seconds, 1e-3):,.0f}/s)")
        told += [f"{words(name)}: {line([value])}" for name, value in list(measured(record).items())[:1]]
        after = f"  ({'; '.join(why)})" if why else ""
        self.note(f"  {shown:<{NAME}} {record.seconds:6.1f} s  {', '.join(told)}{after}")
        self._alarms(record)

    def _alarms(self, record: StageRecord) -> None:
        """Those a stage raised, as soon as it has: there may be hours of training to come."""
        for alarm in record.figures.get("raised", []):
            self.note(f"  {'':<{NAME}} {worded(Alarm.model_validate(alarm))}")

    def rounds_table(self, manifests: list[Manifest]) -> None:
        """A column a round, a line a figure; as many rounds abreast as the terminal is wide."""
        abreast = max(1, (self.rich.width - LABEL) // COLUMN)
        for start in range(0, len(manifests), abreast):
            shown = manifests[start : start + abreast]
            table = RichTable(box=None, header_style="bold", pad_edge=False)
            table.add_column("", width=LABEL - 2)
            for m in shown:
                table.add_column(f"{m.recipe}/{m.round}", justify="right", width=COLUMN - 2, overflow="ellipsis")
            for label, figure in FIGURES.items():
                table.add_row(label, *(figure(m) for m in shown))
            for label, found in _headlines(shown):
                table.add_row(label, *found)
            for arm, label in CONTROLS.items():
                if any(_score(m, arm) for m in shown):
                    table.add_row(f"  {label}", *(_scored(_score(m, arm)) for m in shown))
            table.add_row("dropped", *(_dropped(m) for m in shown))
            for reason in sorted({reason for m in shown for reason in m.dropped}):
                table.add_row(f"  {reason}", *(f"{m.dropped.get(reason, 0):,}" for m in shown))
            self.rich.print()
            self.rich.print(table)
        self.rich.print()
        for m in manifests:
            self.note(f"{m.recipe}/{m.round} {m.decision}: {m.reason}")
            for alarm in m.alarms:
                self.note(f"{m.recipe}/{m.round} {worded(alarm)}")


def worded(alarm: Alarm) -> str:
    """An alarm in one line."""
    return f"alarm ({alarm.level}): {alarm.name}: {alarm.text}"


def _score(m: Manifest, role: str) -> Score | None:
    return m.scores.get(m.gate.benchmark, {}).get(role) if m.gate else None


def _scored(score: Score | None) -> str:
    return f"{score.accuracy:.1%} [{score.low:.1%}, {score.high:.1%}]" if score else "-"


def _alarms_by_level(m: Manifest) -> str:
    counts = Counter(alarm.level for alarm in m.alarms)
    return ", ".join(f"{counts[level]} {level}" for level in ("hold", "warning") if counts[level]) or "-"


def _dropped(m: Manifest) -> str:
    return f"{sum(m.dropped.values()):,}"


def _decision(m: Manifest) -> Text:
    return Text(m.decision, style={"promoted": "green", "failed": "red"}.get(m.decision, "yellow"))


FIGURES: dict[str, Callable[[Manifest], str | Text]] = {
    "decision": _decision,
    "alarms": _alarms_by_level,
    "accuracy before": lambda m: _scored(_score(m, "champion")),
    "accuracy after": lambda m: _scored(_score(m, "candidate")),
    "rows trained on": lambda m: f"{sum(m.trained_on.values()):,}",
    "tokens": lambda m: f"{sum(m.tokens.values()):,}",
    "seconds": lambda m: f"{sum(m.seconds.values()):.0f}",
}


def in_words(m: Manifest) -> dict[str, str]:
    """What a round comes to, a line a figure."""
    always = {label: str(figure(m)) for label, figure in FIGURES.items()}
    return always | {label: line(values) for label, values in headlines(m).items()} | {"dropped": _dropped(m)}


def _headlines(manifests: Sequence[Manifest]) -> Iterator[tuple[str, list[str]]]:
    """What stages measured, a line a figure, with each round's; of figures by name, a line a name below it."""
    every = [headlines(m) for m in manifests]
    for label in dict.fromkeys(label for found in every for label in found):
        written = [lines(found.get(label, ())) for found in every]
        yield label, [found.get("", "" if found else "-") for found in written]
        for name in dict.fromkeys(name for found in written for name in found if name):
            yield f"  {name}", [found.get(name, "-") for found in written]


CONSOLE: ContextVar[Console | None] = ContextVar("console", default=None)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} {task.fields['unit']}/s" if speed else "")


def as_json(m: Manifest, path: str) -> dict[str, Any]:
    """A round as `log --json` and `run --json` give it."""
    return {
        "recipe": m.recipe,
        "round": m.round,
        "round_id": f"{m.recipe}/{m.round}",
        "method": m.method,
        "parent": m.parent,
        "decision": m.decision,
        "reason": m.reason,
        "rows": {table: sum(ref.rows for ref in refs) for table, refs in m.tables.items()},
        "figures": m.figures,
        "trained_on": m.trained_on,
        "dropped": m.dropped,
        "scores": {
            benchmark: {role: score.model_dump(mode="json") for role, score in roles.items()}
            for benchmark, roles in m.scores.items()
        },
        "controls_failed": m.controls_failed,
        "gate": m.gate.model_dump(mode="json") if m.gate else None,
        "alarms": [alarm.model_dump(mode="json") for alarm in m.alarms],
        "seconds": m.seconds,
        "tokens": m.tokens,
        "manifest": path,
    }
