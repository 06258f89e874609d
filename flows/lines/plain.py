"""Text that may come from a model or a user, made fit for a terminal, and how figures are written."""

import shlex
from collections.abc import Iterator
from typing import Any

from schemas.manifest import SampledScore, Score
from tasks.figures import many

LINES, CHARACTERS = 12, 1_000


def plain(text: str, most: int = 200) -> str:
    """On one line, cut: what is not printable (control, formatting and direction marks) as an escape."""
    return escaped(text) if len(text) <= most else f"{escaped(text[:most])}... ({many(len(text), 'character')})"


def escaped(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def typed(text: object) -> str:
    """A word of a command that a user may paste into a shell."""
    return shlex.quote(escaped(str(text)))


def paragraph(text: str) -> Iterator[str]:
    """With its own line breaks, the first LINES lines and CHARACTERS characters of it."""
    lines = text[:CHARACTERS].split("\n")
    yield from (plain(line, CHARACTERS) for line in lines[:LINES])
    if len(text) > CHARACTERS or len(lines) > LINES:
        yield f"... ({many(len(text), 'character')})"


def value(found: Any) -> str:
    """A value of a recipe or a row."""
    if isinstance(found, float):
        return f"{found:.6g}"
    return plain(found if isinstance(found, str) else str(found))


def when(moment: str) -> str:
    """2026-11-23 13:45 UTC, of ISO 8601."""
    return plain(f"{moment[:16].replace('T', ' ')} UTC") if moment else "at an unknown time"


def worded(score: Score | SampledScore | None) -> str:
    return f"{score.accuracy:.1%} [{score.low:.1%}, {score.high:.1%}]" if score else "-"


def sampled(score: Score) -> str:
    """mean@4 54.2% [46.3%, 62.0%], pass@2 ..., of 60 items; "" without samples."""
    figures = [f"{name} {worded(found)}" for name, found in score.sampled.items()]
    return f"{', '.join(figures)} of {many(score.mean_n, 'item')}" if figures else ""


def points(share: float) -> str:
    return f"{100 * share:+.1f}"


def counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{rows:,} {plain(name)}" for name, rows in counts.items())
