"""Claims about the normal form of answers."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.settings import Answers
from tasks.answers import canonical as answers
from tasks.answers.canonical import MAX_CANONICAL_CHARS, answer_of, canonical, stated, value_form

LATEX = st.lists(
    st.sampled_from(
        ["\\boxed{", "\\frac", "\\text{", "{", "}", "$", "\\", "^", "####", "the answer is ", "1", "٣", "½",
         ",", ".", " ", "\n", "-", "+", "%", "(A)", "\\left(", "\\circ", "\\sqrt", "x", "oo", "\0", "²", "/",
         "\u202e", "\ud800"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    ("form", "spellings"),
    [
        ("2.5", ["2.50", "$2.5$", "+2.5", "2.5.", "\\boxed{2.5}"]),
        (
            "2",
            ["2.0", "002", "２", "٢", "{2}", "\\(2\\)", "4/2", "**2**", "two", "二", "2 units", "1+1"],
        ),
        ("-3", ["-3", "−3", "-3.0", "- 3"]),
        ("0", ["-0", "0.00", "00"]),
        ("0.5", [".5", "0.50"]),
        ("1/2", ["\\frac{1}{2}", "\\dfrac12", "2/4", "½", "\\frac{-1}{-2}"]),
        ("3/2", ["1½", "1 1/2", "1\\frac12"]),
        ("-7/3", ["-2\\frac{1}{3}", "\\frac{-7}{3}", "-\\frac{14}{6}"]),
        (
            "1234567",
            ["1,234,567", "1{,}234{,}567", "1\\,234\\,567", "1,\\,234,\\,567", "1 234 567", "1,\\!234,\\!567"],
        ),
        ("50%", ["50\\%", "50 %", "50.0%"]),
        ("A", ["(A)", "\\text{(A)}", "(a)", "A.", "\\textbf{A}"]),
        ("a", ["a"]),
        ("(3,\\frac{\\pi}{2})", ["\\left( 3, \\frac{\\pi}{2} \\right)"]),
        ("x^{2}", ["x²", "x^2", "x**2"]),
        ("\\sin(x)", ["\\sin x", "\\sin   x", "sin x", "\\sin(x)"]),
        ("Monday", ["\\text{Monday}"]),
        ("(2,\\infty)", ["(2, oo)", "(2,∞)"]),
        ("5 6", ["5  6"]),
        ("18 dollar", ["$18", "\\$18.00", "18 dollars.", "\\$6 + \\$12 = \\$18", "US\\$18", "18 USD"]),
        ("18 apples", ["18 apples", "6 + 12 = 18 apples", "18\\text{ apples}"]),
        ("18 degree", ["18^\\circ", "18°", "18 degrees", "18^{\\circ}"]),
        ("18 centimeter", ["18 cm", "18\\text{ cm}", "18.0 centimetres", "18\\,\\mathrm{cm}", "18厘米"]),
        ("18 centimeter^2", ["18 sq cm", "18\\text{ cm}^2", "18 square centimeters"]),
        ("18 mile/hour", ["18 miles per hour", "18 mph", "18 mi/h"]),
        ("2\\pi inch^2", ["2\\pi square inches", "2\\pi\\text{ in}^2"]),
        ("90 minute", ["1 h 30 min", "1 hour and 30 minutes", "90 minutes"]),
        ("\\{5 centimeter,7 centimeter\\}", ["5 cm, 7 cm", "7\\text{ cm} and 5 cm"]),
        ("50 cent", ["50 cents", "50¢"]),
        ("10000000", ["10 million", "10 \\text{ million}"]),
        ("\\{3,4\\}", ["3, 4", "4 and 3"]),
        ("3, 3, 4", ["3,3,4", "4, 3, 3"]),
        ("\\{1,234\\}", ["1, 234"]),
        ("x=1234", ["x = 1,234"]),
        ("x^{12}", ["x¹²", "x^{12}"]),
        ("0.001", ["10⁻³", "10^{-3}", "1e-03"]),
        ("13/15 of the pie", ["$\\frac{13}{15}$ of the pie"]),
        ("6%", ["6 percent", "6\\%"]),
        ("0.0000672", ["6.72e-5", "6.72 \\times 10^{-5}"]),
        ("32000000", ["32 million", "3.2\\cdot10^7"]),
        ("4/3", ["1.\\overline{3}", "1\\frac{1}{3}"]),
        ("4.5", ["٤٫٥", "４．５"]),
        ("3\\sqrt{13}", ["3√13", "3 \\cdot \\sqrt{13}"]),
        ("D", ["Graph D", "option (d)", "(D)"]),
        ("x\\in(2,5]", ["2 < x \\le 5", "x \\in (2, 5]", "5 ≥ x > 2", "x>2 and x \\leq 5"]),
        ("(2,5]", ["\\left(2,5\\right]", "]2,5]"]),
        ("x\\in(-\\infty,3)", ["x < 3", "3 > x"]),
        ("\\{1,2\\}", ["\\{2, 1\\}", "1, 2", "2 \\text{ and } 1", "x = 1 or x = 2", "{1, 2}"]),
        ("\\{-2i,0,2i\\}", ["0, \\pm 2i", "-2i, 2i, 0"]),
        ("\\{1+\\sqrt{5},1-\\sqrt{5}\\}", ["1 \\pm \\sqrt{5}"]),
        (
            "\\begin{pmatrix}1&1/2\\\\3&4\\end{pmatrix}",
            [
                "\\begin{pmatrix}1&2/4\\\\3&4\\end{pmatrix}",
                "\\begin{bmatrix} 1 & \\frac12 \\\\ 3 & 4.0 \\end{bmatrix}",
            ],
        ),
        ("x\\in(-\\infty,1)\\cup(2,\\infty)", ["x < 1 or x > 2", "x \\in (2,\\infty) \\cup (-\\infty, 1)"]),
        ("25/2%", ["12\\frac12\\%", "\\frac{25}{2} percent"]),
        ("1234567", ["1'234'567"]),
        ("\\emptyset", ["\\varnothing", "\\{\\}"]),
        ("2\\sqrt{3}", ["2*sqrt(3)", "2√(3)", "2√3"]),
        ("C", ["(C) 12 apples", "(C) $12$"]),
        ("x=1, y=2", ["(x, y) = (1, 2)", "y=2, x=1", "x=1 and y=2"]),
        ("x=5", ["x = 5.0"]),
        ("3/2", ["{\\frac{3}{2}}", "{{1.5}}".replace("1.5", "3/2")]),
        ("(1/2,3)", ["\\left( \\frac{2}{4}, 3.0 \\right)"]),
        ("", ["", "$$", " \n", "\0", "."]),
    ],
)
def test_spellings_of_one_answer_share_a_form(form: str, spellings: list[str]) -> None:
    assert {spelling: canonical(spelling) for spelling in spellings} == dict.fromkeys(spellings, form)


def test_different_answers_keep_different_forms() -> None:
    apart = [
        "50",
        "50%",
        "0.5",
        "x",
        "X",
        "1/2",
        "11/2",
        "12",
        "1 2",
        "x^{2}",
        "x2",
        "(1,2)",
        "[1,2]",
        "1/0",
        "\\{1,2\\}",
        "(2,1)",
        "1,2,3",
        "2x",
        "2 sin x",
        "18 or 20 x",
        "x=5",
        "\\begin{vmatrix}1&2\\end{vmatrix}",
        "\\begin{pmatrix}1&2\\end{pmatrix}",
        "\\begin{pmatrix}1\\\\2\\end{pmatrix}",
        "3\\cdot\\frac14",
        "3\\frac14",
        "\\frac{1}{2}bh",
        "5xy",
        "5",
        "2 sinx",
        "2 cos x",
        "2e + 1",
        "20",
        "2 dozen",
        "5万",
        "5 km",
        "5\\text{ m}",
        "5 a.m.",
        "5 p.m.",
        "x>2 and x<5",
        "x>2 or x<5",
        "x>0, y>0",
        "x>0",
        "3,4,4",
        "3,3,4",
        "3,4",
        "101₂",
        "1012",
        "0.333...",
        "0.333",
        "5 \\text{ or more}",
        "10 loss",
        "10",
        "101",
        "3 radians",
        "3",
        "f(x)\\text{ is odd}",
        "f(x)\\text{ is even}",
        "5 squared",
        "(y,x)=(1,2)",
        "3\\pmod 7",
        "2 or 3",
        "1, 234",
        "1234",
    ]
    assert len({canonical(answer) for answer in apart}) == len(apart)


def test_no_answer_has_no_form() -> None:
    assert canonical(None) == ""


def test_an_answer_keeps_its_spelling_if_reading_it_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_form", lambda text: 1 / 0)
    assert canonical("２/3 of it") == "2/3 of it"


def test_a_huge_integer_stays_a_string() -> None:
    digits = "7" * 1_000_000
    assert canonical(digits) == digits
    assert canonical("1" * MAX_CANONICAL_CHARS) == "1" * MAX_CANONICAL_CHARS


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=200), LATEX))
def test_a_form_is_its_own_form_and_nothing_raises(text: str) -> None:
    form = canonical(text)
    assert canonical(form) == form
    assert value_form(value_form(text)) == value_form(text)


@pytest.mark.parametrize(
    "piece",
    ["{", "}", "(1,2),", "1<x<2,", "1+2=", "18 books ", "5\\text{ cm}", "\\frac{1}{", "x=1 or ", "\\boxed{",
     "\\boxed{ {", "\\boxed ", "7", "1,", "\0", "#", "the answer is ", "the  ", "-", "\\", "$", "\u202e1", "½", "1/",
     "\\$", "ﷺ", "²", "1,2 or ", "\\cup", "5 km ",
     "a\u0327\u0301", "\u0327\u0301", "\\frac", "5\\text{", ". ", "\\left", "^\\circ", " "],
)  # fmt: skip
def test_a_megabyte_of_hostile_text_is_read_in_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    canonical(text)
    canonical(text[:MAX_CANONICAL_CHARS])
    assert time.process_time() - started < 3  # 0.1 to 0.5 s; a quadratic pattern would take minutes


@pytest.mark.parametrize(
    ("written", "form"),
    [("3,5", "3.5"), ("1.234", "1234"), ("1.234,56", "1234.56"), ("x = -0,5", "x=-0.5"), ("2; 3,5", "\\{2,3.5\\}")],
)
def test_a_recipe_of_a_language_with_decimal_commas_reads_them(written: str, form: str) -> None:
    german = Answers(equivalence="math", decimal_comma=True)
    assert (
        canonical(answer_of(f"Also \\boxed{{{written}}}.", german).text) == canonical(stated(written, german)) == form
    )
    english = german.model_copy(update={"decimal_comma": False})
    assert stated(written, english) == written


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        ("\\$18", "18"),
        ("18 books", "18"),
        ("18 cm", "18 centimeter"),
        ("45^\\circ", "45"),
        ("Yes", "yes"),
        ("x > 2", "(2,\\infty)"),
    ],
)
def test_the_value_alone_leaves_out_what_only_says_what_was_asked_for(answer: str, form: str) -> None:
    assert value_form(answer) == form
