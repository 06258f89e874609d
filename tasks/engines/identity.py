"""What a server says of the model that it serves: nothing that it could prove, but it must stay the same."""

import time
from collections.abc import Mapping
from typing import Any

from tasks.engines.engine import Identity

TELLING = ("id", "root", "parent", "owned_by", "max_model_len")
LONG_AGO_SECONDS = 3600
MOST_CHARACTERS = 300


def identity_of(entry: Mapping[str, Any]) -> Identity:
    """What tells a model from another under its name, of its entry in a server's list. `created` counts if it is long
    ago: vLLM and others write the time of the asking there."""
    told = {name: value for name in TELLING if isinstance(value := entry.get(name), str | int)}
    created = entry.get("created")
    if type(created) is int and 0 < created < time.time() - LONG_AGO_SECONDS:
        told["created"] = created
    return {name: _plain(value) if isinstance(value, str) else value for name, value in told.items()}


def _plain(text: str) -> str:
    return text[:MOST_CHARACTERS].encode("utf-8", "replace").decode()


def differences(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """What of an identity is another one now, in words; "" for nothing."""
    return ", ".join(f"{k} was {v!r}, now {now.get(k)!r}" for k, v in before.items() if now.get(k) != v)
