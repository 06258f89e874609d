"""The items of a benchmark of games: a start and a seat each. Every checkpoint meets the same."""

from typing import Any

from schemas.games import GameBenchmark
from tasks.games.playing import noise_of

Row = dict[str, Any]
WON, LOST, DRAWN = "win", "loss", "draw"
OPPONENTS = {"base": "the frozen base", "best_response": "the best response to itself"}


def items_of(benchmark: GameBenchmark) -> list[Row]:
    """Two to a start, one in each seat."""
    return [
        {
            "question": f"{benchmark.name}: start {number // 2}, in seat {number % 2}, against "
            f"{OPPONENTS[benchmark.opponent]}",
            "reference": WON,
            "source_row": number,
        }
        for number in range(benchmark.games)
    ]


def seat_of(item: Row) -> int:
    """The checkpoint's."""
    return int(item["source_row"]) % 2


def start_of(item: Row) -> int:
    """The seed of its cards."""
    return noise_of("start", item["benchmark"], int(item["source_row"]) // 2)


def outcome_of(value: float) -> str:
    """A return, in a word."""
    return WON if value > 0 else LOST if value < 0 else DRAWN
