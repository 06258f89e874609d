"""Reading: an attempt that judges itself: a first solution, a verdict on a line of its own, and, if that says that it
is wrong, another solution.

The text is a model's and may be hostile: nothing here raises, and time grows linearly with its length.
"""

from typing import NamedTuple


class Corrected(NamedTuple):
    first: str
    accepts: bool | None
    """Whether the verdict calls the first solution right; None without a verdict, or with more than one."""
    second: str
    """What stands behind the verdict."""


def read_corrected(text: str, right: str, wrong: str) -> Corrected:
    """The first verdict ends the first solution; white space around it does not count."""
    lines = text.split("\n")
    at = [number for number, line in enumerate(lines) if line.strip() in (right, wrong)]
    if not at:
        return Corrected(text.strip(), None, "")
    accepts = lines[at[0]].strip() == right
    parts = ("\n".join(part).strip() for part in (lines[: at[0]], lines[at[0] + 1 :]))
    return Corrected(next(parts), accepts if len(at) == 1 else None, next(parts))
