"""Readings of a sealed benchmark: one file a checkpoint that was asked, made before its first answer, never removed.
So a round that is never published counts too."""

import re
from pathlib import Path

import orjson

from tasks.store.objects import create_once


def note_reading(lineage: Path, benchmark: str, digest: str, round: int) -> None:
    """Weights are read once, whatever is killed and played again."""
    create_once(lineage / "sealed" / f"{benchmark}-{digest}.json", orjson.dumps({"round": round}))


def readers(lineage: Path, benchmark: str) -> set[str]:
    """Digests of the checkpoints that were asked."""
    folder = lineage / "sealed"
    if not folder.exists():
        return set()
    named = (re.fullmatch(rf"{re.escape(benchmark)}-([0-9a-f]{{64}})\.json", path.name) for path in folder.iterdir())
    return {name[1] for name in named if name}
