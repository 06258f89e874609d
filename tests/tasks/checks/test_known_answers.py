"""Claims about the check of the checker: what it finds, and that it cries wolf over no sound file."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.recipes import load_recipe
from schemas.recipe import AnsweredRows
from schemas.settings import Answers
from tasks.answers.equality import equality
from tasks.answers.outcomes import Outcome
from tasks.checks.known_answers import STAND_INS, fault, few, kind_of, known_answers, mark, tally
from tasks.sources import read_sources

YOURS = (  # some of their files are the user's to bring
    "correction_math", "knowrl_tasks", "ladder_integrals", "paso_doble_math", "sprec_titles",
)  # fmt: skip
NO_FILE = ("rlsr", "rlsr_countdown", "spiral")  # a generator makes their rows, or a game
SHIPPED = sorted((Path(__file__).resolve().parents[3] / "deployments/recipes").glob("*.toml"))
RECIPES = [path for path in SHIPPED if path.stem not in YOURS + NO_FILE]
CANONICAL = Answers(equivalence="canonical", timeout_seconds=5)
MATH = CANONICAL.model_copy(update={"equivalence": "math"})
LONG = "Because the river froze, nobody crossed it. The miller waited; his wife, who had seen worse, did not. " * 5
SOUND = {  # what references of published benchmarks are like
    "numbers": ["18", "3,200", "-4", "0", "0.25", "75\\%", "\\frac{3}{4}", "-\\frac{7}{9}", "1 1/2", "123456789012"],
    "money and units": ["\\$18", "$1,450", "5 cm", "60\\text{ square inches}", "45^\\circ", "3 hours", "6\\%"],
    "choices": ["A", "B", "(C)", "D", "E", "\\text{(A)}"],
    "formulas": ["x^2+2x+1", "3\\sqrt{13}", "\\frac{3\\pi}{4}", "2^{n}", "a+b", "3+4i", "p-q"],
    "sets and intervals": ["(3, \\infty)", "\\{1,2,3\\}", "[-2,7]", "(1,2)", "1,-2", "x=5", "\\pm 3", "\\emptyset"],
    "matrices": ["\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}"] * 2,
    "words": ["Evelyn", "east", "\\text{Monday}", "number theory", "New York", "yes", "no", "True", "St. Mary's"],
    "sentences": [
        LONG,
        f"{LONG} So.",
        "It rains, and then it stops.",
        "E.g. this one; or that",
        "2 apples and 3 pears.",
    ],
    "braces": ["\\left\\{ x \\mid x > 1 \\right\\}", "{1}", "\\frac{1}{{2}}", "\\text{a\\}b}", "f(x) = 3 \\}", "\\}"],
    "other scripts": ["三", "３,５", "четыре", "٤٢", "サイン"],
}


def rows(*references):
    return [{"question": f"{n}?", "reference": text, "source_row": n} for n, text in enumerate(references)]


@pytest.fixture
def marked():
    def marked(found, checks=CANONICAL):
        with equality(checks) as compare:
            return mark(known_answers(found, checks.pattern), checks.pattern, compare)

    return marked


def patterned(pattern):
    return CANONICAL.model_copy(update={"pattern": pattern})


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_file_passes_whole_in_each_row(path, marked):
    recipe, _ = load_recipe(path)
    answered = [s for s in read_sources(recipe, path.parent).named if isinstance(s.asked, AnsweredRows)]
    assert answered
    for source in answered:
        found = marked(few(source.rows, 200), recipe.answers)
        assert fault(found) == ""
        assert [found.errors for found in (tally(found, right=True), tally(found, right=False))] == [(), ()]
        assert tally(found, right=True).rows == min(200, len(source.rows))


@pytest.mark.parametrize("checks", [CANONICAL, MATH], ids=lambda checks: checks.equivalence)
@pytest.mark.parametrize("kind", SOUND)
def test_sound_references_of_any_kind_are_no_alarm(kind, checks, marked):
    found = marked(rows(*SOUND[kind]), checks)
    assert fault(found) == ""
    assert tally(found, right=False).errors == ()


def test_known_answers_are_boxed_said_and_thought_of_and_the_wrong_ones_near():
    texts = {known.text: known.is_right for known in known_answers(rows("10"), None)}
    assert texts == {
        "\\boxed{10}": True,
        "<think>\nIs it \\boxed{11}?\n</think>\n\n\\boxed{10}": True,
        "The answer is 10.": True,
        "": False,
        "\\boxed{11}": False,
        "\\boxed{-10}": False,
        "<think>\\boxed{10}": False,
        "<think>\\boxed{10}</think>\n\\boxed{11}": False,
    }


@pytest.mark.parametrize(
    ("reference", "wrong"),
    [
        ("0", {"1"}), ("-3", {"-4", "3"}), ("2.5", {"3.5", "-2.5"}), ("3/4", {"7/4", "-3/4"}),
        ("50%", {"51%", "-50%"}), ("123456789", {"1123456789", "-123456789"}), ("B", {"C"}),
        ("D", {"A"}), ("p-q", {"p-q+1"}), ("(1,2)", set()), ("1/0", set()),
        ("five words nobody could deny", set()), ("9" * 5_000, set()),
    ],
)  # fmt: skip
def test_a_neighbour_is_certainly_another_answer_or_there_is_none(reference, wrong):
    texts = {known.text for known in known_answers(rows(reference), None) if not known.is_right}
    boxes = {text.removeprefix("\\boxed{").removesuffix("}") for text in texts if text.startswith("\\boxed")}
    assert boxes == wrong


def test_words_have_another_rows_words_for_a_neighbour_if_they_share_none():
    found = known_answers(rows("number theory", "set theory", "algebra"), None)
    wrong = {known.text for known in found if known.row["source_row"] == 0 and not known.is_right}
    assert "\\boxed{algebra}" in wrong
    assert "\\boxed{set theory}" not in wrong


@pytest.mark.parametrize(
    ("pattern", "references"),
    [
        (r"#(\d+)", ["7", "12", "$18", "3,200", "5 books"]),
        (r"(?i)answer:\s*\(?([A-D])\)?", ["A", "(B)", "C"]),
        (r"(?i)\b(algebra|geometry|number theory)\b", ["algebra", "Geometry", "number theory"]),
        (r"<answer>(.*?)</answer>", ["x^2", "7", "New York"]),
        (r"-?\d+(?:\.\d+)?", ["7", "-3", "2.5"]),
        (r"\*\*(.+?)\*\*", ["7", "yes"]),
        (r"(?s)\A.+", ["7", "a b"]),
    ],
)
def test_a_pattern_is_tried_in_the_shapes_that_it_reads(pattern, references, marked):
    found = marked(rows(*references), patterned(pattern))
    assert (tally(found, right=True).rows, fault(found)) == (len(references), "")
    assert tally(found, right=True).errors == tally(found, right=False).errors == ()


@pytest.mark.parametrize(
    ("pattern", "references", "words"),
    [
        (r"#(\d+)", ["yes", "no", "maybe"], "read as no answer, different"),
        (r"#(\d+)", ["2.5", "3.75", "0.5"], "read as '2', different"),
        (r"(?i)answer:\s*([A-D])", ["0", "1", "2", "3"], "3 of 4 rows|4 of 4 rows"),
        (r"(\d+)", ["-1", "-2", "-3"], "read as '1', different"),
    ],
)
def test_a_pattern_that_cannot_read_the_references_is_a_fault(pattern, references, words, marked):
    assert re.search(words, fault(marked(rows(*references), patterned(pattern))))


def test_a_pattern_of_a_shape_that_nobody_here_knows_is_no_fault_and_nothing_is_marked(marked):
    assert marked(rows("7", "8"), patterned(r"<<(.*?)>>")) == []
    assert fault([]) == ""


@pytest.mark.parametrize(
    ("errors", "of", "stops"),
    [(0, 16, False), (2, 16, False), (3, 16, True), (1, 4, False), (2, 4, True), (1, 1, True)],
)
def test_a_few_rows_in_error_are_of_the_file_and_many_of_the_checker(errors, of, stops):
    def errs_on_some(pairs):
        return [
            Outcome.DIFFERENT if int(reference) < errors or int(reference) != int(answer or "-1") else Outcome.EQUAL
            for reference, answer in pairs
        ]

    found = fault(mark(known_answers(rows(*map(str, range(of))), None), None, errs_on_some))
    assert bool(found) == stops
    if stops:
        assert f"{errors} of {of} rows' answers known to be right are marked wrong, such as " in found


def test_a_checker_that_takes_everything_for_right_is_found():
    found = fault(mark(known_answers(rows("1", "2"), None), None, lambda pairs: [Outcome.EQUAL for _ in pairs]))
    assert found.startswith(
        "2 of 2 rows' answers known to be wrong are marked right, such as '' for the reference '1'"
    )


def test_what_could_not_be_decided_is_no_error_until_it_is_most(marked):
    def undecided(which):
        return lambda pairs: [Outcome.UNDECIDED if r in which else Outcome.EQUAL for r, _ in pairs]

    known = [answer for answer in known_answers(rows(*map(str, range(10))), None) if answer.is_right]
    some, most = (mark(known, None, undecided(set(which))) for which in ("01234", "012345"))
    assert (tally(some, right=True).errors, fault(some)) == ((), "")
    assert fault(most).startswith("6 of 10 rows' answers known to be right could not be decided")


def test_kinds():
    kinds = {"7": "number", "50\\%": "number", "(B)": "choice", "Monday": "words", "x^2": "formula", "(1,2)": "other"}
    assert {text: kind_of(text) for text in kinds} == kinds
    assert kind_of("$$") == "nothing"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=40) | st.sampled_from(STAND_INS), min_size=1, max_size=5))
def test_no_reference_makes_it_raise(references):
    found = known_answers(rows(*references), None) + known_answers(rows(*references), r"#(.+)")
    assert all(isinstance(known.text, str) for known in found)
    assert isinstance(fault(mark(found, None, lambda pairs: [Outcome.DIFFERENT for _ in pairs])), str)
