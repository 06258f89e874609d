"""Claims about runs of words."""

import random
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.novelty import runs
from tasks.novelty.runs import WordRuns


def plain_run(rows: list[str], text: str, length: int) -> tuple[int, str] | None:
    """The first run of words that a row has, and the first row that has it, by trying all."""
    words = [(word.group().casefold(), word.span()) for word in WORD.finditer(text)]
    texts = [[word.casefold() for word in WORD.findall(row)] for row in rows]
    for i in range(len(words)):
        for which, row in enumerate(texts):
            for j in range(len(row)):
                alike = 0
                while i + alike < len(words) and j + alike < len(row) and words[i + alike][0] == row[j + alike]:
                    alike += 1
                if sum(0.5 if word == "数" else 0.25 if word == "ก" else 1 for word in row[j : j + alike]) >= length:
                    return which, text[words[i][1][0] : words[i + alike - 1][1][1]]
    return None


WORD = re.compile(r"数|ก|[^\W数ก]+")
PIECES = ["a ", "B ", "c, ", "ß ", "数", "SS ", "- ", "ก"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=16).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS, max_size=8), TEXTS, st.integers(1, 5))
def test_runs_are_found_as_by_trying_all(rows: list[str], text: str, length: int) -> None:
    found = WordRuns(rows, length).find(text)
    assert (found and (found[0], text[found[1] : found[2]])) == plain_run(rows, text, length)


def test_runs_whose_codes_are_equal_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_codes", lambda numbers, run_ends: np.zeros(len(run_ends), np.uint64))
    found = WordRuns(["a b c d", "c a b a"], 3)
    assert found.find("x c a b z") == (1, 2, 7)
    assert found.find("a c b") is None


def test_rows_are_held_in_some_bytes_a_word() -> None:
    draw = random.Random(0)
    words = [f"w{n}" for n in range(300)]
    rows = [" ".join(draw.choices(words, k=100)) for _ in range(1000)]
    tracemalloc.start()
    held = WordRuns(rows, 13)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held.find(rows[-1]) is not None and size < 25 * 100 * len(rows)
