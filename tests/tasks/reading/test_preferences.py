import pytest

from schemas.preferring import BETTER_LINE
from tasks.reading.preferences import prefers_first


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("The first adds well.\nBetter: 1", True),
        ("**Better: 2**", False),
        ("Winner: Answer B", False),
        ("preferred = (a)", True),
        ("Better: 1\nNo, wait.\nBetter: 2", False),
        ("Better: both", None),
        ("Better: 12", None),
        ("Better: 1\nBetter: neither", True),
        ("<think>Better: 1</think>I cannot say.", None),
        ("<think>Better: 1", None),
        ("It is better: 1 is right", None),
        ("", None),
    ],
)
def test_the_last_line_that_names_one_counts(text, first):
    assert prefers_first(text, BETTER_LINE) is first


def test_a_pattern_of_the_recipes_says_where_the_word_stands():
    assert [prefers_first(text, "^([12])") for text in ("122", "213", "3", "")] == [True, False, None, None]
