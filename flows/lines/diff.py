"""The difference of two rounds, as a page to read."""

from collections.abc import Iterable, Iterator

import typer

from flows.lines.log import from_to
from flows.lines.plain import plain, points, worded
from schemas.diff import Change, Diff, Drift, Label, Questions
from schemas.manifest import Score

FLIPS, EXAMPLES = 8, 3
WORDS = 60
SIGNS = {"+": "green", "-": "red"}


def diff_lines(diff: Diff) -> Iterator[str]:
    """From a to b, what matters most first."""
    yield typer.style(f"{diff.a} -> {diff.b}", bold=True)
    yield from (f"not compared, it cannot be read: {plain(name)}" for name in diff.unread)
    yield from _titled("round", _changes(diff.round))
    yield from _titled("scores", (line for s in diff.scores for line in _score(s.name, s.before, s.after)))
    yield from _titled("figures", _changes(diff.figures))
    yield from _titled("validation", _changes(diff.validation))
    yield from _titled("labels", (line for name, found in diff.questions.items() for line in _questions(name, found)))
    yield from _titled("distributions", (line for drift in diff.columns for line in _drift(drift)))
    yield from _titled("rows", _counts(diff.rows))
    yield from _titled("dropped", _counts(diff.dropped))
    yield from _titled("recipe", _changes(diff.recipe))
    yield from _titled("prompts", (line for p in diff.prompts for line in (plain(p.name), *map(_signed, p.lines))))
    yield from _titled("code", _changes(diff.code))


def _titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield typer.style(title, bold=True)
    yield from (f"  {line}" for line in list(lines) or ["the same"])


def _changes(changes: list[Change]) -> Iterator[str]:
    return (f"{plain(change.name):<24} {from_to(change)}" for change in changes)


def _counts(changes: list[Change]) -> Iterator[str]:
    return (f"{plain(change.name):<24} {change.before or 0:,} -> {change.after or 0:,}" for change in changes)


def _score(name: str, before: Score | None, after: Score | None) -> Iterator[str]:
    if before != after:
        change = f"  {points(after.accuracy - before.accuracy)} points" if before and after else ""
        yield f"{plain(name):<24} {worded(before)} -> {worded(after)}{change}"
        was, now = (side.sampled if side else {} for side in (before, after))
        for figure in {**was, **now}:
            yield f"  {figure:<22} {worded(was.get(figure))} -> {worded(now.get(figure))}"


def _questions(name: str, found: Questions) -> Iterator[str]:
    counts = f"{found.both:,} in both, {found.relabelled:,} relabelled"
    yield f"{name:<12}{_signed(f'+{found.added:,}')} {_signed(f'-{found.gone:,}')}, {counts}"
    for sign, examples in (("+", found.added_examples), ("-", found.gone_examples)):
        yield from (f"  {_signed(f'{sign} {plain(text, WORDS)}')}" for text in examples[:EXAMPLES])
    for flip in found.flips[:FLIPS]:
        yield f"  ~ {plain(flip.question, WORDS)}: {_label(flip.before)} -> {_label(flip.after)}"
    if found.relabelled > FLIPS:
        yield f"  and {found.relabelled - FLIPS:,} more: --json"


def _label(label: Label) -> str:
    answer = "no answer" if label.answer is None else plain(label.answer, WORDS)
    return f"{answer} ({label.votes} of {label.num_attempts})"


def _drift(drift: Drift) -> Iterator[str]:
    before, after = drift.before or {}, drift.after or {}
    if drift.drift is None:
        told = "no rows on one side" if before or after else "no rows"
    else:
        told = f"{drift.drift:.4f} bits ({drift.by_chance:.4f} by chance)"
    yield f"{drift.column:<24} {told}: {drift.meaning}"
    names = [*before, *(name for name in after if name not in before)]
    written = _figure if "n" in names else _share
    if names:
        sides = (f"{plain(name)} {written(before.get(name))} -> {written(after.get(name))}" for name in names)
        yield f"{'':<24} {', '.join(sides)}"


def _figure(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:,.4g}" if figure < 1000 else f"{figure:,.0f}"


def _share(share: float | None) -> str:
    return f"{share or 0:.1%}"


def _signed(line: str) -> str:
    return typer.style(plain(line), fg=SIGNS.get(line[:1]))
