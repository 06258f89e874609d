"""Claims about novelty: rouge_score's figure, brute force's decisions."""

import random
import re
import time
from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import LCSseq

from tasks.novelty import index as novelty
from tasks.novelty.index import NoveltyIndex, rouge_l_f1
from tasks.novelty.words import words_of

THRESHOLDS = [0.0, 0.1, 0.3, 0.5, 0.6, 2 / 3, 0.7, 0.9, 1.0]
FEW_WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "A,", "7", "é"]), max_size=14).map(" ".join)
MORE_WORDS = st.lists(st.sampled_from([*"aaaabbbccdefghijklmnop"]), max_size=30).map(" ".join)
SENTENCE = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May to 2"
CLIPS = SENTENCE.split()
EDITS = st.tuples(st.integers(0, 12), st.integers(0, 24), st.sampled_from(["x", "x y clips", ""])).map(
    lambda edit: " ".join([*CLIPS[edit[0] : edit[1]], edit[2], *CLIPS[edit[1] + 1 :]])
)
TEXTS = st.one_of(st.text(max_size=40), FEW_WORDS, MORE_WORDS, EDITS)
ASCII_TEXTS = TEXTS.map(lambda text: text.encode("ascii", "ignore").decode())


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
@given(ASCII_TEXTS, ASCII_TEXTS)
def test_rouge_equals_an_independent_one(a: str, b: str) -> None:
    assert rouge_l_f1(a, b) == pytest.approx(plain_rouge_l_f1(a, b), abs=1e-12)


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS)
def test_rouge_is_symmetric_and_one_for_a_text_with_words_against_itself(a: str, b: str) -> None:
    assert rouge_l_f1(a, b) == rouge_l_f1(b, a)
    assert rouge_l_f1(a, a) == (1.0 if words_of(a.replace("_", " ")) else 0.0)


@pytest.mark.parametrize(
    ("a", "b", "score"),
    [
        ("\u212a = 3", "k 3", 1.0),  # the Kelvin sign is k in lower case
        ("“Tom’s” – 3 € …", "tom s 3", 1.0),
        ("\ud800one\ud800", "one", 1.0),
        ("?", "?", 0.0),
    ],
)
def test_signs_beyond_ascii_part_words_as_in_rouge_score(a: str, b: str, score: float) -> None:
    assert rouge_l_f1(a, b) == score == plain_rouge_l_f1(a, b)


@pytest.mark.parametrize(
    ("a", "b", "score"),
    [("cafés", "caf s", 0.0), ("cafe\u0301s", "CAFÉS", 1.0), ("数 ２", "数2", 1.0), ("Δx", "x", 0.0)],
)
def test_letters_beyond_ascii_are_letters_which_rouge_score_does_not_see(a: str, b: str, score: float) -> None:
    assert rouge_l_f1(a, b) == score != plain_rouge_l_f1(a, b)


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
    assert index.nearest(words(total * 7 // 10, "b", total)) == (0.7, "seed")
    assert index.admit(words(total * 7 // 10, "b", total), "new")


@settings(max_examples=400, deadline=None)
@given(st.lists(TEXTS, max_size=20), st.sampled_from(THRESHOLDS))
def test_the_index_decides_and_names_as_brute_force_does(texts: list[str], threshold: float) -> None:
    index = NoveltyIndex(threshold)
    kept: list[str] = []
    for text in texts:
        scores = [rouge_l_f1(text, other) for other in kept]
        best = max(scores, default=0.0)
        score, id = index.nearest(text)
        if best >= threshold and best > 0:
            assert (score, id) == (best, str(scores.index(best)))
        else:
            assert id is None and best <= score <= threshold
        assert index.admit(text, str(len(kept))) == (best <= threshold)
        if best <= threshold:
            kept.append(text)
    assert len(index) == len(kept)


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, max_size=20), TEXTS, st.sampled_from(THRESHOLDS))
def test_texts_added_though_near_one_another_are_found_too(texts: list[str], text: str, threshold: float) -> None:
    index = NoveltyIndex(threshold)
    for row, other in enumerate(texts):
        index.add(other, str(row))
    scores = [rouge_l_f1(text, other) for other in texts]
    best = max(scores, default=0.0)
    score, id = index.nearest(text)
    assert (score, id) == (best, str(scores.index(best))) if best >= threshold and best > 0 else id is None


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_the_fewest_words_in_common_are_the_fewest(threshold: float) -> None:
    for length in range(1, 400):
        reach = [common for common in range(1, length + 1) if 2 * common / (length + common) >= threshold]
        assert novelty._least_common(length, threshold) == reach[0]


def test_the_nearest_below_the_threshold_is_a_bound_without_an_id() -> None:
    index = NoveltyIndex(0.7)
    assert index.nearest("one two three") == (0.0, None)
    index.add("one two three four", "a")
    index.add("???", "no words")
    assert index.nearest("one two five six") == (0.7, None)
    assert index.nearest("five six") == (0.0, None)
    assert index.nearest("???") == (0.0, None)


def test_of_equally_near_texts_the_first_is_named() -> None:
    index = NoveltyIndex(0.5)
    for id in "abc":
        index.add(f"one two three {id}", id)
    assert index.nearest("one two three") == (6 / 7, "a")
    assert index.nearest("one two three c") == (1.0, "c")


def test_more_words_than_characters_are_told_apart() -> None:
    many = array("I", [3, 0xD800, 0x10FFFF, 0x110000, 2**32 - 2])
    few = array("I", [3, 0xD800, 0x10FFFF])
    assert novelty._packed(many) == tuple(many) and isinstance(novelty._packed(few), str)
    assert LCSseq.similarity(novelty._packed(many), novelty._packed(few)) == 3
    for numbers in (many, few):
        assert novelty._packed(novelty._unpacked(novelty._packed(numbers))) == novelty._packed(numbers)


def test_an_index_of_more_words_than_characters_decides_alike(tmp_path: Path) -> None:
    index, small = NoveltyIndex(0.7), NoveltyIndex(0.7)
    index._numbers = {b"%x" % n: n for n in range(0x10FFFA)}  # as if it had seen so many words
    index._rows_with = [array("I")] * len(index._numbers)  # of which no text below has one
    draw = random.Random(1)
    texts = [" ".join(draw.choices([f"w{n}" for n in range(14)], k=draw.randint(4, 9))) for _ in range(60)]
    for row, text in enumerate(texts):
        assert index.nearest(text) == small.nearest(text)
        assert index.admit(text, str(row)) == small.admit(text, str(row))
    assert {type(text) for text in index._texts} == {str, tuple} and len(index) < 60
    index.save(tmp_path / "index")
    again = NoveltyIndex.load(tmp_path / "index")
    assert [again.nearest(text) for text in texts] == [index.nearest(text) for text in texts]


def test_words_numbered_as_surrogates_are_kept(tmp_path: Path) -> None:
    index = NoveltyIndex(0.7)
    for start in range(55_200, 57_400, 10):
        if start == 55_200:
            index.add(words(start, "", start), "first")  # the words before
        index.add(" ".join(f"v{n}" for n in range(start, start + 10)), str(start))
    index.save(tmp_path / "index")
    again = NoveltyIndex.load(tmp_path / "index")
    for start in range(55_200, 57_400, 10):
        probe = " ".join(f"v{n}" for n in range(start, start + 9))
        assert index.nearest(probe) == again.nearest(probe) == (18 / 19, str(start))


def test_an_index_survives_its_file(tmp_path: Path) -> None:
    draw = random.Random(0)
    texts = [
        " ".join(draw.choices(["one", "two", "three", "é\n", "\ud800", "数字", "हिन्दी", "4"], k=8)) for _ in range(60)
    ]
    index = NoveltyIndex(0.6)
    index.holds.append("seeds")
    for number, text in enumerate(texts[:40]):
        index.add(text, f"q{number}")
    index.save(tmp_path / "index")
    again = NoveltyIndex.load(tmp_path / "index")
    assert (again.threshold, len(again), again.holds) == (0.6, 40, ["seeds"])
    for text in texts[40:]:  # and goes on as if it had never been away
        assert again.nearest(text) == index.nearest(text)
        again.add(text, text)
        index.add(text, text)
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_an_empty_index_survives_its_file(tmp_path: Path) -> None:
    NoveltyIndex(0.6).save(tmp_path / "index")
    again = NoveltyIndex.load(tmp_path / "index")
    assert len(again) == 0 and again.admit("one two", "a") and not again.admit("one two", "b")


def test_a_damaged_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "index"
    index = NoveltyIndex(0.6)
    index.add("one two three", "a")
    index.save(path)
    whole = path.read_bytes()
    draw = random.Random(0)
    flipped = [bytearray(whole) for _ in range(50)]
    for damaged in flipped:
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
    for damaged in (b"", b"x" * 32, whole[:-1], whole[: len(whole) // 2], whole + b"x", *flipped):
        path.write_bytes(bytes(damaged))
        with pytest.raises(ValueError, match="damaged"):
            NoveltyIndex.load(path)


def test_a_file_of_other_code_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    NoveltyIndex(0.6).save(tmp_path / "index")
    monkeypatch.setattr(novelty, "CODE", "other")
    with pytest.raises(ValueError, match="other code"):
        NoveltyIndex.load(tmp_path / "index")


def test_a_hostile_text_costs_little_against_many() -> None:
    draw = random.Random(0)
    index = NoveltyIndex(0.7)
    for row in range(5_000):
        index.add(" ".join(f"w{draw.randrange(1000)}" for _ in range(40)), str(row))
    hostile = [words(100_000, "", 100_000), "w1 " * 300_000, "w1 w2 " * 50_000, "w" * 1_000_000, "? " * 500_000]
    started = time.perf_counter()
    assert [index.nearest(text)[1] for text in hostile] == [None] * 5
    assert time.perf_counter() - started < 5  # about .2 s
    index.add(hostile[0], "hostile")
    assert index.nearest(hostile[0] + " more")[1] == "hostile"
