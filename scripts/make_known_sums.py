"""Makes tasks that the tiny model can do and tasks that it cannot, each with a label that says which.

    python scripts/make_known_sums.py             # writes deployments/data/known_sums

It was trained on sums of four to six one-digit numbers (`make_tiny_model.py`) and answers most of them; of seven to
nine numbers it reads some and adds those, so that it is never right. The label is what it says in the place of "I
can" and "I cannot" (`tasks/prompts/introspect_sums.jinja`): 0 and 9.
"""

import argparse
import json
import random
from pathlib import Path

from make_tiny_model import problems

FOLDER = Path(__file__).resolve().parents[1] / "deployments/data/known_sums"
SIZES = {"seeds": 200, "probe": 100, "benchmark": 2000, "sealed": 1000}
CAN, CANNOT = "0", "9"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make sums with a label: whether the tiny model can do them.")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    longer = iter(long_sums(sum(SIZES.values()) // 2))
    for split, size in SIZES.items():
        found = [(question, CAN) for question in problems(split, size // 2)]
        found += [(next(longer), CANNOT) for _ in range(size // 2)]
        random.Random(f"known sums {split}").shuffle(found)
        rows = [json.dumps({"question": question, "answer": label}) for question, label in found]
        (folder / f"{split}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


def long_sums(wanted: int) -> list[str]:
    """So many distinct sums of seven to nine numbers."""
    rng, found = random.Random("long sums"), dict[str, None]()
    while len(found) < wanted:
        found["+".join(str(rng.randint(1, 9)) for _ in range(rng.randint(7, 9)))] = None
    return list(found)


if __name__ == "__main__":
    main()
