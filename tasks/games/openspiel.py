"""OpenSpiel's games (Lanctot et al. 2019, arXiv 1908.09453) as state machines; chance follows from the start."""

import hashlib
from bisect import bisect
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from schemas.errors import BadInput
from schemas.games import Games
from tasks.games.game import Returns, State
from tasks.games.moves import forms

SEATS = 2


@dataclass(frozen=True)
class OpenSpiel:
    """A game of two seats that take turns. What a seat knows is OpenSpiel's information state, as text."""

    name: str
    seats: int = SEATS

    def start(self, seed: int) -> State:
        return self._after_chance(State(seed, ()))

    def observe(self, state: State) -> tuple[int, str]:
        position = self.position(state)
        return int(position.current_player()), str(position.information_state_string())

    def legal(self, state: State) -> tuple[str, ...]:
        return tuple(_named(self.position(state)))

    def act(self, state: State, action: str) -> State | Returns:
        taken = _named(self.position(state))[action]
        after = self._after_chance(State(state.start, (*state.history, taken)))
        position = self.position(after)
        return tuple(map(float, position.returns())) if position.is_terminal() else after

    @cached_property
    def rules(self) -> Any:
        """OpenSpiel's own game."""
        import pyspiel

        return pyspiel.load_game(self.name)

    @cached_property
    def knowing(self) -> list[State]:
        """A state for each thing that a seat may know when it is to move. Of small games alone."""
        from open_spiel.python.policy import TabularPolicy

        return [State(0, tuple(map(int, position.history()))) for position in TabularPolicy(self.rules).states]

    @property
    def actions(self) -> set[str]:
        """Every action that a seat may ever take."""
        return {action for state in self.knowing for action in self.legal(state)}

    def position(self, state: State) -> Any:
        """OpenSpiel's own state."""
        position = self.rules.new_initial_state()
        for action in state.history:
            position.apply_action(action)
        return position

    def _after_chance(self, state: State) -> State:
        """Cards are dealt, and dice thrown, until a seat is to move or the game is over."""
        position, history = self.position(state), list(state.history)
        while position.is_chance_node():
            outcomes, shares = zip(*position.chance_outcomes(), strict=True)
            place = bisect(list(accumulate(shares)), _uniform(state.start, len(history)))
            outcome = outcomes[min(place, len(outcomes) - 1)]  # shares may add up to less than 1 by rounding
            history.append(int(outcome))
            position.apply_action(outcome)
        return State(state.start, tuple(history))


def _named(position: Any) -> dict[str, int]:
    """Legal actions by their names."""
    return {str(position.action_to_string(action)): int(action) for action in position.legal_actions()}


def _uniform(start: int, step: int) -> float:
    """From 0 to below 1."""
    drawn = hashlib.sha256(f"chance\0{start}\0{step}".encode()).digest()[:8]
    return (int.from_bytes(drawn) >> 11) / 2**53


def game_of(settings: Games) -> OpenSpiel:
    """The recipe's game. Raises BadInput for a word that stands for none of its actions or reads as another's, and
    for an action without a word."""
    game = OpenSpiel(settings.game)
    actions = game.actions
    if unknown := [word for word, action in settings.moves.items() if action not in actions]:
        raise BadInput(
            f"moves: '{unknown[0]}' stands for '{settings.moves[unknown[0]]}', which is no action of {game.name}; "
            f"it has {', '.join(sorted(actions))}"
        )
    if len(forms(settings)) < len(settings.moves) or "" in forms(settings):
        raise BadInput(f"moves: {', '.join(settings.moves)}: one says nothing, or two are the same answer")
    if wordless := sorted(actions - set(settings.moves.values())):
        raise BadInput(f"moves: no word stands for '{wordless[0]}' of {game.name}")
    return game
