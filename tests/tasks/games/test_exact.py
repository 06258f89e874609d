import pytest

from tasks.games.exact import best_responses, by_best_response, exploitability
from tasks.games.game import State
from tasks.games.openspiel import OpenSpiel
from tasks.games.playing import Match, Said, play_out

from .kuhn import CHECKS, KUHN

GAME = OpenSpiel("kuhn_poker")
UNIFORM = {GAME.observe(state)[1]: {"Pass": 0.5, "Bet": 0.5} for state in GAME.knowing}


def nash(alpha):
    """Kuhn's own equilibria (Kuhn 1950): the first seat bluffs with the lowest card as often as alpha."""
    bets = {
        "0": alpha,
        "1": 0,
        "2": 3 * alpha,
        "0pb": 0,
        "1pb": alpha + 1 / 3,
        "2pb": 1,
        "0p": 1 / 3,
        "1p": 0,
        "2p": 1,
    }
    bets |= {"0b": 0, "1b": 1 / 3, "2b": 1}
    return {seen: {"Pass": 1 - bet, "Bet": bet} for seen, bet in bets.items()}


@pytest.mark.parametrize("alpha", [0, 0.2, 1 / 3])
def test_an_equilibrium_cannot_be_exploited(alpha):
    assert exploitability(GAME, nash(alpha)) == pytest.approx(0, abs=1e-9)


def test_coin_tosses_can_be_exploited_as_openspiel_says_of_them():
    from open_spiel.python.algorithms.exploitability import exploitability as of
    from open_spiel.python.policy import UniformRandomPolicy

    assert exploitability(GAME, UNIFORM) == pytest.approx(of(GAME.rules, UniformRandomPolicy(GAME.rules)))


def test_the_best_response_calls_with_the_best_card_alone_and_wins_what_exploitability_says():
    responses = best_responses(GAME, UNIFORM)
    assert responses[1](State(0, (0, 2, 1))) == "Bet" and responses[1](State(0, (1, 0, 1))) == "Pass"
    best = by_best_response(responses, {"Pass": "1", "Bet": "2"})

    def coin(asked):
        return [Said("", "12"[one.noise % 2], 1, "stop") for one in asked]

    seats = [("coin", "best"), ("best", "coin")]
    matches = [Match(str(i), i, seats[i % 2], GAME.start(i // 2)) for i in range(2000)]
    play_out(GAME, KUHN, CHECKS, matches, {"coin": coin, "best": best})
    won = sum(match.returns[match.seats.index("best")] for match in matches) / len(matches)
    assert won == pytest.approx(exploitability(GAME, UNIFORM), abs=0.1)
