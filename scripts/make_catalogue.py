"""Makes the small catalogue of items that the tiny model can recommend from: histories of made-up users.

    python scripts/make_catalogue.py              # writes deployments/data/catalogue

An item is a number of two digits: its genre and its rank there. Most of what a user picks is of one genre; the first
ranks are picked far more often than the last (Zipf's law), and half of the picks are the sequel of the one before,
the next rank. So a popular item is often right, a sequel more often, and the last ranks are rarely anybody's answer.
"""

import argparse
import json
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "deployments/data/catalogue"
SEED = 7
GENRES, RANKS = range(1, 7), range(1, 9)
SIZES = {"histories": 4000, "benchmark": 2000, "sealed": 1000}
LENGTHS = (3, 4, 5)
OWN_GENRE, SEQUEL = 0.9, 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the catalogue's histories.")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    users = histories()
    for name, size in SIZES.items():
        rows = [json.dumps(row) for row in islice(users, size)]
        (folder / f"{name}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


def histories() -> Iterator[dict[str, str]]:
    """What a user picked, and what the same user picked next; no history comes twice."""
    rng, seen = random.Random(SEED), set[str]()
    while True:
        genre, picks = rng.choice(GENRES), list[tuple[int, int]]()
        for _ in range(rng.choice(LENGTHS) + 1):
            picks.append(picked(rng, genre, picks))
        *history, chosen = (f"{of}{rank}" for of, rank in picks)
        if (question := "+".join(history)) not in seen:
            seen.add(question)
            yield {"question": question, "answer": chosen, "solution": f"#{chosen}"}


def picked(rng: random.Random, genre: int, before: list[tuple[int, int]]) -> tuple[int, int]:
    """The sequel of the pick before, or an item by its popularity."""
    if before and rng.random() < SEQUEL:
        of, rank = before[-1]
        return of, rank % len(RANKS) + 1
    of = genre if rng.random() < OWN_GENRE else rng.choice(GENRES)
    return of, rng.choices(RANKS, weights=[1 / rank for rank in RANKS])[0]


if __name__ == "__main__":
    main()
