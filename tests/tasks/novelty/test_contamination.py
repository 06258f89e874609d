"""Claims about contamination: what is a hit, and what it names."""

import random
import time

import pytest

from tasks.novelty.contamination import Hit, ProtectedTexts
from tasks.novelty.index import rouge_l_f1

ROW = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
    "How many clips did Natalia sell altogether in April and May?"
)
ROWS = [("probe", "p1", "What is 2 + 2?"), ("gsm8k", "g7", ROW)]


def test_a_copy_is_a_hit_whatever_its_case_and_spaces() -> None:
    copy = "what IS  2 + 2?\n"
    assert ProtectedTexts(ROWS, ngram=None, near=None).find(copy) == Hit("exact", "probe", "p1", copy, 1.0)


def test_thirteen_words_in_a_row_are_a_hit_that_names_the_span() -> None:
    span = "SOLD half as many clips in May -- how many clips did Natalia sell altogether"
    hit = ProtectedTexts(ROWS, ngram=13, near=None).find(f"Once upon a time, Bob {span} with Sue?")
    assert hit == Hit("ngram", "gsm8k", "g7", span, 1.0)


def test_twelve_words_in_a_row_are_no_hit() -> None:
    text = "Bob half as many clips in May. How many clips did Natalia sell with Sue at the market?"
    assert ProtectedTexts(ROWS, ngram=13, near=None).find(text) is None


def test_a_text_shorter_than_the_run_is_never_hit_by_it() -> None:
    assert ProtectedTexts([("a", "1", "one two three")], ngram=4, near=None).find("one two three!") is None


def test_a_near_copy_is_a_hit_above_the_bound_only() -> None:
    protected = ProtectedTexts([("set", "row", "a b c d e f g h i j")], ngram=None, near=0.7)
    assert protected.find("a b c d e f g x y z") is None  # .70
    assert protected.find("a b c d e f g h y z") == Hit("near", "set", "row", "a b c d e f g h y z", 0.8)


@pytest.mark.parametrize(("ngram", "near"), [(None, None), (13, None), (None, 0.7)])
def test_each_switch_can_be_off(ngram: int | None, near: float | None) -> None:
    protected = ProtectedTexts(ROWS, ngram=ngram, near=near)
    assert protected.find("How many apples has Tom?") is None
    hit = protected.find(ROW.replace("half as many", "twice as many"))
    assert (hit.kind if hit else None) == ("ngram" if ngram else "near" if near else None)


def test_a_run_goes_on_in_the_row_that_is_named_though_another_has_its_rest_too() -> None:
    rows = [("s", "early", "d e f g h"), ("s", "late", "a b c d e f g")]
    hit = ProtectedTexts(rows, ngram=3, near=None).find("x A, b -- c d (e) f g, y")
    assert hit == Hit("ngram", "s", "late", "A, b -- c d (e) f g", 1.0)


def test_a_run_that_several_rows_have_names_the_first() -> None:
    rows = [("s", "short", "b c"), ("s", "first", "x a b c"), ("s", "second", "a b c d")]
    hit = ProtectedTexts(rows, ngram=3, near=None).find("z a b c d")
    assert hit == Hit("ngram", "s", "first", "a b c", 1.0)


def test_a_run_does_not_go_on_from_one_row_into_the_next() -> None:
    protected = ProtectedTexts([("s", "1", "a b"), ("s", "2", ""), ("s", "3", "c d e")], ngram=4, near=None)
    assert protected.find("x a b c d e") is None


def test_no_rows_have_no_hits() -> None:
    assert ProtectedTexts([], ngram=1, near=0.7).find("one two") is None


@pytest.mark.parametrize("near", [0.0, 0.3, 0.7])
def test_a_near_hit_is_the_nearest_row_and_the_first_of_equals(near: float) -> None:
    draw = random.Random(7)
    rows = [("s", str(n), " ".join(draw.choices("abcdefg", k=8))) for n in range(40)]
    protected = ProtectedTexts(rows, ngram=None, near=near)
    for _ in range(100):
        text = " ".join(draw.choices("abcdefg", k=9))
        scores = [rouge_l_f1(text, row) for _, _, row in rows]
        hit = protected.find(text)
        best = max(scores)
        assert (hit and (hit.row_id, hit.score)) == ((str(scores.index(best)), best) if best > near else None)


def test_a_thousand_texts_against_two_thousand_rows_take_seconds() -> None:
    draw = random.Random(0)
    words = [f"w{n}" for n in range(300)]
    rows = [("b", str(n), " ".join(draw.choices(words, k=draw.randint(20, 80)))) for n in range(2000)]
    texts = [" ".join(draw.choices(words, k=draw.randint(20, 80))) for _ in range(1000)]
    started = time.perf_counter()
    protected = ProtectedTexts(rows)
    assert all(protected.find(text) is None for text in texts)
    assert time.perf_counter() - started < 5  # about .2 s


def test_hostile_texts_and_rows_take_seconds_and_name_their_span() -> None:
    long = " ".join(f"w{n}" for n in range(100_000))
    started = time.perf_counter()
    protected = ProtectedTexts([*ROWS, ("s", "long", long), ("s", "dull", "a " * 100_000)])
    assert protected.find("? " * 500_000) is None
    assert protected.find("b a " * 100_000) is None
    assert protected.find("b " + long + " c") == Hit("ngram", "s", "long", long, 1.0)
    dull = protected.find("b " + "a " * 50_000)
    assert dull is not None and (dull.kind, dull.row_id) == ("ngram", "dull")
    assert time.perf_counter() - started < 10  # about 1 s
