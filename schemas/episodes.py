"""Every game that was played, from its start to its returns."""

import pyarrow as pa

from schemas.table import column, count, one_of, table, text

EPISODES = table(
    "episodes",
    "a game, played to its end",
    text("game", "its name"),
    column("number", pa.int32(), "which game of the stage, from 0: the order in which returns are averaged"),
    column("start", pa.int64(), "the seed of its chances"),
    column("seats", pa.list_(pa.string()), "digest of the weights in each seat"),
    column("returns", pa.list_(pa.float64()), "what each seat got"),
    one_of("ended", "over, illegal (a move was), or turn_limit", "over", "illegal", "turn_limit"),
    count("turns", "moves made, an illegal one too"),
)
