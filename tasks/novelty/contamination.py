"""Contamination: whether a text repeats a benchmark or probe row, whole, in a run of words, or nearly."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.settings import Contamination
from tasks.novelty.index import NoveltyIndex
from tasks.novelty.runs import WordRuns
from tasks.novelty.words import level


@dataclass(frozen=True)
class Hit:
    """The protected row that a text repeats.

    kind: "exact", "ngram" or "near"
    span: the part of the text that repeats it: all of it, or the run of words
    score: ROUGE-L F1 for "near", else 1.0
    """

    kind: str
    set_name: str
    row_id: str
    span: str
    score: float

    @property
    def reason(self) -> str:
        """What a text is dropped for."""
        return f"contaminated_{self.kind}"

    def limit(self, protection: Contamination) -> float | None:
        """What its score was held against."""
        return protection.near if self.kind == "near" else None

    def row(self, id: str, row_id: str) -> dict[str, object]:
        """A row of `contamination`: this hit, of the row `row_id`."""
        found = {"kind": self.kind, "set_name": self.set_name, "protected_id": self.row_id, "span": self.span}
        return {"id": id, "row_id": row_id, "score": self.score, **found}


class ProtectedTexts:
    """Rows that no training text may repeat.

    Every copy is found, whatever its case, spaces, and widths and digits of its characters. `ngram`: so many words in
    a row, case and punctuation aside, are a hit too; None is off. `near`: so is a ROUGE-L F1 above it; None is off.
    In a script without spaces, characters are compared: two of Han or kana, or four of Thai and its like, count as
    one of the `ngram` words. 13 characters alone are a phrase that many problems share.
    """

    def __init__(
        self, rows: Iterable[tuple[str, str, str]], ngram: int | None = 13, near: float | None = 0.7
    ) -> None:
        """Take rows (set name, row id, text); of rows that are hit alike the first is named."""
        named = list(rows)
        self._rows = [(set_name, row_id) for set_name, row_id, _ in named]
        self._exact: dict[str, int] = {}
        for row, (_, _, text) in enumerate(named):
            self._exact.setdefault(_folded(text), row)
        self._runs = None if ngram is None else WordRuns((text for _, _, text in named), ngram)
        self._near = None if near is None else NoveltyIndex(near)
        if self._near is not None:
            for row, (_, _, text) in enumerate(named):
                self._near.add(text, str(row))

    def find(self, text: str) -> Hit | None:
        """Return the first hit among exact, ngram and near, in this order; None if the text is clean."""
        row = self._exact.get(_folded(text))
        if row is not None:
            return Hit("exact", *self._rows[row], text, 1.0)
        return self._find_run(text) or self._find_near(text)

    def _find_run(self, text: str) -> Hit | None:
        found = self._runs.find(text) if self._runs is not None else None
        return Hit("ngram", *self._rows[found[0]], text[found[1] : found[2]], 1.0) if found else None

    def _find_near(self, text: str) -> Hit | None:
        if self._near is None:
            return None
        score, row = self._near.nearest(text)
        if row is None or score <= self._near.threshold:
            return None
        return Hit("near", *self._rows[int(row)], text, score)


def protected_texts(protection: Contamination, *tables: tuple[str, Iterable[Mapping[str, Any]]]) -> ProtectedTexts:
    """Of protected tables, each by its name and rows: an item of a benchmark goes by the benchmark's name."""
    named = ((row.get("benchmark", name), row["id"], row["question"]) for name, rows in tables for row in rows)
    return ProtectedTexts(named, protection.ngram, protection.near)


def _folded(text: str) -> str:
    return " ".join(level(text).casefold().split())
