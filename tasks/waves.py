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


def plays_of(stage: str, shown: Iterable[str]) -> list[str]:
    """How a round played a stage, by the labels of what it played: once (`solve`), or once a wave, in their order."""
    begin, shown = f"{stage}.wave-", list(shown)
    waves = {label.removeprefix(begin): label for label in shown if label.startswith(begin)}
    return [waves[n] for n in sorted(filter(str.isdigit, waves), key=int)] or [s for s in shown if s == stage]
