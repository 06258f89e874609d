"""Grouping: which attempts at one question are held against each other. Plain functions of rows, in their order.

Each gives the rows that stay, and those that do not with the reason why they give no signal.
"""

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
Refused = list[tuple[Row, str]]


def usable(attempts: Sequence[Row], max_length: int) -> tuple[list[Row], Refused]:
    """Attempts with a `reward` that are no longer than max_length, and have a token to learn. Reasons: `no_reward`,
    `too_long`, `no_token`."""
    reason_of = {row["id"]: _unusable(row, max_length) for row in attempts}
    refused = [(row, reason) for row in attempts if (reason := reason_of[row["id"]])]
    return [row for row in attempts if not reason_of[row["id"]]], refused


def length(row: Row) -> int:
    """Tokens of the prompt and of what followed."""
    return len(row["prompt_ids"]) + len(row["completion_ids"])


def _unusable(row: Row, max_length: int) -> str:
    if row["reward"] is None:
        return "no_reward"
    if length(row) > max_length:
        return "too_long"
    return "" if row["completion_ids"] else "no_token"


def comparable(attempts: Sequence[Row], *, pulled: bool) -> tuple[list[Row], Refused]:
    """Attempts that are held against each other alone. Reasons: `no_group`, one is left; `no_difference`, all rewards
    are the same, unless a KL has `pulled` on them."""
    if len(attempts) == 1:
        return [], [(attempts[0], "no_group")]
    if not pulled and len({row["reward"] for row in attempts}) == 1:
        return [], [(row, "no_difference") for row in attempts]
    return list(attempts), []


def summed(rewards: Sequence[Row], added: Sequence[Row] | None = None) -> dict[str, float | None]:
    """Of each sample, the sum of what its judges gave; None if one of them did not rule."""
    given = {row["row_id"]: row["reward"] for row in rewards}
    if added is None:
        return given
    more = {row["row_id"]: row["reward"] for row in added}
    return {name: None if None in (own, more.get(name)) else own + more[name] for name, own in given.items()}
