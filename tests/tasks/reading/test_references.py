"""Claims about references: what a value of a user's file says the true answer is."""

import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.reading.references import read_reference


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        ("073", "073"),
        (34.0, "34"),
        (0.5, "0.5"),
        (Decimal("3.50"), "3.50"),
        (True, "Yes"),
        (False, "No"),
        (" -2/3 ", "-2/3"),
        ("None of these", "None of these"),
        ("2*6=<<2*6=12>>12 eggs, and 12+4=<<12+4=16>>16 with the others.\n#### 16", "16"),
        ("It takes 1,200 steps a day.\n#### 1,200", "1,200"),
        ("Half of it is lost.\n#### -5", "-5"),
        ("Since $x^2=9$ and $x>0$, we get $x=\\boxed{3}$, and 17 was never used.", "3"),
        ("The ratio is $\\boxed{\\frac{\\sqrt{3}}{2}}$.", "\\frac{\\sqrt{3}}{2}"),
        ("\\boxed{p - q}", "p - q"),
        ("All five of them are counted twice, so The answer is 10.", "10"),
        (["182"], "182"),
        ([4.0], "4"),
        (["$\\frac{1}{3}$"], "$\\frac{1}{3}$"),
        ("['182']", "182"),
        ('["2, 5"]', "2, 5"),
        (["1", "2"], "1, 2"),
        ([3, -3], "3, -3"),
        (["A", "C"], "A, C"),
        ("9 (apples)", "9"),
        ("15 (feet)", "15"),
        ("2.50 (dollars)", "2.50"),
        ("12 (girls); 14 (boys)", "12, 14"),
    ],
)
def test_a_reference_is_read_as_its_benchmark_writes_it(value, text):
    assert read_reference(value).text == text


@pytest.mark.parametrize(
    "text", ["5 (mod 7)", "1101 (base 2)", "f(3)", "(2, 3)", "2 (multiplicity 2)", "[1, 2]", "3(x+1)"]
)
def test_brackets_that_are_part_of_the_answer_stay(text):
    assert read_reference(text).text == text


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "no answer"),
        (float("nan"), "no answer"),
        (" ", "no answer"),
        ("NaN", "no answer"),
        ([None], "no answer"),
        ({"value": 3}, "the answer is a dict"),
        ([{"value": 3}], "the answer is a dict"),
        ([["1"], ["2"]], "the answer is a list of lists"),
        ([{"a": 1}, {"a": 2}], "the answer is a list of dicts"),
        ([], "the answer is an empty list"),
        (["New York", "NYC", "the Big Apple"], "the answer is a list of 3"),
        (datetime.date(2024, 1, 1), "the answer is a date"),
        (b"7", "the answer is a bytes"),
        (float("inf"), "the answer is infinite"),
        pytest.param(10**5000, "the answer is a huge number", id="huge"),
        ("We count them one by one. " * 20 + "There are 12 in all.", "a text that states no answer"),
        ("1+5=6\n6+9=15\n#15", "a text that states no answer"),
    ],
)
def test_what_is_no_reference_has_a_reason_that_names_its_type(value, why):
    found = read_reference(value)
    assert (found.text, found.how) == (None, why)


def test_what_may_be_no_answer_is_read_and_doubtful():
    sentence = "It moves from the ground state to the first excited state and then falls back again"
    for value in (sentence, ["1", "2"], "The answer is 12."):
        assert read_reference(value).doubtful
    for value in ("12", "\\boxed{3}", ["182"], True, "9 (apples)", "4-hydroxy-2-methylpentanal"):
        assert not read_reference(value).doubtful


PIECES = ["\\boxed{", "}", "####", " 7", "answer is", "['", "']", "(", ")", ";", "\n"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text() | st.binary() | st.dates()
    | st.lists(st.sampled_from(PIECES)).map("".join),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_reading_never_raises(value):
    found = read_reference(value)
    assert found.how
    assert found.text is None or found.text.strip()
