"""Waves: an online round asks its questions a share at a time, each share answered by the policy of that moment."""

import hashlib
from collections.abc import Iterable

Wave = tuple[int, int]
"""Number, from 1, and of how many."""


def in_wave(text: str, wave: Wave | None) -> bool:
    """Whether a question, or a probe row, is asked in this wave: by the hash of its text. Without waves, all are."""
    if wave is None:
        return True
    number, of = wave
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % of == number - 1


def plays_of(stage: str, shown: Iterable[str], role: str = "") -> list[str]:
    """How a round played a stage, by the labels of what it played: once (`solve`), or once a wave, in their order.
    `role`: of the policy that speaks in it with weights of its own (`train.wave-1.proposer`)."""
    begin, end, shown = f"{stage}.wave-", f".{role}" if role else "", list(shown)
    waves = {s.removeprefix(begin).removesuffix(end): s for s in shown if s.startswith(begin) and s.endswith(end)}
    once = [s for s in shown if s == f"{stage}{end}"]
    return [waves[n] for n in sorted(filter(str.isdigit, waves), key=int)] or once


def roles_trained(shown: Iterable[str]) -> list[str]:
    """The roles whose policies were trained with weights of their own."""
    return sorted({s.split(".")[2] for s in shown if s.startswith("train.wave-") and s.count(".") == 2})
