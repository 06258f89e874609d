"""Text generation: one door, `open_engine`, whatever stands behind it."""

from tasks.engines.engine import Completion, Engine, Message, Request, open_engine

__all__ = ["Completion", "Engine", "Message", "Request", "open_engine"]
