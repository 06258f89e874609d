import pytest

from tasks.games.moves import move_in

from .kuhn import KUHN


@pytest.mark.parametrize("text", ["2", " 2\n", "\u20032"])
def test_a_word_is_a_move_whatever_white_space_is_around_it(text):
    assert move_in(text, KUHN) == "Bet"


@pytest.mark.parametrize("text", ["", "3", "22", "2 1", "Bet", "2.", "\ud800", "2" * 100_000, "２"])
def test_any_other_text_is_no_move(text):
    assert move_in(text, KUHN) is None


def test_with_a_pattern_its_last_match_is_the_move():
    thinking = KUHN.model_copy(update={"pattern": r"\[(\w+)\]", "moves": {"pass": "Pass", "bet": "Bet"}})
    assert move_in("I could [bet]. No: [pass] it is.", thinking) == "Pass"
    assert move_in("I [bet] that you [fold]", thinking) is None
    assert move_in("pass", thinking) is None
