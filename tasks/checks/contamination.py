"""Contamination: whether a text repeats a benchmark or probe row, whole, in a run of words, or nearly."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tasks.checks.novelty import NoveltyIndex


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

    def row(self, id: str, row_id: str) -> dict[str, object]:
        """A row of `contamination`: this hit, of the row `row_id`."""
        found = {"kind": self.kind, "set_name": self.set_name, "protected_id": self.row_id, "span": self.span}
        return {"id": id, "row_id": row_id, "score": self.score, **found}


class ProtectedTexts:
    """Rows that no training text may repeat.

    Every copy is found, whatever its case and spaces. `ngram`: so many words in a row, case and punctuation
    aside, are a hit too; None is off. `near`: so is a ROUGE-L F1 above it; None is off.
    """

    def __init__(
        self, rows: Iterable[tuple[str, str, str]], ngram: int | None = 13, near: float | None = 0.7
    ) -> None:
        """Take rows (set name, row id, text); of rows that are hit alike the first is named."""
        self._ngram, self._near = ngram, near
        self._rows: list[tuple[str, str]] = []
        self._exact: dict[str, int] = {}
        self._runs: dict[str, int] = {}  # words joined by spaces -> row
        self._index = NoveltyIndex(near if near is not None else 1.0)
        for row, (set_name, row_id, text) in enumerate(rows):
            self._rows.append((set_name, row_id))
            self._exact.setdefault(_folded(text), row)
            for run, _, _ in self._runs_of(text):
                self._runs.setdefault(run, row)
            if near is not None:
                self._index.add(text, str(row))

    def find(self, text: str) -> Hit | None:
        """Return the first hit among exact, ngram and near, in this order; None if the text is clean."""
        row = self._exact.get(_folded(text))
        if row is not None:
            return Hit("exact", *self._rows[row], text, 1.0)
        return self._find_run(text) or self._find_near(text)

    def _find_run(self, text: str) -> Hit | None:
        """The first run of words that a row holds, with the runs that follow on it in the same row."""
        first, start, end = -1, 0, 0
        for run, run_start, run_end in self._runs_of(text):
            row = self._runs.get(run, -1)
            if first < 0 <= row:
                first, start, end = row, run_start, run_end
            elif first >= 0 and row == first:
                end = run_end
            elif first >= 0:
                break
        return Hit("ngram", *self._rows[first], text[start:end], 1.0) if first >= 0 else None

    def _find_near(self, text: str) -> Hit | None:
        found = self._index.nearest_above(text, self._near) if self._near is not None else None
        return Hit("near", *self._rows[int(found[1])], text, found[0]) if found else None

    def _runs_of(self, text: str) -> list[tuple[str, int, int]]:
        """Every run of `ngram` words with where it starts and ends in the text; none in a shorter text."""
        n = self._ngram
        if n is None:
            return []
        words = [(word.group().casefold(), word.start(), word.end()) for word in re.finditer(r"\w+", text)]
        return [
            (" ".join(word for word, _, _ in run), run[0][1], run[-1][2])
            for run in (words[i : i + n] for i in range(len(words) - n + 1))
        ]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
