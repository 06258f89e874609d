"""Claims about proposals: how a completion is split, and one example a rule."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.settings import RuleFilters
from tasks.reading.proposals import MAX_ITEMS, form_rules, parse_numbered_list, tidy
from tasks.rules import first_refusal

SERL = RuleFilters(
    min_words=4,
    max_words=150,
    keywords=("image", "images", "graph", "graphs", "map", "maps", "draw", "plot", "go to"),
    forbid_programs=True,
    forbid_leading_punctuation=True,
    forbid_leading_nonascii=True,
)
SUMS = RuleFilters(
    min_words=1,
    max_words=1,
    keywords=(),
    forbid_programs=False,
    forbid_leading_punctuation=False,
    forbid_leading_nonascii=False,
    pattern=r"\d(\+\d){3,5}",
)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        (" How many?\n10. How far?\n11. How long?", ["How many?", "How far?", "How long?"]),
        ("9. How many?\n10. How far?", ["How many?", "How far?"]),
        ("Sure, here they are:\n9. How many?\n10. How far?", ["How many?", "How far?"]),
        (
            " Steps:\n1. add\n3. divide 3. by\n12. no\n10. Next",
            ["Steps: 1. add 3. divide 3. by 12. no", "Next"],
        ),
        (
            " It weighs 10. How much?\n10.5 kg is it\n10. Next",
            ["It weighs 10. How much? 10.5 kg is it", "Next"],
        ),
        (" One\n  with   two lines\n\n10.\n11. Three", ["One with two lines", "", "Three"]),
        (" \n ", []),
        ("", []),
    ],
)
def test_a_completion_is_split_at_the_numbers_that_are_due(text: str, items: list[str]) -> None:
    assert parse_numbered_list(text, 9) == items


@pytest.mark.parametrize(
    "number",
    [
        "10. ",
        "10) ",
        "(10) ",
        "[10] ",
        "10: ",
        "10\\. ",
        "10 - ",
        "**10.** ",
        "**10)** ",
        "__10.__ ",
        "*10.* ",
        "#10 ",
        "# 10. ",
        "### 10. ",
        "Problem 10: ",
        "Problem 10. ",
        "**Problem 10:** ",
        "### Problem 10\n",
        "Question 10. ",
        "Question #10: ",
        "Q10: ",
        "No. 10: ",
        "１０．",
        "１０. ",
        "10、",
        "第10题：",
        "问题10：",
        "Aufgabe 10: ",
        "⑩ ",
        "> 10. ",
    ],
)
def test_the_next_number_begins_an_item_in_any_dress(number):
    assert parse_numbered_list(f" How many?\n{number}How long?", 9) == ["How many?", "How long?"]


@pytest.mark.parametrize(
    "line",
    ["10.5 kg of it", "10:30 is too late", "10 + 3 is more", "10 apples", "- ten", "12. no", "* 3", "10/3 of it"],
)
def test_other_numbers_begin_none(line):
    assert parse_numbered_list(f" It is late:\n{line}", 9) == [f"It is late: {line}"]


def test_a_line_of_code_or_mathematics_begins_no_item():
    code, sum_ = "What is printed?\n```\n10. x\n  y\n```", "Add\n\\[\n10. + 3\n\\]"
    assert parse_numbered_list(f" {code}\n10. {sum_}\n11. Next", 9) == [code, sum_, "Next"]


def test_the_steps_of_a_solution_begin_no_item():
    steps = "\n".join(f"{n}. step" for n in range(1, 6))
    assert parse_numbered_list(f" How many?\nSolution:\n{steps}", 3) == ["How many?"]


def test_a_list_that_counts_from_one_is_read_as_one():
    assert parse_numbered_list("1. How many?\n2. How long?", 9) == ["How many?", "How long?"]


@pytest.mark.parametrize(
    "before",
    [
        "Sure! Here is a new question:\n\n",
        "Here are three more problems:\n",
        "Certainly.\n\n",
        "Of course! ",
        "New question: ",
        "**New question:**\n",
        "Sure, here they are:\n",
        "Certainly! Below is an original problem:\n\n",
        "Okay, here's one more: ",
        "I will write a new question about cubes.\n\n",
        "Question: ",
        "**Problem:** ",
        "Here's another one:\n\n",
        "好的，这是一个新问题：\n",
        "Voici une nouvelle question :\n",
        "### New problem\n",
        "<think>\nAbout cubes.\n</think>\n\n",
        "one about cubes, 1. easy\n</think>\n",
        "[THINK]hm[/THINK]",
        "◁think▷a◁/think▷",
        "<think>a</think><think>b</think>\nSure!\n",
        "<|im_start|>assistant\n",
        "<s>[INST]",
        "assistant: ",
        "```text\n",
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>",
    ],
)
def test_what_is_said_before_a_question_is_no_part_of_it(before):
    behind = "\n```" if "`" in before else ""
    assert parse_numbered_list(f"{before}How many edges has a cube?{behind}", 9) == ["How many edges has a cube?"]


@pytest.mark.parametrize(
    "text",
    [
        "Here is a list of numbers: 3, 5, 7. What is the mean?",
        "Great circles meet twice. How often do three?",
        "OK is a word. How many letters has it?",
        "This is a triangle: ABC. Find its angles.",
        "Of course, Bob has 5. How many has Ann?",
    ],
)
def test_a_question_that_begins_like_a_preamble_stays_whole(text):
    assert parse_numbered_list(text, 9) == [text]


@pytest.mark.parametrize(
    "text", ["<think>\nHow many?", "<think>a</think><think>How many?", "a</think>\n", "[THINK]a"]
)
def test_an_unclosed_thought_has_no_question(text):
    assert parse_numbered_list(text, 9) == []


@pytest.mark.parametrize(
    "end",
    [
        "<|im_end|>\n<|im_start|>user",
        "<|eot_id|>",
        "</s>",
        "<|endoftext|>Next",
        "[INST] more",
        "<end_of_turn>\n10. More?",
        "<start_of_turn>user",
        "<｜end▁of▁sentence｜>",
        "\nuser\nMore",
        "\nassistant: 12",
        "\n### Human: more",
        "<eos>",
    ],
)
def test_a_question_ends_with_the_models_turn(end):
    assert parse_numbered_list(f" How many edges has a cube?{end}", 9) == ["How many edges has a cube?"]


def test_a_model_that_counts_for_ever_gives_sixty_four() -> None:
    items = parse_numbered_list("\n".join(f"{n}. item {n}" for n in range(1, 200_000)), 1)
    assert items == [f"item {n}" for n in range(1, MAX_ITEMS + 1)]


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.lists(st.sampled_from(["\n", "9. ", "10. ", "11.", "a", " ", "\0"])).map("".join)))
def test_parsing_never_raises_and_gives_tidy_items(text: str) -> None:
    items = parse_numbered_list(text, 9)
    assert len(items) <= MAX_ITEMS
    for item in items:
        assert item == tidy(item, SERL)
        list(form_rules(item, SERL))


@pytest.mark.parametrize("piece", ["\n", "9. ", "9.\n", " ", "1", "\0", "10. a\n", "image ", "{"])
def test_a_megabyte_is_parsed_and_ruled_on_in_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    for item in [*parse_numbered_list(text, 9), text]:
        list(form_rules(item, SERL.model_copy(update={"max_words": 10**9})))
    assert time.process_time() - started < 2


def violation_of(text: str, filters: RuleFilters) -> tuple[str, float | None, float | None] | None:
    refusal = first_refusal(form_rules(text, filters))
    return refusal and refusal[:3]


@pytest.mark.parametrize(
    ("text", "violation"),
    [
        ("", ("empty", 0.0, 1.0)),
        ("What is this?", ("too_short", 3.0, 4.0)),
        ("What is this thing?", None),
        ("word " * 150, None),
        ("word " * 151, ("too_long", 151.0, 150.0)),
        ("How many roads are on the Map or map?", ("keyword", 2.0, 0.0)),
        ("Where does the train GO TO today?", ("keyword", 1.0, 0.0)),
        ("How many mapped paragraphs are there?", None),
        ("Write a program that adds numbers.", ("program", 1.0, 0.0)),
        ("$x$ is what number exactly?", ("punctuation", 1.0, 0.0)),
        ("Émile has how many apples?", ("nonascii", 1.0, 0.0)),
        ("Has Émile got many apples?", None),
    ],
)
def test_each_rule_names_its_figure_and_threshold(text: str, violation: tuple[str, float, float] | None) -> None:
    assert violation_of(text, SERL) == violation


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1+2+3+4", True),
        ("1+2+3", False),
        ("1+2+3+4+5+6+7", False),
        ("1+2+3+44", False),
        ("1+2+3+4\n", False),
    ],
)
def test_a_pattern_must_match_the_whole(text: str, kept: bool) -> None:
    assert violation_of(text, SUMS) == (None if kept else ("pattern", 1.0, 0.0))


def test_switches_that_are_off_drop_nothing() -> None:
    free = SUMS.model_copy(update={"pattern": None, "max_words": 99})
    for text in ("draw", "Write a program now", "$", "É"):
        assert violation_of(text, free) is None


def test_capitalising_destroys_latex_and_is_off() -> None:
    assert tidy(" is  $\\Delta$ Bob's? ", SERL) == "is $\\Delta$ Bob's?"
    assert tidy("is $\\Delta$ Bob's?", SERL.model_copy(update={"capitalise": True})) == "Is $\\delta$ bob's?"
