"""The difficulty band and its caps: which labels are trusted and still teach, in the order of their questions."""

from collections import Counter
from typing import Any

from schemas.settings import Select as Settings

Refusal = tuple[str, float | None, float | None]
"""Reason, figure, threshold."""
ADMITTED: Refusal = ("", None, None)


def off_band(verdict: dict[str, Any], settings: Settings) -> Refusal:
    """Why a verdict gives no question to train on; the band is inclusive at both ends."""
    if verdict["tied"]:
        return "tie", verdict["agreement"], None
    if verdict["answer"] is None:
        return "no_valid_answer", verdict["num_valid"], 1
    if verdict["agreement"] < settings.min_agreement:
        return "below_band", verdict["agreement"], settings.min_agreement
    if verdict["agreement"] > settings.max_agreement:
        return "above_band", verdict["agreement"], settings.max_agreement
    return ADMITTED


class Admission:
    """Admits questions one after the other, up to the caps: all, and those of one answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admitted = 0
        self._per_answer: Counter[str] = Counter()

    def admit(self, verdict: dict[str, Any], contaminated: Refusal = ADMITTED) -> Refusal:
        """Why the next question is refused: contamination comes before the band, the caps come last."""
        settings = self._settings
        refusal = contaminated if contaminated != ADMITTED else off_band(verdict, settings)
        if refusal != ADMITTED:
            return refusal
        of_answer = self._per_answer[verdict["answer"]]
        if settings.max_per_answer is not None and of_answer >= settings.max_per_answer:
            return "answer_over_cap", of_answer + 1, settings.max_per_answer
        if settings.max_questions is not None and self._admitted >= settings.max_questions:
            return "over_cap", self._admitted + 1, settings.max_questions
        self._per_answer[verdict["answer"]] += 1
        self._admitted += 1
        return ADMITTED
