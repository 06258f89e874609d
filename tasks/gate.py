"""Gate: a candidate is promoted only if it is shown to be better than the champion on the same items."""

from collections.abc import Sequence
from typing import Any

from schemas.manifest import GateResult, TableRef
from schemas.settings import Gate as Settings
from tasks.audit.statistics import mcnemar, paired_bootstrap, paired_difference
from tasks.store.draft import Draft


def gate(
    draft: Draft,
    *,
    settings: Settings,
    champion: TableRef,
    candidate: TableRef,
    invalid: TableRef,
    alarms: Sequence[str],
) -> dict[str, Any]:
    """Compare greedy answers, item by item, on the recipe's benchmark.

    Items undecided for either, or invalid, are left out. Promoted if the gain is above zero, at least min_gain, and
    its one-sided p-value is at most the level; with `approval`, or with `alarms` that hold, held until someone
    approves it.
    """
    dropped = set(draft.read(invalid)["id"].to_pylist())
    before, after = (_marks(draft, ref, settings.benchmark, dropped) for ref in (champion, candidate))
    items = sorted(before.keys() & after.keys())
    old, new = [before[item] for item in items], [after[item] for item in items]
    gained = sum(b and not a for a, b in zip(old, new, strict=True))
    lost = sum(a and not b for a, b in zip(old, new, strict=True))
    difference, low, high = paired_difference(new, old) if items else (0.0, -1.0, 1.0)
    if settings.test == "mcnemar":
        p_value = mcnemar(gained, lost)
    else:
        p_value = paired_bootstrap(new, old, draft.random_seed("gate")) if items else 1.0
    better = difference > 0 and difference >= settings.min_gain and p_value <= settings.level
    reason = f"{difference:+.1%} on {len(items)} items ({gained} gained, {lost} lost, p = {p_value:.2g})"
    if not better:
        short = "p above the level of" if p_value > settings.level else "gain below the"
        wanted = settings.level if p_value > settings.level else settings.min_gain
        reason = f"not shown to be better: {reason}; {short} {wanted}"
    awaiting = better and (settings.approval or bool(alarms))
    if awaiting:
        held_by = f"held by {'; '.join(alarms)}; " if alarms else ""
        reason = f"better, {held_by}awaiting approval: {reason}"
    return GateResult(
        decision="promoted" if better and not awaiting else "held",
        reason=reason,
        benchmark=settings.benchmark,
        test=settings.test,
        n=len(items),
        gained=gained,
        lost=lost,
        difference=difference,
        low=low,
        high=high,
        p_value=p_value,
        awaiting_approval=awaiting,
    ).model_dump()


def _marks(draft: Draft, ref: TableRef, benchmark: str, dropped: set[str]) -> dict[str, bool]:
    """Item -> whether the greedy answer was right."""
    return {
        row["item_id"]: row["correct"]
        for row in draft.read(ref).to_pylist()
        if row["greedy"] and row["benchmark"] == benchmark and row["correct"] is not None and row["id"] not in dropped
    }
