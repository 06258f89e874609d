"""Whether a file's answers can be marked: its references read, doubted, and held against answers known beforehand.

No model is asked, and nothing is written.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

from schemas.errors import BadInput
from schemas.manifest import Score
from schemas.recipe import AnsweredRows
from schemas.settings import Answers
from tasks.answers.canonical import canonical
from tasks.answers.equality import Compare, equality
from tasks.answers.outcomes import Outcome
from tasks.checks.known_answers import Tally, fault, few, kind_of, known_answers, mark, tally, worded
from tasks.figures import many
from tasks.reading.references import DOUBTFUL
from tasks.sources import Source, read_source, rows_of
from tasks.statistics.intervals import wilson

Row = dict[str, Any]
Report = Callable[[int, int, str], None]
KEY = "check-answers"
MOST_ROWS = 500
"""Rows that known answers are made of, chosen by hash: seconds of a checker, and an interval of a point."""
RARE = 1 / 10
"""A kind of reference that no larger share has is doubtful beside one that most have."""
LONG = 200


@dataclass
class Checked:
    """What was found of a file. Rows are numbered from 0, as they stand in it."""

    path: str
    rows: int = 0
    read: dict[str, int] = field(default_factory=dict)
    """How references were read -> usable rows."""
    unusable: dict[str, int] = field(default_factory=dict)
    """Reason -> rows."""
    unusable_rows: dict[str, list[int]] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    doubtful: list[Row] = field(default_factory=list)
    """row, reference, why."""
    right: Score | None = None
    """Rows whose known-right answers are marked right; None if the pattern reads no shape that is known here."""
    wrong: Score | None = None
    """Rows whose known-wrong answers are not marked right."""
    errors: list[str] = field(default_factory=list)
    fault: str = ""
    """Why a run would refuse the file."""


def refuse_if_the_checker_errs(source: Source, asked: AnsweredRows, checks: Answers) -> None:
    """Raises BadInput, before a token is spent, if answers known to be right or wrong are not marked so."""
    with equality(checks) as compare:
        rows = few(source.rows)
        found = fault(mark(known_answers(rows, checks.pattern), checks.pattern, compare))
    if found:
        raise BadInput(
            f"{source.key}: the checker errs: {found}; {_mend(checks)}; type: {command(source.path, asked, checks)}"
        )


def _mend(checks: Answers) -> str:
    pattern = "answers.pattern, " if checks.pattern is not None else ""
    return f"look at {pattern}answers.equivalence and the column of the answers"


def command(path: Path, asked: AnsweredRows, checks: Answers) -> str:
    """What shows how a file is read and marked."""
    pattern = f" --answer-pattern {quote(checks.pattern)}" if checks.pattern is not None else ""
    columns = f"--question {quote(asked.question)} --answer {quote(asked.answer)}"
    return f"selfplay check-answers {quote(str(path))} {columns} --equivalence {checks.equivalence}{pattern}"


def check_answers(asked: AnsweredRows, checks: Answers, report: Report) -> Checked:
    """How a file's references are read, which are doubtful, and how right reader and checker are on them.

    Raises BadInput for a file that a run could not use at all.
    """
    source = read_source(KEY, asked, Path.cwd())
    found = Checked(path=asked.path, unusable=source.unusable)
    usable, repeated = _read(found, source, asked, report)
    found.kinds = dict(Counter(row["kind"] for row in usable).most_common())
    with equality(checks) as compare:
        found.doubtful = _doubtful(usable, repeated, found.kinds, compare)
        rows = few(usable, MOST_ROWS)
        known = known_answers(rows, checks.pattern)
        marked = mark(known, checks.pattern, compare, lambda done: report(done, len(known), "known answers marked"))
    right, wrong = tally(marked, right=True), tally(marked, right=False)
    found.right, found.wrong = _score(right), _score(wrong)
    errors = [error for of in (right, wrong) for error in (*of.errors, *of.undecided)]
    found.errors = [worded(error) for error in sorted(errors, key=lambda error: int(error.known.row["source_row"]))]
    found.fault = fault(marked)
    return found


def _read(found: Checked, source: Source, asked: AnsweredRows, report: Report) -> tuple[list[Row], list[Row]]:
    """The rows that a run would use, each with its kind; and those whose question stands in an earlier one."""
    read: Counter[str] = Counter()
    unusable, usable, repeated = defaultdict[str, list[int]](list), list[Row](), list[Row]()
    for number, _, row, reason in rows_of(KEY, asked, source.path):
        found.rows = number + 1
        report(number + 1, len(source.rows) + sum(source.unusable.values()), "rows read")
        if reason:
            unusable[reason].append(number)
        if row is None:
            continue
        row |= {"source_row": number}
        if reason:
            repeated.append(row)
            continue
        read[row["how"]] += 1
        usable.append(row | {"kind": kind_of(row["reference"])})
    found.read, found.unusable_rows = dict(read.most_common()), dict(unusable)
    return usable, repeated


def _doubtful(usable: list[Row], repeated: list[Row], kinds: dict[str, int], compare: Compare) -> list[Row]:
    reference_of = {row["question"]: row["reference"] for row in usable}
    commonest = max(kinds, key=kinds.__getitem__)
    rare = {kind for kind, count in kinds.items() if count <= RARE * len(usable)}
    is_uniform = kinds[commonest] >= (1 - RARE) * len(usable)
    itself = compare([(row["reference"], row["reference"]) for row in usable])
    found = []
    for row, outcome in zip(usable, itself, strict=True):
        kind, length = row["kind"], len(row["reference"])
        if kind == "nothing":
            found.append(_doubt(row, "it has no normal form: no answer equals it"))
        elif outcome is not Outcome.EQUAL:
            found.append(_doubt(row, f"held against itself it is {outcome.value}"))
        elif row["how"] in DOUBTFUL:
            found.append(_doubt(row, f"read as {row['how']}"))
        elif row["reference"] == row["question"]:
            found.append(_doubt(row, "it is the question itself"))
        elif length > LONG:
            found.append(_doubt(row, f"{many(length, 'character')}: a solution rather than an answer?"))
        elif is_uniform and kind in rare:
            found.append(_doubt(row, f"read as {kind}, where most are read as {commonest}"))
    for row in repeated:
        first = reference_of.get(row["question"])
        if first is not None and canonical(first) != canonical(row["reference"]):
            found.append(_doubt(row, f"an earlier row has the same question and the answer {first[:80]}"))
    return sorted(found, key=lambda row: int(row["row"]))


def _doubt(row: Row, why: str) -> Row:
    return {"row": row["source_row"], "reference": row["reference"], "why": why}


def _score(found: Tally) -> Score | None:
    decided = found.rows - len(found.undecided)
    return wilson(decided - len(found.errors), decided, len(found.undecided)) if found.rows else None
