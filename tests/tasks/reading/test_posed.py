import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.reading.posed import LONGEST, Posed, leaks, read_posed

LABELLED = r"(?s)Question:(.*?)(?:\nAnswer:(.*))?$"


@pytest.mark.parametrize(
    ("text", "posed"),
    [
        ("Question: How many?\nAnswer: 7", ("How many?", "7")),
        ("Sure!\n\nQuestion:  How\nmany?\nAnswer:\n7\n", ("How many?", "7")),
        ("<think>Question: no\nAnswer: 1</think>Question: yes?\nAnswer: 2", ("yes?", "2")),
        ("Question: How many?", ("How many?", "")),
        ("Question: How many?\nAnswer: 7<|im_end|>\nuser: thanks", ("How many?", "7")),
        ("Question:\nAnswer: 7", None),
        ("How many? 7", None),
        ("<think>Question: open\nAnswer: 1", None),
        ("", None),
    ],
)
def test_the_question_and_its_answer_are_read_from_the_models_own_turn(text, posed):
    assert read_posed(text, LABELLED) == (posed and Posed(*posed))


def test_a_question_longer_than_any_is_none():
    assert read_posed("Question: " + "x" * (LONGEST + 1) + "\nAnswer: 7", LABELLED) is None


@pytest.mark.parametrize(
    ("question", "answer", "leaked"),
    [
        ("Paris is the capital of which country? France?", "France", True),
        ("Is the answer Forty  Two?", "forty two", True),
        ("What is 4+7+31?", "42", False),
        ("What is 42 less 0?", "42", True),
        ("What is 142?", "42", False),
        ("(A) one (B) two", "B", False),
        ("What is left of x?", "x", False),
        ("?", "!", False),
        ("", "", False),
    ],
)
def test_an_answer_whose_words_stand_in_the_question_in_a_row_is_given_away(question, answer, leaked):
    assert leaks(Posed(question, answer)) is leaked


@settings(derandomize=True, database=None, deadline=None)
@given(st.text(st.characters(codec=None), max_size=60), st.text(max_size=20))
def test_whatever_was_written_is_read_or_is_not(text, answer):
    posed = read_posed(f"Question: {text}\nAnswer: {answer}", LABELLED)
    assert posed is None or (posed.question and len(posed.question) <= 2 * len(text) + len(answer) + 40)
    assert leaks(posed or Posed(text, answer)) in (False, True)
