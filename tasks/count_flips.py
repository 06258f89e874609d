"""Count flips: what a checkpoint's answers to a benchmark were before its own verdict on them, and after."""

from typing import Any

from schemas.correcting import Verify
from schemas.manifest import TableRef
from schemas.settings import Answers
from schemas.table import writes
from tasks.answers.canonical import answer_of
from tasks.answers.equality import equality
from tasks.answers.outcomes import Outcome
from tasks.checks.correcting import Turned, flips
from tasks.reading.corrected import read_corrected
from tasks.store.draft import Draft


@writes()
def count_flips(
    draft: Draft, *, checks: Answers, words: Verify, benchmark: str, evaluations: TableRef
) -> dict[str, Any]:
    """Write nothing. The figures are shares of the greedy answers whose checks were decided."""
    rows = [row for row in draft.read(evaluations).to_pylist() if row["greedy"] and row["benchmark"] == benchmark]
    read = [read_corrected(row["text"], words.right, words.wrong) for row in rows]
    with equality(checks, draft.cache) as compare:
        said = [answer_of(each.first, checks).text or "" for each in read]
        outcomes = compare([(row["reference"], text) for row, text in zip(rows, said, strict=True)])
    turned = [
        Turned(outcome is Outcome.EQUAL, each.accepts, row["correct"])
        for row, each, outcome in zip(rows, read, outcomes, strict=True)
        if row["correct"] is not None and outcome is not Outcome.UNDECIDED
    ]
    return {name: score.model_dump() for name, score in flips(turned).items()}
