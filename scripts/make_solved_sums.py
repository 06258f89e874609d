"""Makes the small corpus of documents that the tiny model can read: solved sums of two or three numbers.

    python scripts/make_solved_sums.py            # writes deployments/data/solved_sums/documents.jsonl

Every sum of two or three one-digit numbers stands in it once, solved: `4+7+3=14`. A proposer goes on from the numbers
of one to a longer sum of its own. The benchmarks of deployments/data/sums have four to six numbers: none is in here.
"""

import argparse
import hashlib
import json
from itertools import product
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "deployments/data/solved_sums"
LICENCE = "CC0-1.0"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the corpus of solved sums.")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps({"text": text, "licence": LICENCE}) for text in documents()]
    (folder / "documents.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


def documents() -> list[str]:
    """In the order of their hashes, so that the first n are a fair sample."""
    sums = [numbers for length in (2, 3) for numbers in product(range(1, 10), repeat=length)]
    texts = [f"{'+'.join(map(str, numbers))}={sum(numbers)}" for numbers in sums]
    return sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())


if __name__ == "__main__":
    main()
