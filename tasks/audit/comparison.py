"""Comparison: two checkpoints on the same items of one benchmark, whether better, and whether no worse."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.errors import BadInput
from schemas.gate import Comparison, Gate, Guard, GuardResult
from schemas.results import RunComparison
from tasks.figures import many
from tasks.statistics.intervals import paired_difference, wilson
from tasks.statistics.power import detectable_gain, items_needed
from tasks.statistics.significance import holm, mcnemar, no_worse, paired_bootstrap

Marks = Mapping[str, bool | None]


def compared(benchmark: str, before: Marks, after: Marks, test: str, level: float, seed: int) -> Comparison:
    """Item -> whether the answer was right, of the checkpoint that is and the one that would be.

    Items that only one of them has, or undecided for the one that is, are left out; undecided for the one that would
    be, they earn it nothing. No items at all show nothing: p = 1.
    """
    items = sorted(item for item in before.keys() & after.keys() if before[item] is not None)
    # left out, they would hide a loss: a candidate must not gain by answers that no check can decide
    old, new = [bool(before[item]) for item in items], [bool(after[item]) for item in items]
    gained = sum(b and not a for a, b in zip(old, new, strict=True))
    lost = sum(a and not b for a, b in zip(old, new, strict=True))
    difference, low, high = paired_difference(new, old) if items else (0.0, -1.0, 1.0)
    by_bootstrap = test == "bootstrap" and items
    p_value = paired_bootstrap(new, old, seed) if by_bootstrap else mcnemar(gained, lost)
    return Comparison(
        benchmark=benchmark, test=test, n=len(items), gained=gained, lost=lost, difference=difference, low=low,
        high=high, p_value=p_value, detectable_gain=detectable_gain(len(items), gained + lost, level),
    )  # fmt: skip


def guarded(guard: Guard, before: Marks, after: Marks, level: float, against: str) -> GuardResult:
    """Whether a loss as large as the guard's is ruled out, at this level."""
    found = compared(guard.benchmark, before, after, "mcnemar", level, 0)
    p_value = no_worse(found.gained, found.lost, found.n, guard.max_loss)
    more = {"test": "tango", "p_value": p_value, "max_loss": guard.max_loss, "passed": p_value <= level}
    return GuardResult.model_validate(found.model_dump() | more | {"against": against})


def compared_runs(
    runs: Sequence[tuple[str, Mapping[str, Marks]]], level: float, max_loss: float | None = None
) -> list[RunComparison]:
    """Each run (its name, and marks by task) against the first, task by task: whether it is better or, with a maximal
    loss, whether a loss as large is ruled out. Tests are read together: Holm's correction is over all of them.

    Raises BadInput for a run without a task, or a task without an item, that the first has too.
    """
    (a, before), *others = runs
    pairs = [(b, task, before[task], after[task]) for b, after in others for task in before if task in after]
    for b, _ in others:
        if b not in {pair[0] for pair in pairs}:
            raise BadInput(f"{b}: it has no task that {a} has too; compare files with files, folders with folders")
    for b, task, old, new in pairs:
        if not any(old[item] is not None for item in old.keys() & new.keys()):
            of = f"{b}: {task}" if task else b
            raise BadInput(f"{of}: none of its {len(new):,} items is one that is decided in {a}, by id")
    strictest = level / max(1, len(pairs))
    found = [_against(a, *pair, strictest, max_loss) for pair in pairs]
    told = zip(found, holm([each.p_value for each in found]), strict=True)
    return [
        each.model_copy(
            update={"adjusted_p": p, "passed": p <= level and (max_loss is not None or each.difference > 0)}
        )
        for each, p in told
    ]


def _against(
    a: str, b: str, task: str, before: Marks, after: Marks, level: float, max_loss: float | None
) -> RunComparison:
    """By itself, its p-value not yet adjusted."""
    found, both = compared(task, before, after, "mcnemar", level, 0), before.keys() & after.keys()
    right = sum(before[item] is True for item in both)
    unsure = sum(after[item] is None for item in both if before[item] is not None)
    changed = (found.gained + found.lost) / found.n
    values = found.model_dump()
    if max_loss is not None:
        values |= {"test": "tango", "p_value": no_worse(found.gained, found.lost, found.n, max_loss)}
    return RunComparison(
        **values, a=a, b=b,
        scores=(wilson(right, found.n), wilson(right + found.gained - found.lost, found.n, unsure)),
        only_a=len(before) - len(both), only_b=len(after) - len(both), left_out=len(both) - found.n,
        adjusted_p=values["p_value"], passed=False, max_loss=max_loss,
        items_needed=items_needed(changed, found.difference, level) if max_loss is None else None,
    )  # fmt: skip


def in_words(found: Comparison) -> str:
    """+1.2% on 400 items (9 gained, 4 lost, p = 0.13)."""
    changed = f"{found.gained} gained, {found.lost} lost, p = {found.p_value:.2g}"
    return f"{found.difference:+.1%} on {many(found.n, 'item')} ({changed})"


def could_show(found: Comparison) -> str:
    """What gain a benchmark of this size could have shown."""
    if found.detectable_gain >= 1:
        return "too few items to show any gain"
    return f"so many items could have shown {found.detectable_gain:+.1%}"


def marks_of(rows: list[dict[str, Any]], benchmark: str) -> dict[str, bool | None]:
    """Item -> whether the greedy answer was right, of `evaluations`; None for undecided."""
    return {row["item_id"]: row["correct"] for row in rows if row["greedy"] and row["benchmark"] == benchmark}


def shown(found: Comparison, settings: Gate) -> bool:
    """Whether a gain is shown: above zero, large enough, and hardly luck."""
    return found.difference > 0 and found.difference >= settings.min_gain and found.p_value <= settings.level


def short_of_a_gain(found: Comparison, settings: Gate) -> Iterator[str]:
    """Why no gain is shown; nothing if one is."""
    if shown(found, settings):
        return
    if found.p_value > settings.level:
        yield f"p above level = {settings.level:g}; {could_show(found)}"
    else:
        yield f"a gain below min_gain = {settings.min_gain:.1%}"
