"""Text generation: one door, `open_engine`, whatever stands behind it."""

from tasks.engines.engine import Checkpoint, Completion, Engine, Message, Request, completed
from tasks.engines.opened import close_engine, make_room, open_engine

__all__ = [
    "Checkpoint", "Completion", "Engine", "Message", "Request", "close_engine", "completed",
    "make_room", "open_engine",
]  # fmt: skip
