import pytest

from schemas.errors import BadInput
from tasks.games.game import State
from tasks.games.openspiel import OpenSpiel, game_of

from .kuhn import KUHN

GAME = OpenSpiel("kuhn_poker")


def test_the_same_start_and_moves_are_the_same_game():
    first, second = (GAME.start(7) for _ in range(2))
    assert first == second
    assert GAME.act(first, "Bet") == GAME.act(second, "Bet")


def test_a_move_leaves_the_state_before_as_it_was():
    state = GAME.start(7)
    GAME.act(state, "Pass")
    assert GAME.observe(state)[0] == 0 and GAME.legal(state) == ("Pass", "Bet")


def test_each_deal_comes_about_as_often():
    deals = [GAME.start(seed).history for seed in range(1200)]
    assert set(deals) == {(a, b) for a in range(3) for b in range(3) if a != b}
    assert all(150 < deals.count(deal) < 250 for deal in set(deals))


def test_a_seat_sees_its_own_card_and_the_moves_and_no_other_card():
    dealt = {State(0, (card, other)) for card in range(3) for other in range(3) if card != other}
    assert {(state.history[0], GAME.observe(state)) for state in dealt} == {(c, (0, str(c))) for c in range(3)}
    assert GAME.observe(GAME.act(State(0, (2, 0)), "Bet")) == (1, "0b")


@pytest.mark.parametrize(
    ("moves", "returns"),
    [
        (["Pass", "Pass"], (1.0, -1.0)),
        (["Bet", "Pass"], (1.0, -1.0)),
        (["Bet", "Bet"], (2.0, -2.0)),
        (["Pass", "Bet", "Pass"], (-1.0, 1.0)),
        (["Pass", "Bet", "Bet"], (2.0, -2.0)),
    ],
)
def test_a_game_ends_in_the_returns_of_its_rules(moves, returns):
    state = State(0, (2, 0))
    for move in moves:
        assert isinstance(state, State)
        state = GAME.act(state, move)
    assert state == returns


def test_cards_that_come_later_follow_from_the_start_too():
    leduc, ends = OpenSpiel("leduc_poker"), set()
    for start in range(40):
        state = leduc.start(start)
        assert leduc.legal(state) == ("Call", "Raise")
        state = leduc.act(leduc.act(state, "Call"), "Call")
        assert isinstance(state, State) and len(state.history) == 5
        ends.add(state.history[-1])
    assert ends == set(range(6))


@pytest.mark.parametrize(
    ("moves", "why"),
    [({"1": "Fold", "2": "Bet"}, "'1' stands for 'Fold', which is no action"), ({"2": "Bet"}, "no word .* 'Pass'")],
)
def test_words_that_do_not_fit_the_game_are_refused(moves, why):
    with pytest.raises(BadInput, match=why):
        game_of(KUHN.model_copy(update={"moves": moves}))
