"""Gate: a candidate is promoted only if it is shown to be better than the champion on the same items."""

from collections.abc import Iterator, Sequence
from typing import Any

from schemas.gate import Gate as Settings
from schemas.gate import GateResult, GuardResult
from schemas.manifest import Score, TableRef, ValidRows
from tasks.audit.comparison import compared, guarded, in_words, marks_of, short_of_a_gain, shown
from tasks.statistics.intervals import wilson
from tasks.store.draft import Draft


def gate(
    draft: Draft,
    *,
    settings: Settings,
    base: ValidRows,
    champion: ValidRows,
    candidate: ValidRows,
    alarms: Sequence[str],
    probe_verdicts: tuple[TableRef, ...],
) -> dict[str, Any]:
    """Compare greedy answers, item by item, on the recipe's benchmark and its guards.

    Items undecided for the champion, or dropped, are left out. Promoted if the gain is above zero, at least min_gain,
    its one-sided p-value at most the level, every guard passed and the probe's bound kept; with `approval`, or with
    `alarms` that hold, held until someone approves it. With a sealed benchmark, `confirm` has the last word.
    """
    first, before, after = (draft.read(given).to_pylist() for given in (base, champion, candidate))
    target = compared(
        settings.benchmark, marks_of(before, settings.benchmark), marks_of(after, settings.benchmark), settings.test,
        settings.level, draft.random_seed("gate"),
    )  # fmt: skip
    # against the base too: each champion may have lost nearly max_loss, and so would the next
    sides = [("champion", before)] if base == champion else [("champion", before), ("base", first)]
    guards = tuple(
        guarded(guard, marks_of(rows, guard.benchmark), marks_of(after, guard.benchmark), settings.level, against)
        for guard in settings.guards
        for against, rows in sides
    )
    precision = _right([row for ref in probe_verdicts for row in draft.read(ref).to_pylist()])
    short = [*short_of_a_gain(target, settings), *_lost(guards), *_doubts(precision, settings)]
    reason, awaiting = in_words(target), not short and (settings.approval or bool(alarms))
    if short:
        verdict = "better, but held" if shown(target, settings) else "not shown to be better"
        reason = f"{verdict}: {reason}; {'; '.join(short)}"
    if awaiting:
        held_by = f"held by {'; '.join(alarms)}; " if alarms else ""
        reason = f"better, {held_by}awaiting approval: {reason}"
    return GateResult(
        **target.model_dump(),
        decision="promoted" if not short and not awaiting else "held",
        reason=reason,
        guards=guards,
        awaiting_approval=awaiting,
    ).model_dump()


def _lost(guards: Sequence[GuardResult]) -> Iterator[str]:
    for guard in guards:
        if not guard.passed:
            lost = f"a loss of {guard.max_loss:.1%} on {guard.benchmark}{guard.whose}"
            yield f"{lost} is not ruled out: {in_words(guard)}"


def _right(probe_verdicts: list[dict[str, Any]]) -> Score:
    decided = [row["correct"] for row in probe_verdicts if row["correct"] is not None]
    return wilson(sum(decided), len(decided))


def _doubts(precision: Score, settings: Settings) -> Iterator[str]:
    wanted = settings.min_vote_precision
    if wanted is not None and precision.low < wanted:
        yield f"the vote's precision on the probe may be {precision.low:.1%}, {wanted:.1%} wanted"
