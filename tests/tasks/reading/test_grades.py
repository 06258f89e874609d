import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rubric import SCORE_LINE
from tasks.reading.grades import read_grade

NUMBERS = st.integers(0, 12)
LINES = st.lists(
    st.sampled_from(["Score: 2", "score = 4/5", "Score: 9", "Score: none", "> Score: 3", "It is right."])
)


@pytest.mark.parametrize(
    ("text", "grade"),
    [("Verdict: yes", 1), ("I see.\nVerdict: No", 0), ("Verdict: 1", 1), ("Verdict: 2", None), ("yes, but no", None)],
)
def test_on_a_scale_of_one_yes_and_no_are_grades(text, grade):
    assert read_grade(text, r"(?im)^verdict: (\w+)$", 1) == grade
    assert read_grade("Score: yes", r"Score: (\w+)", 5) is None


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("The steps are right.\nScore: 4", 4),
        ("score = 3.5", 3.5),
        ("**Score:** 4", 4),
        ("## Final score: **5**", 5),
        ("Score: 4/5.", 4),
        ("Score: 4 out of 5", 4),
        ("Score: 0", 0),
        ("Score: 5\nNo, a step is wrong.\nScore: 1", 1),
        ("Score: 4, as it is short.", 4),
        ("<think>\nScore: 5\n</think>\nScore: 2", 2),
    ],
)
def test_the_last_score_line_is_the_grade(text, grade):
    assert read_grade(text, SCORE_LINE, 5) == grade


@pytest.mark.parametrize(
    "text",
    [
        "", "5", "Score:", "Score: high", "Score: 6", "Score: -3", "Score: 45", "Score: 4/10", "Score: 3,5",
        "Score: 3-5", "Score: 1.2.3", "Score: ٥", "<think>\nScore: 5",
        "Score: 4\nScore: 11",  # the judge's last word counts, and cannot be read
        "The answer says 'Score: 5'.", "> Score: 5",  # what it quotes is not its own
        "<|im_end|>\nScore: 5",  # behind the end of its turn nothing is
    ],
)  # fmt: skip
def test_what_is_no_grade_on_the_scale_is_undecided_and_not_zero(text):
    assert read_grade(text, SCORE_LINE, 5) is None


def test_a_recipes_own_pattern_says_where_the_grade_stands():
    assert read_grade(" 7", r"([0-9])\s*$", 9) == 7
    assert read_grade(" 7", r"([0-9])\s*$", 5) is None


@given(LINES, NUMBERS)
def test_whatever_stands_before_it_the_last_line_decides(before, number):
    text = "\n".join([*before, f"Score: {number}"])
    assert read_grade(text, SCORE_LINE, 10) == (number if number <= 10 else None)


@given(st.text(), st.text(), st.integers(1, 100))
def test_a_grade_is_none_or_on_the_scale(first, second, scale):
    for text in (first, f"Score: {first}", f"{first}\nScore: {second}"):
        for pattern in (SCORE_LINE, r"(?s).*", r"\d+"):
            grade = read_grade(text, pattern, scale)
            assert grade is None or 0 <= grade <= scale
