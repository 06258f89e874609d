"""Games: who won against whom, by a file of verdicts about pairs."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import BadInput
from tasks.files import raw_rows

MOST_PLAYERS = 500
"""Every strength hangs on every other: time grows by the cube."""
HALVES = {"a": (2, 0), "b": (0, 2), "tie": (1, 1)}


@dataclass(frozen=True)
class Won:
    """Games of several players."""

    players: tuple[str, ...]
    wins: list[list[float]]
    """Of the row's player against the column's, a tie as half a game for each."""
    games: int
    ties: int
    undecided: int
    """Rows whose winner is null; they are left out."""


def read_won(path: Path) -> Won:
    """Rows of `a`, `b` (names) and `winner` (a, b, tie or null). Raises BadInput for anything else."""
    if not path.exists():
        raise BadInput(f"{path}: no such file; expected JSONL with a, b and winner")
    halves: Counter[tuple[str, str]] = Counter()
    counts: Counter[str] = Counter()
    for number, row in enumerate(raw_rows("FILE", path), 1):
        where = f"{path}: row {number}"
        if row is None:
            raise BadInput(f"{where}: not a JSON object; expected a, b and winner")
        a, b = (_player(where, row, key) for key in "ab")
        if a == b:
            raise BadInput(f"{where}: a = b = {_shown(a)}: expected two players")
        winner = row.get("winner")
        if winner is not None and not (isinstance(winner, str) and winner in HALVES):
            raise BadInput(f"{where}: winner = {_shown(winner)}: expected a, b, tie or null")
        counts[winner or "undecided"] += 1
        if winner:
            halves[a, b] += HALVES[winner][0]
            halves[b, a] += HALVES[winner][1]
    players = tuple(sorted({name for pair in halves for name in pair}))
    if not 2 <= len(players) <= MOST_PLAYERS:
        raise BadInput(f"{path}: {len(players)} players in decided games; expected 2 to {MOST_PLAYERS}")
    wins = [[halves[row, column] / 2 for column in players] for row in players]
    return Won(players, wins, counts["a"] + counts["b"] + counts["tie"], counts["tie"], counts["undecided"])


def _player(where: str, row: Mapping[str, Any], key: str) -> str:
    name = row.get(key)
    if not isinstance(name, str) or not name.strip():
        raise BadInput(f"{where}: {key} = {_shown(name)}: expected a player's name")
    return name


def _shown(value: Any) -> str:
    return (
        (value if isinstance(value, str) else json.dumps(value, default=str))[:80].encode("unicode_escape").decode()
    )
