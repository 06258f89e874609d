"""Real problems and edits of them, by a fixed seed: texts as near one another as a self-play lineage's are."""

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "deployments/data/math"
SEED = 1
NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b")


def real_problems() -> list[str]:
    files = sorted(DATA.glob("*.jsonl"))
    rows = [json.loads(line)["question"] for path in files for line in path.read_text().splitlines()]
    return list(dict.fromkeys(rows))


def edited(problems: Sequence[str], number: int) -> list[str]:
    """Problems with clauses dropped, swapped, or taken from another problem, and other numbers and names."""
    draw = random.Random(SEED)
    clauses = [re.split(r"(?<=[.,;?!]) +", text) for text in problems]
    names = sorted({name for text in problems for name in NAME.findall(text)})
    edits = []
    for _ in range(number):
        parts = list(draw.choice(clauses))
        if len(parts) > 1 and draw.random() < 0.5:
            del parts[draw.randrange(len(parts))]
        if len(parts) > 1 and draw.random() < 0.5:
            one, other = draw.sample(range(len(parts)), 2)
            parts[one], parts[other] = parts[other], parts[one]
        if draw.random() < 0.6:
            others = draw.choice(clauses)
            first, at = draw.randrange(len(others)), draw.randrange(len(parts) + 1)
            parts[at:at] = others[first : first + draw.choice([1, 1, 2, 3])]
        pieces = re.split(r"(\d+)", " ".join(parts))  # every second one is a number
        pieces[1::2] = [str(draw.randint(2, 99)) if draw.random() < 0.7 else piece for piece in pieces[1::2]]
        text = "".join(pieces)
        for name in sorted(set(NAME.findall(text))):
            text = re.sub(rf"\b{name}\b", draw.choice(names), text)
        edits.append(text)
    return edits
