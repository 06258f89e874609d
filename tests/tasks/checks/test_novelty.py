"""Claims about novelty: rouge_score's figure, brute force's decisions."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.checks.novelty import ExactIndex, NoveltyIndex, rouge_l_f1

TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(["a", "b", "c", "d", "A,", "7", "é"]), max_size=12).map(" ".join),
)


def plain_rouge_l_f1(target: str, prediction: str) -> float:
    """rouge_score's own steps: its tokeniser, a table of common lengths, precision and recall."""
    first, second = (
        [token for token in re.split(r"\s+", re.sub(r"[^a-z0-9]+", " ", text.lower())) if token]
        for text in (target, prediction)
    )
    if not first or not second:
        return 0.0
    row = [0] * (len(second) + 1)
    for word in first:
        last = row
        row = [0]
        for j, other in enumerate(second):
            row.append(last[j] + 1 if word == other else max(last[j + 1], row[j]))
    precision, recall = row[-1] / len(second), row[-1] / len(first)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS)
def test_rouge_equals_an_independent_one(a: str, b: str) -> None:
    assert rouge_l_f1(a, b) == pytest.approx(plain_rouge_l_f1(a, b), abs=1e-12)
    assert rouge_l_f1(a, b) == rouge_l_f1(b, a)


def words(same: int, other: str, total: int) -> str:
    return " ".join([f"w{n}" for n in range(same)] + [f"{other}{n}" for n in range(total - same)])


def test_seventy_hundredths_is_kept_and_seventy_one_dropped() -> None:
    index = NoveltyIndex(0.7)
    assert index.admit(words(100, "a", 100), "seed")
    assert index.nearest(words(70, "b", 100)) == (0.7, "seed")
    assert not index.admit(words(71, "c", 100), "71")
    assert index.admit(words(70, "b", 100), "70")


@pytest.mark.parametrize("total", range(10, 200, 10))
def test_no_length_rounds_seventy_hundredths_up(total: int) -> None:
    index = NoveltyIndex(0.7)
    index.add(words(total, "a", total), "seed")
    assert index.admit(words(total * 7 // 10, "b", total), "new")


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, max_size=14), st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]))
def test_the_index_decides_as_brute_force_does(texts: list[str], threshold: float) -> None:
    index = NoveltyIndex(threshold)
    kept: list[str] = []
    for number, text in enumerate(texts):
        scores = [rouge_l_f1(text, other) for other in kept]
        best = max(scores, default=0.0)
        nearest = str(scores.index(best)) if best > 0 else None
        assert index.nearest(text) == (best, nearest)
        assert index.admit(text, str(len(kept))) == (best <= threshold), number
        if best <= threshold:
            kept.append(text)
    assert len(index) == len(kept)


def test_added_texts_count_though_they_are_near_one_another() -> None:
    index = NoveltyIndex(0.7)
    index.add("one two three four five", "a")
    index.add("one two three four six", "b")
    assert len(index) == 2 and index.nearest("one two three four six")[1] == "b"


def test_an_index_survives_its_file(tmp_path: Path) -> None:
    draw = random.Random(0)
    index = NoveltyIndex(0.6)
    for number in range(50):
        index.add(" ".join(draw.choices(["one", "two", "three", "é\n", "\ud800"], k=8)), f"q{number}")
    index.save(tmp_path / "index.jsonl")
    again = NoveltyIndex.load(tmp_path / "index.jsonl")
    probe = "one two two three one one"
    assert (again.threshold, len(again), again.nearest(probe)) == (0.6, 50, index.nearest(probe))
    assert [path.name for path in tmp_path.iterdir()] == ["index.jsonl"]


def test_the_exact_index_knows_copies_only(tmp_path: Path) -> None:
    index = ExactIndex()
    assert index.admit("3+4+5+6", "a")
    assert index.admit("3+4+5+7", "b")
    assert not index.admit(" 3+4+5+6\n", "c")
    assert index.nearest("3+4+5+6") == (1.0, "a")
    assert index.nearest("6+5+4+3") == (0.0, None)
    index.save(tmp_path / "exact.jsonl")
    assert ExactIndex.load(tmp_path / "exact.jsonl").nearest("3+4+5+7") == (1.0, "b")
