"""Gate: a candidate is promoted only if it is shown to be better than the champion on the same items."""

from collections.abc import Iterator, Sequence
from typing import Any

from schemas.gate import Comparison, GateResult, GuardResult
from schemas.gate import Gate as Settings
from schemas.manifest import Score, TableRef
from tasks.audit.comparison import compared, could_show, guarded, in_words, marks_of, shown
from tasks.audit.statistics import wilson
from tasks.store.draft import Draft


def gate(
    draft: Draft,
    *,
    settings: Settings,
    champion: TableRef,
    candidate: TableRef,
    invalid: TableRef,
    alarms: Sequence[str],
    probe_verdicts: tuple[TableRef, ...],
) -> dict[str, Any]:
    """Compare greedy answers, item by item, on the recipe's benchmark and its guards.

    Items undecided for either, or invalid, are left out. Promoted if the gain is above zero, at least min_gain, its
    one-sided p-value at most the level, every guard passed and the probe's bound kept; with `approval`, or with
    `alarms` that hold, held until someone approves it. With a sealed benchmark, `confirm` has the last word.
    """
    dropped = set(draft.read(invalid)["id"].to_pylist())
    before, after = (draft.read(ref).to_pylist() for ref in (champion, candidate))

    def marks(rows: list[dict[str, Any]], benchmark: str) -> dict[str, bool]:
        return marks_of([row for row in rows if row["id"] not in dropped], benchmark)

    target = compared(
        settings.benchmark, marks(before, settings.benchmark), marks(after, settings.benchmark), settings.test,
        settings.level, draft.random_seed("gate"),
    )  # fmt: skip
    guards = tuple(
        guarded(guard, marks(before, guard.benchmark), marks(after, guard.benchmark), settings.level)
        for guard in settings.guards
    )
    precision = _right([row for ref in probe_verdicts for row in draft.read(ref).to_pylist()])
    short = [*_short_of_a_gain(target, settings), *_lost(guards), *_doubts(precision, settings)]
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


def _short_of_a_gain(found: Comparison, settings: Settings) -> Iterator[str]:
    if shown(found, settings):
        return
    if found.p_value > settings.level:
        yield f"p above the level of {settings.level}; {could_show(found)}"
    else:
        yield f"gain below the {settings.min_gain}"


def _lost(guards: Sequence[GuardResult]) -> Iterator[str]:
    for guard in guards:
        if not guard.passed:
            yield f"a loss of {guard.max_loss:.1%} on {guard.benchmark} is not ruled out: {in_words(guard)}"


def _right(probe_verdicts: list[dict[str, Any]]) -> Score:
    decided = [row["correct"] for row in probe_verdicts if row["correct"] is not None]
    return wilson(sum(decided), len(decided))


def _doubts(precision: Score, settings: Settings) -> Iterator[str]:
    wanted = settings.min_vote_precision
    if wanted is not None and precision.low < wanted:
        yield f"the vote's precision on the probe may be {precision.low:.1%}, {wanted:.1%} wanted"
