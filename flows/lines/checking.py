"""How a file's references are read and marked, as a page to read."""

from collections.abc import Iterator

from flows.checking import Checked
from flows.lines.plain import counted, plain, worded
from schemas.manifest import Score
from tasks.figures import many

SHOWN = 8
WORDS = 80


def checked_lines(found: Checked, typed: str) -> Iterator[str]:
    """What was read, what is doubtful, how right the marks are, and what to type next. `typed`: what showed it."""
    yield f"{plain(found.path)}: {many(found.rows, 'row')}, numbered from 0"
    yield f"  {'read':<10}{counted(found.read)}"
    for reason, rows in sorted(found.unusable.items()):
        yield f"  {'unusable':<10}{rows:,} {plain(reason)}: {_numbers(found.unusable_rows.get(reason, []))}"
    yield f"  {'kinds':<10}{counted(found.kinds)}"
    yield from _marked("right", found.right, "answers known to be right are marked right")
    yield from _marked("wrong", found.wrong, "answers known to be wrong are not")
    if found.right is None:
        yield "  nothing was marked: the pattern reads no shape of an answer that is known here"
    yield from _few("marked as they should not be", [plain(line, 400) for line in found.errors])
    yield from _few(
        "doubtful", [f"row {d['row']}: {plain(d['reference'], WORDS)}  {plain(d['why'])}" for d in found.doubtful]
    )
    yield ""
    yield f"next: {_next(found, typed)}"


def _marked(name: str, score: Score | None, told: str) -> Iterator[str]:
    if score:
        undecided = f", {score.undecided:,} undecided" if score.undecided else ""
        yield f"  {name:<10}{worded(score)} of {many(score.n, 'row')}: {told}{undecided}"


def _few(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"{title}: {len(lines):,}"
        yield from (f"  {line}" for line in lines[:SHOWN])
        if len(lines) > SHOWN:
            yield f"  and {len(lines) - SHOWN:,} more: --json"


def _numbers(rows: list[int]) -> str:
    return f"row{'s' if len(rows) != 1 else ''} {', '.join(map(str, rows[:SHOWN]))}{', ...' * (len(rows) > SHOWN)}"


def _next(found: Checked, typed: str) -> str:
    if found.fault:
        return f"a run would refuse this file: {plain(found.fault, 600)}; try another column, equivalence or pattern"
    if found.right is None:
        return "see that the pattern reads an attempt of your own model; or leave it out, and let boxes be read"
    if found.doubtful:
        return f"mend or leave out the doubtful rows; all of them: {plain(typed, 1000)} --json"
    return "name the file in a recipe, under [data.probe] or [[benchmarks]], then: selfplay plan RECIPE"
