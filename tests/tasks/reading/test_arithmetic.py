"""An expression is read by a grammar of our own, and never run."""

from fractions import Fraction

import pytest

from tasks.answers.countdown import goal, solves
from tasks.answers.outcomes import Outcome
from tasks.reading.arithmetic import read_arithmetic


@pytest.mark.parametrize(
    ("text", "value", "numbers"),
    [
        ("1+2*3", 7, (1, 2, 3)),
        ("(1+2)*3", 9, (1, 2, 3)),
        ("8-3-2", 3, (8, 3, 2)),
        ("12/4/3", 1, (12, 4, 3)),
        ("-(2 - 5) * 4", 12, (2, 5, 4)),
        ("7/2", Fraction(7, 2), (7, 2)),
        (r"3 \times (4 \div 2)", 6, (3, 4, 2)),
        ("5 − 2 × 2", 1, (5, 2, 2)),
    ],
)
def test_it_has_its_exact_value_and_its_numbers(text, value, numbers):
    assert read_arithmetic(text) == (value, numbers)


@pytest.mark.parametrize(
    "text",
    [
        "", "1+", "+", "(1", "1)", "1 2", "()", "1/0", "1/(2-2)", "2**3", "2^3", "1=1", "x+1", "1.5", "1e3", "1_0",
        "__import__('os').getcwd()", "print(1)", "0x10", "1;2", "9" * 10, "(" * 30 + "1" + ")" * 30, "1+" * 150 + "1",
        "٣+1", "lambda: 1",
    ],
)  # fmt: skip
def test_all_else_is_no_expression(text):
    assert read_arithmetic(text) is None


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("8*3", Outcome.EQUAL),
        ("(8)*3", Outcome.EQUAL),
        ("24", Outcome.DIFFERENT),  # it restates the target
        ("8+8+8", Outcome.DIFFERENT),
        ("8*3*1", Outcome.DIFFERENT),
        ("8+3", Outcome.DIFFERENT),
        ("8*3 = 24", Outcome.DIFFERENT),
        ("8*3 # correct", Outcome.DIFFERENT),
        ("", Outcome.DIFFERENT),
    ],
)
def test_a_goal_is_reached_with_each_number_once(answer, outcome):
    assert solves(goal(24, [3, 8]), answer) is outcome
    assert solves("24", answer) is Outcome.DIFFERENT
