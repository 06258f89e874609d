"""Novelty: how near a text is to any text before it, by ROUGE-L (as in arXiv 2212.10560) or by spelling."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rapidfuzz.distance import LCSseq


def rouge_l_f1(a: str, b: str) -> float:
    """Return the F-measure of the longest common subsequence of words: rouge_score's rougeL, no stemming.

    Words are runs of a-z and 0-9 after lower-casing, so all else (signs, other scripts) is not seen; 0 if
    either text has none. Symmetric, between 0 and 1.
    """
    first, second = _words(a), _words(b)
    return _f1(LCSseq.similarity(first, second), len(first) + len(second))


class NoveltyIndex:
    """Texts so far, and which new text is near one of them: ROUGE-L F1 above `threshold` is no longer new.

    Exact: texts are only passed over when their length alone rules them out. A text without any word as
    `rouge_l_f1` sees them is near nothing.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._rows: list[tuple[str, str]] = []  # (text, id) in the order they came
        self._by_length: dict[int, list[tuple[list[int], int]]] = {}  # words -> (numbers of the words, row)
        self._numbers: dict[str, int] = {}

    def admit(self, text: str, id: str) -> bool:
        """Store the text and return True if it is new, else leave it out and return False."""
        if self.nearest_above(text, self.threshold) is not None:
            return False
        self.add(text, id)
        return True

    def add(self, text: str, id: str) -> None:
        """Store a text, new or not: a seed, or a question of an earlier round."""
        words = [self._numbers.setdefault(word, len(self._numbers)) for word in _words(text)]
        self._by_length.setdefault(len(words), []).append((words, len(self._rows)))
        self._rows.append((text, id))

    def nearest(self, text: str) -> tuple[float, str | None]:
        """Return the highest F1 against any stored text and the id of the first that has it, or (0, None)."""
        return self.nearest_above(text, 0.0) or (0.0, None)

    def nearest_above(self, text: str, floor: float) -> tuple[float, str] | None:
        """Return what `nearest` does if its F1 is above `floor`, else None; a high floor is fast."""
        words = [self._numbers.get(word, -1) for word in _words(text)]

        def bound(length: int) -> float:
            return _f1(min(length, len(words)), length + len(words))

        best, best_row = floor, -1
        for length in sorted(self._by_length, key=bound, reverse=True):
            if bound(length) < best:
                break  # texts of this length, and of all that follow, cannot come nearer
            total = length + len(words)
            for other, row in self._by_length[length]:
                cutoff = int(best * total / 2)  # fewer words in common than this give 0 at once
                score = _f1(LCSseq.similarity(words, other, score_cutoff=cutoff), total)
                if score > best or (score == best and row < best_row):
                    best, best_row = score, row
        return (best, self._rows[best_row][1]) if best_row >= 0 else None

    def save(self, path: str | Path) -> None:
        """Write the index as JSON lines: the threshold, then one text a line."""
        _write_lines(path, [{"threshold": self.threshold}, *({"id": id, "text": text} for text, id in self._rows)])

    @classmethod
    def load(cls, path: str | Path) -> "NoveltyIndex":
        """Read what `save` wrote."""
        lines = _read_lines(path)
        index = cls(float(next(lines)["threshold"]))
        for line in lines:
            index.add(line["text"], line["id"])
        return index

    def __len__(self) -> int:
        return len(self._rows)


class ExactIndex:
    """The same where only a copy is not new, as with short sums: spaces aside, texts are equal or not."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}  # text with single spaces -> id of the first that had it

    def admit(self, text: str, id: str) -> bool:
        """Store the text and return True if it is new, else return False."""
        if " ".join(text.split()) in self._ids:
            return False
        self.add(text, id)
        return True

    def add(self, text: str, id: str) -> None:
        """Store a text, new or not."""
        self._ids.setdefault(" ".join(text.split()), id)

    def nearest(self, text: str) -> tuple[float, str | None]:
        """Return (1, id of the first copy), or (0, None)."""
        id = self._ids.get(" ".join(text.split()))
        return (0.0, None) if id is None else (1.0, id)

    def save(self, path: str | Path) -> None:
        """Write the index as JSON lines, one text a line."""
        _write_lines(path, [{"id": id, "text": text} for text, id in self._ids.items()])

    @classmethod
    def load(cls, path: str | Path) -> "ExactIndex":
        """Read what `save` wrote."""
        index = cls()
        for line in _read_lines(path):
            index.add(line["text"], line["id"])
        return index

    def __len__(self) -> int:
        return len(self._ids)


def _words(text: str) -> list[str]:
    return re.findall("[a-z0-9]+", text.lower())


def _f1(common: int, total: int) -> float:
    # 2PR/(P+R) in one division: .7 comes out as .7, not a rounding above it
    return 2 * common / total if common else 0.0


def _write_lines(path: str | Path, rows: Iterable[Mapping[str, object]]) -> None:
    draft = Path(f"{path}.draft")
    draft.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    os.replace(draft, path)


def _read_lines(path: str | Path) -> Iterator[dict[str, str]]:
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
