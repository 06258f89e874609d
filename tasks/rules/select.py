"""Which labels are trusted and still teach, apart from every protected row: contamination, the band, the caps."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from schemas.settings import Contamination
from schemas.settings import Select as Settings
from schemas.table import CONTRADICTS
from tasks.rules import Row, Rows, Rule, first_refusal, outcome

Refusal = tuple[str, float | None, float | None]
"""Reason, figure, threshold."""
ADMITTED: Refusal = ("", None, None)


class Admission:
    """Admits questions one after the other, up to the caps: all, and those of one answer."""

    def __init__(self, settings: Settings, protection: Contamination, verdicts: Collection[Row] = ()) -> None:
        """`verdicts`: those of all questions together."""
        self._settings, self._protection = settings, protection
        self._least, self._balance = least_agreement(verdicts, settings), balance(verdicts, settings)
        self._admitted = 0
        self._per_answer: Counter[str] = Counter()

    def admit(self, verdict: Row, contaminated: Refusal = ADMITTED, contradicts: bool = False) -> Refusal:
        """Why the next question is refused."""
        before = (self._per_answer[verdict["answer"]], self._admitted)
        limits = (self._least, self._balance, contradicts)
        if refusal := first_refusal(
            selection_rules(verdict, self._settings, self._protection, contaminated, *limits, *before)
        ):
            return refusal.name, refusal.figure, refusal.threshold
        self._per_answer[verdict["answer"]] += 1
        self._admitted += 1
        return ADMITTED


def least_agreement(verdicts: Iterable[Row], settings: Settings) -> float | None:
    """Lowest agreement of the top share of the questions in the band; None without one."""
    if settings.top_share is None:
        return None
    found = sorted((row["agreement"] for row in verdicts if not off_band(row, settings)), reverse=True)
    return found[math.ceil(settings.top_share * len(found)) - 1] if found else None


def balance(verdicts: Iterable[Row], settings: Settings) -> int | None:
    """How many questions in the band have the second most frequent answer: the most that each may have."""
    if not settings.balanced:
        return None
    found = Counter(row["answer"] for row in verdicts if not off_band(row, settings))
    return sorted([*found.values(), 0, 0])[-2]


def off_band(verdict: Row, settings: Settings) -> str:
    """Why a verdict gives no question to train on; "" if it does."""
    refusal = first_refusal(band_rules(verdict, settings))
    return refusal.name if refusal else ""


def selection_rules(
    verdict: Row,
    settings: Settings,
    protection: Contamination,
    contaminated: Refusal,
    least: float | None,
    balance: int | None,
    contradicts: bool,
    of_answer: int | None,
    admitted: int | None,
) -> Iterator[Rule]:
    """Contamination overrules what the vote says; the caps come last. `least`: lowest agreement of the top share;
    `balance`: most questions of one answer; `contradicts`: whether the same question has another label too;
    `of_answer`, `admitted`: how many of its answer, and in all, were admitted before it."""
    limits = {"exact": None, "ngram": protection.ngram, "near": protection.near}
    for kind, limit in limits.items():
        if contaminated[0] == f"contaminated_{kind}":
            yield Rule(*contaminated, "dropped")
        elif kind == "exact" or limit is not None:
            yield Rule(f"contaminated_{kind}", None, limit)
    yield from band_rules(verdict, settings)
    if settings.top_share is not None:
        below = least is not None and verdict["agreement"] < least
        yield Rule("below_top_share", verdict["agreement"], least, outcome(below))
    yield Rule(CONTRADICTS, outcome=outcome(contradicts))
    if settings.balanced:
        over = balance is not None and of_answer is not None and of_answer >= balance
        yield Rule("answer_over_balance", (of_answer or 0) + 1 if over else None, balance, outcome(over))
    yield from _cap("answer_over_cap", of_answer, settings.max_per_answer)
    yield from _cap("over_cap", admitted, settings.max_questions)


def band_rules(verdict: Row, settings: Settings) -> Iterator[Rule]:
    """The band is inclusive at both ends."""
    agreement, least, most = verdict["agreement"], settings.min_agreement, settings.max_agreement
    yield Rule("tie", agreement, None, outcome(verdict["tied"]))
    yield Rule("no_valid_answer", verdict["num_valid"], 1, outcome(not verdict["num_valid"]))
    if verdict["answer"] is None and verdict["num_valid"] and not verdict["tied"]:  # vote.min_share is higher
        yield Rule("below_min_share", verdict["agreement_valid"], None, "dropped")
    yield Rule("below_band", agreement, least, outcome(agreement < least))
    yield Rule("above_band", agreement, most, outcome(agreement > most))


def _cap(name: str, before: int | None, cap: int | None) -> Iterator[Rule]:
    if cap is not None:
        over = before is not None and before >= cap
        yield Rule(name, (before or 0) + 1 if over else None, cap, outcome(over))


def rules(settings: Row, rows: Rows) -> Iterator[Rule]:
    for verdict in rows.get("verdicts", ())[:1]:
        by, apart = (
            Settings.model_validate(settings["settings"]),
            Contamination.model_validate(settings["protection"]),
        )
        yield from selection_rules(verdict, by, apart, ADMITTED, None, None, False, None, None)
