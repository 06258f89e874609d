"""Votes, hostile answers and the parity file, beside math-verify as it is commonly used. `make bench` runs it."""

import argparse
import json
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import psutil

from schemas.attempts import ATTEMPTS
from schemas.inputs import PROBE
from schemas.settings import Answers, Vote
from tasks.answers.verify import NUM_WORKERS, Outcome, equivalent
from tasks.checks.vote import vote
from tasks.reading.attempts import final_answer
from tasks.store.draft import Draft
from tasks.store.lineage import Lineage
from tasks.store.parquet import table_ref, write_part
from tasks.vote import vote as vote_stage

ROOT = Path(__file__).resolve().parents[1]
CHECKS = ROOT / "tests/tasks/answers"
SOLUTIONS = [json.loads(line) for line in (ROOT / "scripts/data/solutions.jsonl").read_text().splitlines()]
NUM_SAMPLES = 16
MATH = Answers(equivalence="math")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["votes", "stage", "hostile", "parity"], help="one part alone")
    only = parser.parse_args().only
    for name, part in (("votes", votes), ("stage", judged_answers), ("hostile", hostile), ("parity", parity)):
        if only in (None, name):
            part()


def votes() -> None:
    """One vote over 16 answers of real length, against all pairs of them, as published code compares them."""
    from math_verify import parse, verify

    equivalent([("x", "y"), ("y", "z"), ("z", "x")])  # the workers are up
    draw = random.Random(1)
    groups = [responses(row, draw, rival) for row, rival in zip(SOLUTIONS[:40], reversed(SOLUTIONS), strict=False)]
    seconds: dict[str, float] = defaultdict(float)
    calls = same_labels = 0
    for texts in groups:
        began = time.perf_counter()
        ours = vote([final_answer(text).text for text in texts], same=lambda a, b: equivalent([(a, b)])[0]).answer
        seconds["vote"] += time.perf_counter() - began

        began = time.perf_counter()
        theirs, asked = pivot(texts, lambda a, b: verify(parse(a), parse(b)))
        seconds["all pairs"] += time.perf_counter() - began
        calls += asked

        began = time.perf_counter()
        parsed = {text: parse(text) for text in texts}
        pivot(texts, lambda a, b, parsed=parsed: verify(parsed[a], parsed[b]))  # type: ignore[misc]
        seconds["all pairs, each parsed once"] += time.perf_counter() - began
        same_labels += ours is not None and verify(parse(theirs), parse(f"\\boxed{{{ours}}}"))
    length = sum(len(text) for texts in groups for text in texts) / NUM_SAMPLES / len(groups)
    print(f"\n### Vote over {NUM_SAMPLES} answers of {length:,.0f} characters on average, {len(groups)} questions\n")
    print("| way | ms a question | times the vote's | comparisons a question |\n|---|--:|--:|--:|")
    for name, total in sorted(seconds.items(), key=lambda item: item[1]):
        asks = f"{calls / len(groups):.0f}" if name.startswith("all") else ""
        print(f"| {name} | {1000 * total / len(groups):.1f} | {total / seconds['vote']:.1f} | {asks} |")
    print(f"\nSame label: {same_labels} of {len(groups)}. The memory of checks was empty at the start.")


def responses(row: dict[str, Any], draw: random.Random, rival: dict[str, Any]) -> list[str]:
    """Sixteen solutions of one question: nine spell the true answer in some way, the others miss it."""
    answer = row["answer"]
    spellings = [answer, f"{{{answer}}}", f"\\displaystyle {answer}", answer.replace("\\frac", "\\dfrac")]
    if answer.lstrip("-").isdigit():
        spellings += [f"{answer}.0", f"\\frac{{{2 * int(answer)}}}{{2}}"]
    wrong = [rival["answer"], f"{answer}+1", "0", rival["answer"]]
    answers = [draw.choice(spellings) for _ in range(9)] + [draw.choice(wrong) for _ in range(NUM_SAMPLES - 9)]
    draw.shuffle(answers)
    return [row["solution"].replace(f"\\boxed{{{answer}}}", f"\\boxed{{{given}}}") for given in answers]


def pivot(texts: Sequence[str], same: Callable[[str, str], bool]) -> tuple[str, int]:
    """SeRL's vote: every pair of whole answers, one way and, if that fails, the other; the most equal wins."""
    agree, calls = Counter(range(len(texts))), 0
    for i, j in combinations(range(len(texts)), 2):
        calls += 1
        equal = same(texts[i], texts[j])
        if not equal:
            calls += 1
            equal = same(texts[j], texts[i])
        if equal:
            agree.update([i, j])
    return texts[max(range(len(texts)), key=lambda i: agree[i])], calls


def judged_answers(num_questions: int = 6_250) -> None:
    """A whole vote stage, Parquet in and out, over 100,000 answers most of which repeat."""
    draw = random.Random(2)
    attempts = []
    for number in range(num_questions):
        row, rival = draw.choice(SOLUTIONS), draw.choice(SOLUTIONS)
        for sample, text in enumerate(responses(row, draw, rival)):
            about = {"id": f"a{number}-{sample}", "question_id": f"q{number}", "sample": sample, "text": text}
            filled = {"prompt": "", "num_planned": NUM_SAMPLES, "num_tokens": 1, "checkpoint": ""}
            attempts.append(about | filled | {"finish_reason": "stop"})
    with tempfile.TemporaryDirectory() as folder:
        draft = Draft(lineage=Lineage(Path(folder), "bench", ()), round=1, stage="vote", key="0" * 32, seed=1)
        given = {}
        for name, table, rows in (("attempts", ATTEMPTS, attempts), ("probe", PROBE, [])):
            write_part(draft.folder / name / "part-0000.parquet", table, rows)
            given[name] = table_ref(draft.lineage.folder, draft.folder / name, table)
        began = time.perf_counter()
        vote_stage(draft, settings=Vote(), checks=MATH, **given)
        seconds = time.perf_counter() - began
    a_minute = 60 * len(attempts) / seconds
    print(f"\n### A vote stage over {len(attempts):,} answers of real length, most of which repeat\n")
    print(f"{seconds:.1f} s: {a_minute:,.0f} answers a minute, {NUM_WORKERS} checkers, {psutil.cpu_count()} cores.")


def hostile(rounds: int = 16, timeout_seconds: float = 0.25) -> None:
    """A thousand hostile pairs, an honest one beside each."""
    texts = {}
    for line in (CHECKS / "hostile.jsonl").read_text().splitlines():
        row = json.loads(line)
        texts[row["name"]] = row["head"] * row["times"] + row["middle"] + row["tail"] * row["times"] + row["end"]
    equivalent([(f"\\lim_{{x\\to 0}} {n}", "1") for n in range(NUM_WORKERS)])  # the workers are up
    slowest, outcomes, honest_lost, number = 0.0, Counter[str](), 0, 0
    for partner in (1009 + 2 * n for n in range(rounds)):
        for text in texts.values():
            number += 1
            began = time.perf_counter()
            (outcome,) = equivalent([(str(partner), text)], timeout_seconds)
            slowest = max(slowest, time.perf_counter() - began)
            outcomes[outcome] += 1
            honest_lost += equivalent([(f"{number}", f"\\lim_{{x\\to 0}} {number}")]) != [Outcome.EQUAL]
    family = psutil.Process().children(recursive=True)
    memory = sum(process.memory_info().rss for process in family)
    print(f"\n### {number:,} hostile pairs ({len(texts)} texts, {rounds} partners), timeout {timeout_seconds} s\n")
    print("| undecided | different | equal | slowest | honest pairs lost | processes left | their memory |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    counts = " | ".join(str(outcomes[outcome]) for outcome in (Outcome.UNDECIDED, Outcome.DIFFERENT, Outcome.EQUAL))
    left = f"{len(family)} ({NUM_WORKERS} checkers, each with its child)"
    print(f"| {counts} | {slowest:.2f} s | {honest_lost} of {number} | {left} | {memory / 2**20:.0f} MiB |")
    print("\nNo text equals its partner, so `different` is right and `equal` would be wrong.")


def parity() -> None:
    """Agreement with the true outcome, by class; what is wrongly equal apart, since it poisons a label."""
    from math_verify import parse, verify

    def checked(first: str, second: str) -> bool:
        return bool(verify(parse(f"\\boxed{{{first}}}"), parse(f"\\boxed{{{second}}}")))

    for name in ("pairs/reported", "pairs/written", "pairs/written_later", "parity/seen", "parity/unseen"):
        pairs = [json.loads(line) for line in (CHECKS / f"{name}.jsonl").read_text().splitlines()]
        ours = equivalent([(pair["first"], pair["second"]) for pair in pairs])
        right: dict[str, Counter[str]] = defaultdict(Counter)
        for pair, outcome in zip(pairs, ours, strict=True):
            first, second, equal = pair["first"], pair["second"], pair["outcome"] == "equal"
            theirs = checked(first, second)
            marks = {
                "pairs": True,
                "ours": outcome == pair["outcome"],
                "undecided": outcome is Outcome.UNDECIDED,
                "wrongly equal": outcome is Outcome.EQUAL and not equal,
                "math-verify": theirs == equal,
                "math-verify, wrongly equal": theirs and not equal,
                "string": (first.strip() == second.strip()) == equal,
            }
            right[pair["class"]].update(mark for mark, holds in marks.items() if holds)
        print(f"\n### {name}.jsonl: agreement with the true outcome\n")
        print("| class | pairs | ours | undecided | wrongly equal | math-verify | wrongly equal | string equality |")
        print("|---|--:|--:|--:|--:|--:|--:|--:|")
        total = sum(right.values(), Counter[str]())
        for kind, counts in [*sorted(right.items()), ("all", total)]:
            ours_share, theirs_share, plain = (
                f"{counts[way] / counts['pairs']:.0%}" for way in ("ours", "math-verify", "string")
            )
            wrong, their_wrong = counts["wrongly equal"], counts["math-verify, wrongly equal"]
            print(f"| {kind} | {counts['pairs']} | {ours_share} | {counts['undecided']} | {wrong} | {theirs_share} "
                  f"| {their_wrong} | {plain} |")  # fmt: skip


if __name__ == "__main__":
    main()
