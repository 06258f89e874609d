"""A game as a pure state machine: a start, what the seat to move sees, and what its move leads to."""

from typing import NamedTuple, Protocol

Returns = tuple[float, ...]
"""What each seat gets when the game is over."""


class State(NamedTuple):
    """Where a game stands. The same start and history are the same state, on every machine."""

    start: int
    """Seed of its chances: cards, dice."""
    history: tuple[int, ...]
    """Actions and outcomes of chance so far, as the game numbers them."""


class Game(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def seats(self) -> int: ...

    def start(self, seed: int) -> State:
        """The state in which the first seat is to move."""
        ...

    def observe(self, state: State) -> tuple[int, str]:
        """The seat to move, and all that it knows."""
        ...

    def legal(self, state: State) -> tuple[str, ...]:
        """The actions that it may take, by the game's own names."""
        ...

    def act(self, state: State, action: str) -> State | Returns:
        """What a legal action leads to: the state in which another move is due, or the end."""
        ...
