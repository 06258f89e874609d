"""Every move of every game: what the seat was asked, what it wrote, and the action that was read from it."""

import pyarrow as pa

from schemas.table import ENDED, TOKENS, VERIFIED, column, count, parent, table, text

TURNS = table(
    "turns",
    "a move in a game",
    parent("episode_id", "episodes", meaning="the game"),
    column("number", pa.int32(), "which move of the game, from 0"),
    column("seat", pa.int32(), "whose move, from 0"),
    text("prompt", "the prompt as the model saw it"),
    column("text", pa.string(), "the completion"),
    count("num_tokens", "tokens of the completion"),
    ENDED,
    *TOKENS,
    column("checkpoint", pa.string(), "digest of the weights that moved"),
    VERIFIED,
    column("legal", pa.bool_(), "whether the action could be taken; false ends the game"),
    column("action", pa.string(), "the action as read; null if no move was", nullable=True),
)
