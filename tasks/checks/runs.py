"""Runs of words: whether a text repeats so many words in a row of any of many texts, case and punctuation aside."""

import re
from array import array
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

WORD = re.compile(r"\w+")
UNKNOWN = 2**32 - 1
FACTOR = 0x9E3779B97F4A7C15


class WordRuns:
    """Every run of `length` words of some texts, at 16 bytes a word: the runs' codes, sorted, and where each stands.

    Equal runs have equal codes; what its code finds is compared word by word.
    """

    def __init__(self, texts: Iterable[str], length: int) -> None:
        self._length = length
        self._numbers: dict[str, int] = {}
        words, ends = array("I"), array("Q")
        for text in texts:
            words.extend([self._numbers.setdefault(word, len(self._numbers)) for word in _words(text)])
            ends.append(len(words))
        self._words, self._ends = np.array(words, np.uint32), np.array(ends, np.int64)
        codes = _codes(self._words, length)
        starts = np.arange(len(codes), dtype=np.uint32)
        starts = starts[starts + length <= self._ends[self._text_at(starts)]]  # no run goes on in the next text
        self._starts = starts[np.argsort(codes[starts], kind="stable")]
        self._codes = codes[self._starts]

    def find(self, text: str) -> tuple[int, int, int] | None:
        """Return (which text, start, end) for the first run of `text` that another has, and the first that has it.

        start, end: where in `text` the run stands, with the words that follow it in both. None if there is none.
        """
        words = np.array([self._numbers.get(word, UNKNOWN) for word in _words(text)], np.uint32)
        codes = _codes(words, self._length)
        places = np.searchsorted(self._codes, codes)
        inside = np.flatnonzero(places < len(self._codes))
        for run in inside[self._codes[places[inside]] == codes[inside]].tolist():
            last = np.searchsorted(self._codes, codes[run], "right")
            for start in self._starts[places[run] : last].tolist():
                which = int(self._text_at(start))
                num_words = _num_alike(words[run:], self._words[start : self._ends[which]])
                if num_words >= self._length:
                    spans = [word.span() for word in WORD.finditer(text)]
                    return which, spans[run][0], spans[run + num_words - 1][1]
        return None

    def _text_at(self, start: int | NDArray[np.uint32]) -> NDArray[np.intp]:
        return np.searchsorted(self._ends, start, "right")


def _words(text: str) -> list[str]:
    return [word.casefold() for word in WORD.findall(text)]


def _codes(words: NDArray[np.uint32], length: int) -> NDArray[np.uint64]:
    """A number for each run of `length` words: a polynomial of theirs, in 64 bits."""
    if len(words) < length:
        return np.zeros(0, np.uint64)
    powers = np.array([pow(FACTOR, power, 2**64) for power in range(length)], np.uint64)
    return np.convolve(words.astype(np.uint64), powers, "valid")


def _num_alike(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> int:
    """How many words both begin with."""
    shorter = min(len(one), len(other))
    differ = np.flatnonzero(one[:shorter] != other[:shorter])
    return int(differ[0]) if len(differ) else shorter
