"""What novelty costs: rouge_l_f1 beside rouge_score, and NoveltyIndex beside bit-parallel brute force.

    pip install -c constraints.txt -e '.[bench]' && python scripts/bench_novelty.py

One core for each. The texts are real problems (deployments/data/math) and edits of them, by a fixed seed.
"""

import gc
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from edits import SEED, edited, real_problems
from rapidfuzz import process
from rapidfuzz.distance import Indel, LCSseq
from rouge_score.rouge_scorer import RougeScorer

from tasks.novelty.index import NoveltyIndex, rouge_l_f1

SIZES = (5_000, 10_000, 20_000, 40_000)
NUM_NEW, NUM_PAIRS, THRESHOLD = 1_000, 10_000, 0.7
WORD = re.compile("[a-z0-9]+")


def main() -> None:
    problems = real_problems()
    edits = edited(problems, max(SIZES) + NUM_NEW)
    length = np.mean([len(WORD.findall(text.lower())) for text in edits])
    print(f"{len(problems)} real problems; {len(edits)} edits of them, of {length:.0f} words on average.")
    a_pair = two_texts(problems)
    growth(edits, a_pair)
    with tempfile.TemporaryDirectory() as folder:
        memory(edits, Path(folder))
        file_of_an_index(edits[:20_000], Path(folder) / "index")
    hostile_texts(edits[:20_000])


def clocked(function: Callable[[Any], Any], arguments: Iterable[Any]) -> tuple[float, list[Any]]:
    """Seconds a call, and what came of each."""
    calls = list(arguments)
    began = time.perf_counter()
    results = [function(argument) for argument in calls]
    return (time.perf_counter() - began) / len(calls), results


def two_texts(problems: Sequence[str]) -> float:
    """Print rouge_l_f1 beside rouge_score, which sees ASCII alone; return its seconds for a pair of problems."""
    draw = random.Random(SEED)
    ascii_problems = [text for text in problems if text.isascii()]
    letters, few = [chr(code) for code in range(128)], "aAbB01 .-\n_"  # all, and those where words meet
    noise = ["".join(draw.choices(draw.choice([letters, few]), k=draw.randrange(80))) for _ in range(NUM_PAIRS)]
    scorer = RougeScorer(["rougeL"])
    print(f"\n| {NUM_PAIRS:,} pairs | rouge_score, us | rouge_l_f1, us | times | largest difference |")
    print("|---|---|---|---|---|")
    seconds = []
    for name, texts in (("real problems", ascii_problems), ("random ASCII", noise)):
        pairs = [(draw.choice(texts), draw.choice(texts)) for _ in range(NUM_PAIRS)]
        theirs, expected = clocked(lambda pair: scorer.score(*pair)["rougeL"].fmeasure, pairs)
        ours, found = clocked(lambda pair: rouge_l_f1(*pair), pairs)
        apart = max(abs(one - other) for one, other in zip(expected, found, strict=True))
        print(f"| {name} | {theirs * 1e6:.1f} | {ours * 1e6:.2f} | {theirs / ours:.0f} | {apart:.1e} |")
        seconds.append(theirs)
    return seconds[0]


class BruteForce:
    """Each stored text compared, bit-parallel: words numbered once, a character a word."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.numbers: dict[str, int] = {}
        self.texts: list[str] = []
        for text in texts:
            self.texts.append(self.packed(text))

    def packed(self, text: str) -> str:
        words = WORD.findall(text.lower())
        return "".join([chr(self.numbers.setdefault(word, len(self.numbers))) for word in words])

    def nearest(self, new: str) -> float:
        """The highest F1, exactly."""
        common = process.cdist([new], self.texts, scorer=LCSseq.similarity, dtype=np.int32)[0]
        return float((2 * common / np.array([len(new) + len(text) or 1 for text in self.texts])).max())

    def forms(self) -> dict[str, Callable[[str], Any]]:
        """How rapidfuzz can take one text against many. Indel's normalized similarity is F1, to a rounding."""
        f1, cut, texts = Indel.normalized_similarity, THRESHOLD, self.texts
        return {
            "cdist, LCSseq": lambda new: process.cdist([new], texts, scorer=LCSseq.similarity, dtype=np.int32),
            "cdist, Indel with cutoff": lambda new: process.cdist([new], texts, scorer=f1, score_cutoff=cut),
            "extractOne, Indel with cutoff": lambda new: process.extractOne(new, texts, scorer=f1, score_cutoff=cut),
            "loop, Indel with cutoff": lambda new: [f1(new, text, score_cutoff=cut) for text in texts],
        }

    def batch(self, new: Sequence[str]) -> Any:
        """Many new texts at once, in SIMD lanes: admission cannot, as each new text may be near the one before it."""
        return process.cdist(new, self.texts, scorer=Indel.normalized_similarity, dtype=np.float32)


def growth(edits: Sequence[str], rouge_score: float) -> None:
    """Print the cost of admission as more texts are stored, and how far it decides as brute force does."""
    new = edits[-NUM_NEW:]
    print(
        f"\nAdmission of {NUM_NEW:,} new edits at {THRESHOLD}, ms a text: the index whole (words, search, storing);"
    )
    print("brute force the search alone, in its quickest form for one text (* at 20,000), and for many at once.\n")
    print("| stored | index | brute force, one | times | many at once | times | refused | decisions that differ |")
    print("|---|---|---|---|---|---|---|---|")
    for size in SIZES:
        index, brute = NoveltyIndex(THRESHOLD), BruteForce(edits[:size])
        for row, text in enumerate(edits[:size]):
            index.add(text, str(row))
        packed = [brute.packed(text) for text in new]
        one = {name: clocked(form, packed[:100])[0] for name, form in brute.forms().items()}
        many = clocked(brute.batch, [packed])[0] / NUM_NEW
        ours, admitted = clocked(partial(index.admit, id="new"), new)
        expected = []
        for text in packed:
            expected.append(brute.nearest(text) <= THRESHOLD)
            if expected[-1]:
                brute.texts.append(text)
        apart = sum(x != y for x, y in zip(admitted, expected, strict=True))
        least = min(one.values())
        print(f"| {size:,} | {ours * 1e3:.3f} | {least * 1e3:.2f} | {least / ours:.0f} | {many * 1e3:.2f} ", end="")
        print(f"| {many / ours:.0f} | {admitted.count(False):,} | {apart} of {NUM_NEW:,} |")
        if size == 20_000:
            figures = ours, least, one, share_of_near(BruteForce(edits[:size]))
    ours, least, one, near = figures
    print(f"\n{near:.0%} of 4,000 of the 20,000 texts have a nearest F1 within .6 and .8 of another of them.")
    print("* " + "; ".join(f"{name} {seconds * 1e3:.2f}" for name, seconds in one.items()))
    print(f"\n| a pair, at 20,000 | us | times |\n|---|---|---|\n| rouge_score | {rouge_score * 1e6:.0f} | 1 |")
    for name, seconds in (("brute force", least / 20_000), ("index", ours / 20_000)):
        print(f"| {name} | {seconds * 1e6:.4f} | {rouge_score / seconds:,.0f} |")


def share_of_near(brute: BruteForce) -> float:
    near = 0
    for start in range(0, 4_000, 500):
        scores = brute.batch(brute.texts[start : start + 500])
        scores[np.arange(500), np.arange(start, start + 500)] = 0  # itself
        nearest = scores.max(axis=1)
        near += int(((nearest >= 0.6) & (nearest <= 0.8)).sum())
    return near / 4_000


def memory(edits: Sequence[str], folder: Path) -> None:
    """Print bytes a text beyond the text itself; ids of 35 letters, as rows have them, are counted."""
    (folder / "texts").write_text("".join(json.dumps(text) + "\n" for text in edits))
    print("\n| stored | tracemalloc, bytes a text | RSS, bytes a text |\n|---|---|---|")
    for size in SIZES:
        found = [
            subprocess.check_output([sys.executable, __file__, how, str(folder / "texts"), str(size)], text=True)
            for how in ("tracemalloc", "rss")
        ]
        print(f"| {size:,} | {' | '.join(figure.strip() for figure in found)} |")


def memory_of(how: str, path: Path, size: int) -> float:
    """In a process of its own, which has nothing but the texts when it begins."""
    with open(path, encoding="utf-8") as lines:
        texts = [json.loads(line) for line, _ in zip(lines, range(size), strict=False)]
    NoveltyIndex(THRESHOLD).admit(texts[0], "")  # what is loaded at first use
    gc.collect()
    before = psutil.Process().memory_info().rss
    if how == "tracemalloc":
        tracemalloc.start()
    index = NoveltyIndex(THRESHOLD)
    for row, text in enumerate(texts):
        index.add(text, f"questions-0001-{row:020x}")
    held = tracemalloc.get_traced_memory()[0] if how == "tracemalloc" else psutil.Process().memory_info().rss - before
    return held / len(index)


def file_of_an_index(texts: Sequence[str], path: Path) -> None:
    def rebuilt(_: int) -> NoveltyIndex:
        index = NoveltyIndex(THRESHOLD)
        for row, text in enumerate(texts):
            index.add(text, f"questions-0001-{row:020x}")
        return index

    rebuild, (index, *_) = clocked(rebuilt, range(3))
    save, _ = clocked(index.save, [path] * 3)
    load, _ = clocked(NoveltyIndex.load, [path] * 3)
    size = path.stat().st_size / 1e6
    print(f"\n| {len(texts):,} texts | rebuild, ms | load, ms | times | save, ms | MB |\n|---|---|---|---|---|---|")
    print(f"| | {rebuild * 1e3:.0f} | {load * 1e3:.0f} | {rebuild / load:.1f} | {save * 1e3:.0f} | {size:.1f} |")


def hostile_texts(texts: Sequence[str]) -> None:
    index = NoveltyIndex(THRESHOLD)
    for text in texts:
        index.add(text, "")
    common = WORD.findall(" ".join(texts).lower())[:100_000]
    hostile = {
        "100,000 new words": " ".join(f"h{n}" for n in range(100_000)),
        "100,000 words of the stored texts": " ".join(common),
        "500,000 times one word": "the " * 500_000,
        "1 MB without a space": "a" * 1_000_000,
    }
    print(f"\n| hostile, against {len(texts):,} | nearest, ms | stored, then its near copy, ms |\n|---|---|---|")
    for name, text in hostile.items():
        first, _ = clocked(index.nearest, [text])
        index.add(text, "")
        second, _ = clocked(index.nearest, ["of " + text + " of"])
        print(f"| {name} | {first * 1e3:.0f} | {second * 1e3:.0f} |")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(f"{memory_of(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])):.0f}")
    else:
        main()
