"""A round, and rows of its tables."""

from collections.abc import Iterator, Mapping

import typer

from flows.lines.log import heading, recorded
from flows.lines.plain import counted, paragraph, plain, sampled, value, worded
from schemas.controls import CONTROLS
from schemas.manifest import Manifest, StageRecord
from tasks.audit.query import Found
from tasks.figures import by_stage, line, many, pooled, words
from tasks.store.lineage import Lineage

ROLES = ("base", "champion", "candidate", *CONTROLS)


def round_lines(lineage: Lineage, m: Manifest, stages: Mapping[str, StageRecord | None]) -> Iterator[str]:
    """Scorecard, stages, tables, drops, validation, and what was recorded of a round."""
    yield from heading(lineage, m)
    yield f"reason   {plain(m.reason, 500)}"
    yield from _titled("scores", _scores(m))
    yield from _titled("figures", _figures(m))
    yield from _titled("stages", _stages(m, stages))
    yield from _titled("rows that could not be used", unusable_lines(m.inputs.get("unusable", {})))
    yield from _titled("tables", _tables(m))
    dropped = sorted(m.dropped.items(), key=lambda found: -found[1])
    yield from _titled("dropped", (f"{rows:>9,}  {plain(reason)}" for reason, rows in dropped))
    yield from _titled("validation", _validation(m))
    yield from _titled("weights", _weights(m))
    yield from _titled("records", (recorded(record) for record in lineage.records if record.round == m.round))
    yield ""
    yield f"rows of a table: selfplay show {m.recipe}/{m.round} verdicts --where 'agreement < 0.5'"


def row_lines(round_id: str, found: Found, limit: int) -> Iterator[str]:
    """Rows one below the other, a column a line, each by its id."""
    for row in found.rows:
        yield typer.style(plain(row["id"]), bold=True)
        width = max(map(len, row)) + 2
        for column, content in row.items():
            if column != "id":
                first, *others = paragraph(content) if isinstance(content, str) else [value(content)]
                yield f"  {column:<{width}}{first}"
                yield from (f"  {'':<{width}}{line}" for line in others)
        yield ""
    more = f"; the others: --limit {found.matched}" if found.matched > limit else ""
    yield f"{len(found.rows):,} of {many(found.matched, 'row')} of {round_id} {plain(found.table)}{more}"


def unusable_lines(unusable: Mapping[str, dict[str, int]]) -> Iterator[str]:
    """A line a file of the recipe that has such rows."""
    yield from (f"{plain(key)}: {counted(reasons)}" for key, reasons in unusable.items() if reasons)


def _titled(title: str, lines: Iterator[str]) -> Iterator[str]:
    told = list(lines)
    if told:
        yield ""
        yield typer.style(title, bold=True)
        yield from (f"  {line}" for line in told)


def _scores(m: Manifest) -> Iterator[str]:
    width = max(map(len, m.scores), default=4)
    for benchmark, roles in m.scores.items():
        for role in ROLES:
            if score := roles.get(role):
                undecided = f", {score.undecided:,} undecided" if score.undecided else ""
                yield f"{plain(benchmark):<{width}} {role:<15}{worded(score)} of {many(score.n, 'item')}{undecided}"
                if several := sampled(score):
                    yield f"{'':<{width}} {'':<15}{several}"


def _figures(m: Manifest) -> Iterator[str]:
    for stage, figures in by_stage(m).items():
        width = max(20, len(stage) + 2)
        for number, (name, values) in enumerate(figures.items()):
            text = plain(line(values), 1_000) + (f" of {many(score.n, 'row')}" if (score := pooled(values)) else "")
            yield f"{'' if number else plain(stage):<{width}}{plain(words(name)):<18} {text}"


def _stages(m: Manifest, stages: Mapping[str, StageRecord | None]) -> Iterator[str]:
    width = max(20, *(len(shown) + 2 for shown in m.stages))
    for shown, key in m.stages.items():
        record = stages[shown]
        if record is None:
            told = "its marker cannot be read"
        elif record.reused_from:
            told = f"reused from {plain(record.reused_from)}"
        elif shown not in m.seconds:
            told = "reused (already complete)"
        else:
            told = f"{record.seconds:8.1f} s" + (f"  {many(record.tokens, 'token')}" if record.tokens else "")
        unverified = "  unverified: by a server" if record and record.url_engine else ""
        yield f"{plain(shown):<{width}}{key[:10]}  {told}{unverified}"


def _tables(m: Manifest) -> Iterator[str]:
    for name, refs in sorted(m.tables.items()):
        for ref in refs:
            yield f"{plain(name):<24}{ref.rows:>9,}  {ref.digest[:16]}  {plain(ref.path)}"


def _validation(m: Manifest) -> Iterator[str]:
    for name, found in m.validation.items():
        failing = sum(table.get("failing_rows", 0) for table in found.get("tables", {}).values())
        told = f"{many(len(found.get('tables', {})), 'table')}, {many(failing, 'failing row')}"
        yield f"{plain(name):<20}{'passed' if found.get('passed') else 'failed'}, {told}"
        yield from (f"  {plain(str(failure))}" for failure in found.get("failures", []))


def _weights(m: Manifest) -> Iterator[str]:
    weights = [("base", "", m.base), ("champion", "", m.champion), ("candidate", "", m.candidate)]
    for role, own in m.own.items():
        weights += [("base", role, own.base), ("champion", role, own.champion)]
        weights += [("candidate", role, m.own_candidates.get(role))]
    for what, role, ref in weights:
        gone = "  dropped, by a record" if what == "candidate" and m.weights_dropped else ""
        of = f"  of the {plain(role)}" if role else ""
        yield f"{what:<12}{f'objects/{ref.digest}' if ref else 'none'}{of}{gone}"
    if m.trained_on:
        yield f"{'trained on':<12}{counted(m.trained_on)} rows"
