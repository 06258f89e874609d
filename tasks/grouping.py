"""Grouping: which attempts at one question are held against each other. Plain functions of rows, in their order.

Each gives the rows that stay, and those that do not with the reason why they give no signal.
"""

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
Refused = list[tuple[Row, str]]


def usable(attempts: Sequence[Row]) -> tuple[list[Row], Refused]:
    """Attempts with a `reward` and, after the prompt, room for `completion_ids`. Reasons: `no_reward`, `too_long`."""
    refused = [(row, "no_reward") for row in attempts if row["reward"] is None]
    rewarded = [row for row in attempts if row["reward"] is not None]
    refused += [(row, "too_long") for row in rewarded if not row["completion_ids"]]
    return [row for row in rewarded if row["completion_ids"]], refused


def comparable(attempts: Sequence[Row], *, pulled: bool) -> tuple[list[Row], Refused]:
    """Attempts that are held against each other alone. Reasons: `no_group`, one is left; `no_difference`, all rewards
    are the same, unless a KL has `pulled` on them."""
    if len(attempts) == 1:
        return [], [(attempts[0], "no_group")]
    if not pulled and len({row["reward"] for row in attempts}) == 1:
        return [], [(row, "no_difference") for row in attempts]
    return list(attempts), []
