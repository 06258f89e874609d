from itertools import product

from tasks.games.openspiel import OpenSpiel
from tasks.games.playing import Match, Said, noise_of, play_out

from .kuhn import CHECKS, KUHN

GAME = OpenSpiel("kuhn_poker")


def saying(*words):
    """A player with a word for each turn of a game that it is asked at, and the observations that it was shown."""

    def player(asked):
        player.asked.append([one.match for one in asked])
        player.noise += [one.noise for one in asked]
        return [Said("?", words[len(one.state.history) - 2], 1, "stop") for one in asked]

    player.asked, player.noise = [], []
    return player


def match(name="m", start=7, seats=("self", "self")):
    return Match(name, noise=noise_of(name), seats=seats, state=GAME.start(start))


def test_an_illegal_move_ends_the_game_at_the_cost_of_who_made_it():
    played = match()
    play_out(GAME, KUHN, CHECKS, [played], {"self": saying("1", "x")})
    assert (played.ended, played.returns) == ("illegal", (0.5, -1.5))
    assert [(turn.action, turn.legal) for turn in played.turns] == [("Pass", True), (None, False)]


def test_a_known_action_that_is_not_legal_now_is_illegal():
    leduc = OpenSpiel("leduc_poker")
    settings = KUHN.model_copy(update={"moves": {"0": "Fold", "1": "Call", "2": "Raise"}})
    played = Match("m", noise=1, seats=("self", "self"), state=leduc.start(1))
    play_out(leduc, settings, CHECKS, [played], {"self": saying("0")})
    assert [(turn.action, turn.legal) for turn in played.turns] == [("Fold", False)]
    assert played.returns == (-1.5, 0.5)


def test_a_game_at_its_turn_limit_is_nobodys():
    played = match()
    play_out(GAME, KUHN.model_copy(update={"max_turns": 1}), CHECKS, [played], {"self": saying("1")})
    assert (played.ended, played.returns, len(played.turns)) == ("turn_limit", (0.0, 0.0), 1)


def test_games_that_wait_for_one_player_are_asked_together():
    matches = [match(f"m{i}", start=i) for i in range(8)]
    player = saying("1", "2", "2")
    play_out(GAME, KUHN, CHECKS, matches, {"self": player})
    assert player.asked == [[f"m{i}" for i in range(8)]] * 3
    assert {played.ended for played in matches} == {"over"}
    assert len(set(player.noise)) == 24  # no two moves share their chance


def test_two_players_take_turns_and_neither_is_opened_more_often_than_it_must():
    matches = [match(f"{a}{b}{i}", start=i, seats=(a, b)) for (a, b), i in product(["xy", "yx"], range(3))]
    x, y = saying("1", "2", "2"), saying("1", "2", "1")
    play_out(GAME, KUHN, CHECKS, matches, {"x": x, "y": y})
    assert [len(asked) for asked in (*x.asked, *y.asked)] == [3, 6, 6, 3]
    for played in matches:
        assert [turn.seat for turn in played.turns] == [0, 1, 0]
        assert played.turns[2].said.text == ("2" if played.seats[0] == "x" else "1")
