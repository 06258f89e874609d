"""Runs of words: whether a text repeats so many words in a row of any of many texts, case and punctuation aside."""

from array import array
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tasks.novelty.words import QUARTERS, quarters_of, spans_of, words_of

UNKNOWN = 2**32 - 1
FACTOR = 0x9E3779B97F4A7C15  # odd, and so with an inverse
INVERSE = pow(FACTOR, -1, 2**64)


class WordRuns:
    """Every run worth `length` words of some texts, at 16 bytes a word: the runs' codes, sorted, and where each is.

    A run is as short as it can be: in scripts without spaces, whose characters are worth parts of a word
    (`tasks/novelty/words.py`), it has more of them: 26 Chinese characters for 13 words. Equal runs have equal codes;
    what its code finds is compared word by word.
    """

    def __init__(self, texts: Iterable[str], length: int) -> None:
        self._quarters = length * QUARTERS
        self._numbers: dict[str, int] = {}
        numbers, ends, worth = array("I"), array("Q"), bytearray()
        for text in texts:
            found = words_of(text)
            numbers.extend([self._numbers.setdefault(word, len(self._numbers)) for word in found])
            worth += _worth(text, found)
            ends.append(len(numbers))
        self._words, self._ends = np.array(numbers, np.uint32), np.array(ends, np.int64)
        run_ends = _run_ends(worth, self._quarters)
        starts = np.arange(len(run_ends), dtype=np.uint32)
        whole = run_ends <= self._ends[self._text_at(starts)]  # no run goes on in the next text
        codes, starts = _codes(self._words, run_ends)[whole], starts[whole]
        order = np.argsort(codes, kind="stable")
        self._starts, self._codes = starts[order], codes[order]

    def find(self, text: str) -> tuple[int, int, int] | None:
        """Return (which text, start, end) for the first run of `text` that another has, and the first that has it.

        start, end: where in `text` the run stands, with the words that follow it in both. None if there is none.
        """
        found = words_of(text)
        numbers = np.array([self._numbers.get(word, UNKNOWN) for word in found], np.uint32)
        run_ends = _run_ends(_worth(text, found), self._quarters)
        codes = _codes(numbers, run_ends)
        places = np.searchsorted(self._codes, codes)
        inside = np.flatnonzero(places < len(self._codes))
        for run in inside[self._codes[places[inside]] == codes[inside]].tolist():
            last = np.searchsorted(self._codes, codes[run], "right")
            for start in self._starts[places[run] : last].tolist():
                which = int(self._text_at(start))
                num_words = _num_alike(numbers[run:], self._words[start : self._ends[which]])
                if run + num_words >= run_ends[run]:
                    places_of = spans_of(text)
                    return which, places_of[run][0], places_of[run + num_words - 1][1]
        return None

    def _text_at(self, start: int | NDArray[np.uint32]) -> NDArray[np.intp]:
        return np.searchsorted(self._ends, start, "right")


def _worth(text: str, found: list[str]) -> bytes:
    """Each word's quarters."""
    return bytes([QUARTERS]) * len(found) if text.isascii() else bytes(map(quarters_of, found))


def _run_ends(worth: bytes | bytearray, least: int) -> NDArray[np.intp]:
    """For each word that begins a run worth `least` quarters: the place behind the first such run."""
    if worth.count(QUARTERS) == len(worth):
        return np.arange(least // QUARTERS, len(worth) + 1)
    sums = np.zeros(len(worth) + 1, np.int64)
    np.cumsum(np.frombuffer(worth, np.uint8), out=sums[1:])
    ends = np.searchsorted(sums, sums[:-1] + least)
    return ends[ends <= len(worth)]


def _codes(numbers: NDArray[np.uint32], run_ends: NDArray[np.intp]) -> NDArray[np.uint64]:
    """A number for each run, from each word to its end: a polynomial of the words' numbers, in 64 bits."""
    sums = np.zeros(len(numbers) + 1, np.uint64)
    np.cumsum((numbers.astype(np.uint64) + np.uint64(1)) * _powers(FACTOR, len(numbers)), out=sums[1:])
    starts = len(run_ends)
    return (sums[run_ends] - sums[:starts]) * _powers(INVERSE, starts)


def _powers(of: int, number: int) -> NDArray[np.uint64]:
    """1, `of`, its square and so on, in 64 bits."""
    powers = np.full(number, of, np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, dtype=np.uint64)


def _num_alike(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> int:
    """How many words both begin with."""
    shorter = min(len(one), len(other))
    differ = np.flatnonzero(one[:shorter] != other[:shorter])
    return int(differ[0]) if len(differ) else shorter
