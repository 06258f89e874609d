"""Claims about line breaks: where they mean something they stay, and levelling twice is levelling once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.reading.blocks import levelled


@pytest.mark.parametrize(
    "text",
    [
        "What does this print?\n```python\nfor i in range(2):\n    print(i)\n\nprint(3)\n```\nGive the last line.",
        "Solve\n\\[\nx + y = 3 \\\\\nx - y = 1\n\\]\nfor x.",
        "Evaluate $$\n\\int_0^1 x\n$$ by hand.",
        "Solve\n\\begin{align*}\nx &= 3 \\\\\ny &= 4\n\\end{align*}",
        "What is missing?\n| a | b |\n|---|---|\n| 1 | ? |",
        "Which is prime?\n(A) 4\n(B) 5\n(C) 6",
        "Find AB.\n[asy]\ndraw((0,0)--(1,1));\n[/asy]",
        "What is printed?\n~~~\n10. x\n~~~",
    ],
)
def test_breaks_within_code_mathematics_tables_and_before_choices_stay(text):
    assert levelled(text) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("One\n  with   two lines\n\n", "One with two lines"),
        ("Let $$x = 3$$\nand\n\\[y = 4\\]\nFind z.", "Let $$x = 3$$ and \\[y = 4\\] Find z."),
        ("It costs $$5\n\nand $$6\nmore", "It costs $$5 and $$6 more"),
        ("What?\n```", "What?"),
    ],
)
def test_other_breaks_are_spaces(text, line):
    assert levelled(text) == line


MARKS = [
    "```",
    "~~~",
    "$$",
    "\\[",
    "\\]",
    "\\begin{a}",
    "\\end{a}",
    "[asy]",
    "[/asy]",
    "|",
    "(A) 1",
    "B. 2",
    "\n",
    " ",
    "x",
    "\t",
]


@settings(max_examples=500, deadline=None)
@given(st.text() | st.lists(st.sampled_from(MARKS)).map("".join))
def test_levelling_twice_is_levelling_once(text):
    assert levelled(levelled(text)) == levelled(text)
