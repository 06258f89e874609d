import pytest

from schemas.settings import Answers
from tasks.games.moves import move_in

from .kuhn import CHECKS, KUHN


@pytest.mark.parametrize("text", ["2", "2 1", "2" * 100_000])
def test_what_the_pattern_marks_is_the_move(text):
    assert move_in(text, KUHN, CHECKS) == "Bet"


@pytest.mark.parametrize("text", ["", "3", "0", "Bet", "\ud800", "x2", "\uff12", "9" * 100_000])
def test_any_other_text_is_no_move(text):
    assert move_in(text, KUHN, CHECKS) is None


def test_a_move_in_words_is_found_behind_the_thinking():
    spoken, boxed = (
        KUHN.model_copy(update={"moves": {"pass": "Pass", "bet": "Bet"}}),
        Answers(equivalence="canonical"),
    )
    assert move_in(r"I could \boxed{bet}. No: \boxed{Pass}.", spoken, boxed) == "Pass"
    assert move_in(r"I would \boxed{fold}", spoken, boxed) is None
