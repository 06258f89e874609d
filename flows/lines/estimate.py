"""What `plan --estimate` prints: a line a stage, the sums, and the error on the last round."""

from collections.abc import Iterator

from rich.console import Console as Rich
from rich.table import Table as RichTable

from flows.estimate import Estimate
from flows.lines.plain import plain
from tasks.estimate.forecast import StageCost
from tasks.figures import many

COLUMNS = ("generated", "trained on", "storage", "time")
UNITS = {
    "tokens": "tokens generated", "trained_tokens": "tokens trained on", "seconds": "time", "storage_bytes": "storage"
}  # fmt: skip


def print_estimate(rich: Rich, found: Estimate, rounds: int) -> None:
    for line in _heading(found):
        rich.print(line, markup=False)
    rich.print(_stages(found))
    for line in (*_a_run(found, rounds), *_notes(found)):
        rich.print(line, markup=False)
    if found.errors:
        rich.print()
        rich.print(_errors(found))


def _heading(found: Estimate) -> Iterator[str]:
    yield f"next: {found.next_round}, on {plain(found.device)}; from {plain(found.rests_on)}"
    yield f"model: {many(found.parameters, 'parameter')}, {amount(found.weights_bytes)} on the disk\n"


def _stages(found: Estimate) -> RichTable:
    table = RichTable(box=None, header_style="bold", pad_edge=False)
    table.add_column("at most" if found.at_most else "")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for stage in found.stages:
        mark = " *" if stage.if_in_favour else ""
        table.add_row(f"  {stage.stage}{mark}", *cells(stage), style="dim" if stage.reused else None)
    table.add_row("a round", *cells(total(found.stages)), style="bold")
    return table


def total(stages: list[StageCost]) -> StageCost:
    """Sums. The time of a stage that is not known is left out."""
    timed = [s.seconds for s in stages if s.seconds is not None and not s.reused]
    return StageCost(
        stage="total",
        tokens=sum(s.tokens for s in stages),
        trained_tokens=sum(s.trained_tokens for s in stages),
        storage_bytes=sum(s.storage_bytes for s in stages),
        seconds=sum(timed) if timed else None,
    )


def cells(of: StageCost) -> tuple[str, ...]:
    return (
        f"{of.tokens:,}" if of.tokens else "",
        f"{of.trained_tokens:,}" if of.trained_tokens else "",
        amount(of.storage_bytes) if of.storage_bytes else "",
        "reused" if of.reused else "?" if of.seconds is None else duration(of.seconds),
    )


def _a_run(found: Estimate, rounds: int) -> Iterator[str]:
    every = total(found.stages)
    yield f"while it trains, up to {amount(found.resume_bytes)} more on the disk, to resume from"
    if rounds > 1:
        time = "" if every.seconds is None else f", {duration(rounds * every.seconds)}"
        yield (
            f"{many(rounds, 'round')} a run, all like it: {many(rounds * every.tokens, 'token')}, "
            f"{amount(rounds * every.storage_bytes)}{time}"
        )


def _notes(found: Estimate) -> Iterator[str]:
    if any(stage.if_in_favour for stage in found.stages):
        yield "*: if the gate is in favour; counted in the sums"
    if found.at_most:
        yield "no round was played yet: these are the recipe's upper bounds; the time is not known"
    elif any(stage.seconds is None for stage in found.stages):
        yield "?: not played yet: an upper bound, without a time"
    if found.other_device:
        yield f"times are those of {plain(found.other_device)}"


def _errors(found: Estimate) -> RichTable:
    table = RichTable(box=None, header_style="bold", pad_edge=False)
    table.add_column(plain(found.last_round))
    for name in ("foreseen", "actual", "error"):
        table.add_column(name, justify="right")
    for name, error in found.errors.items():
        worded = {"seconds": duration, "storage_bytes": amount}.get(name, count)
        relative = "-" if error.relative is None else f"{error.relative:+.1%}"
        table.add_row(f"  {UNITS[name]}", worded(error.foreseen), worded(error.actual), relative)
    return table


def count(number: float) -> str:
    return f"{number:,.0f}"


def amount(size: float) -> str:
    """Bytes, in the unit that gives one to three digits before the point."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.{int(minutes < 10)}f} min" if minutes < 100 else f"{hours:.1f} h"
