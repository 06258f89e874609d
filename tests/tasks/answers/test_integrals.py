r"""Antiderivatives, held against the integrand by their slopes: `\int 2x dx` has x^2 and x^2 + 5, and not x^3."""

import pytest

from schemas.settings import Answers
from tasks.answers.equality import equality
from tasks.answers.integrals import antiderivative, is_integrand
from tasks.answers.outcomes import Outcome

RIGHT, WRONG, OPEN = Outcome.EQUAL, Outcome.DIFFERENT, Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("integrand", "answer", "outcome"),
    [
        ("2x", "x^2", RIGHT),
        ("2x", "x^2+5", RIGHT),
        ("2x", "x^2 + C", RIGHT),
        ("2x", "x^3", WRONG),
        ("1/x", r"\ln|x|+C", RIGHT),
        ("1/x", "log(x)", RIGHT),  # real on one side of 0 alone: other points are taken
        ("1/x", r"2\ln x", WRONG),
        (r"x\cos x", r"x\sin x+\cos x", RIGHT),
        (r"\frac{1}{1+x^2}", "arctan(x)", RIGHT),
        (r"\frac{1}{1+x^2}", r"-\arctan\frac{1}{x}", RIGHT),  # another branch, another constant on either side
        (r"\sqrt{x}", r"\frac{2}{3}x^{3/2}", RIGHT),
        (r"\tan x", r"-\ln|\cos x|", RIGHT),
        ("e^{x^2}", "e^{x^2}", WRONG),
        ("0", "5", RIGHT),
        ("2x", "x^2 + C x", WRONG),  # no constant of integration
        ("2x", "x^2 + y", WRONG),
        ("2x", "x^2 + C + K", WRONG),
    ],
)
def test_an_antiderivative_is_known_by_its_slope(integrand, answer, outcome):
    assert antiderivative(integrand, answer) is outcome


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "C",
        "2x",
        r"\int 2x dx",
        r"\int 2x\,dx",
        "the integral of 2x",
        "x^2 is correct",
        "x" * 500,
        "__import__('os')",
    ],
)
def test_a_problem_that_is_repeated_left_unevaluated_or_talked_about_is_no_answer(answer):
    """The failure mode of a verifier's reward: none of these is paid."""
    assert antiderivative("2x", answer) is not RIGHT


def test_what_cannot_be_worked_out_is_undecided_and_never_right():
    assert antiderivative(r"\ln(-1-x^2)", "x") is OPEN
    assert antiderivative("2x", r"x^2+\sum_{k=1}^{2000}x^k") is WRONG, "it would take seconds"
    assert antiderivative("2x", "10^{10^{10^{10}}} x") is not RIGHT


def test_an_integrand_is_an_expression_of_x():
    assert [is_integrand(text) for text in ("2x", r"\frac{\sin x}{x}", "3")] == [True] * 3
    assert [is_integrand(text) for text in ("", "xy", "x = 2", "an easy one", r"\ln(-1-x^2)", "1/0")] == [False] * 6


def test_it_is_an_equality_of_the_recipe():
    with equality(Answers(equivalence="integral")) as compare:
        assert compare([("2x", "x^2"), ("2x", "x^3")]) == [RIGHT, WRONG]
