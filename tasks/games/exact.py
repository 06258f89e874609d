"""What OpenSpiel says exactly of a policy in a small game: the best response to it, and its exploitability."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tasks.games.game import State
from tasks.games.openspiel import SEATS, OpenSpiel
from tasks.games.playing import Asked, Player, Said

Policy = Mapping[str, Mapping[str, float]]
"""Observation -> legal action -> probability."""


def exploitability(game: OpenSpiel, policy: Policy) -> float:
    """What best responses in each seat win against the policy, on average over the seats: 0 is unbeatable."""
    from open_spiel.python.algorithms.exploitability import exploitability as of

    return float(of(game.rules, _tabular(game, policy)))


def best_responses(game: OpenSpiel, policy: Policy) -> list[Callable[[State], str]]:
    """For each seat, the action that wins most against the policy in the other."""
    from open_spiel.python.algorithms.best_response import BestResponsePolicy

    tabular = _tabular(game, policy)
    responses = [BestResponsePolicy(game.rules, seat, tabular) for seat in range(SEATS)]

    def of(response: Any) -> Callable[[State], str]:
        def best(state: State) -> str:
            position = game.position(state)
            return str(position.action_to_string(response.best_response_action(position.information_state_string())))

        return best

    return [of(response) for response in responses]


def by_best_response(responses: Sequence[Callable[[State], str]], words: Mapping[str, str]) -> Player:
    """It says what a model would have to say to take the action. `words`: action -> word."""

    def moves(asked: Sequence[Asked]) -> list[Said]:
        return [Said("", words[responses[one.seat](one.state)], 0, "stop") for one in asked]

    return moves


def _tabular(game: OpenSpiel, policy: Policy) -> Any:
    from open_spiel.python.policy import TabularPolicy

    tabular = TabularPolicy(game.rules)
    for position in tabular.states:
        known = policy[str(position.information_state_string())]
        row = tabular.policy_for_key(position.information_state_string())
        for action in position.legal_actions():
            row[action] = known[str(position.action_to_string(action))]
    return tabular
