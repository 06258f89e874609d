"""Scores: what a checkpoint's answers to a benchmark say of it, greedy and sampled."""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from schemas.manifest import Score
from schemas.settings import Answers
from tasks.answers.canonical import answer_of, usable_answer
from tasks.answers.equality import Compare
from tasks.answers.verify import NUM_WORKERS, Outcome
from tasks.checks.vote import vote
from tasks.statistics.intervals import pass_at_k, sampled_score, wilson

Row = dict[str, Any]


def score(rows: list[Row], benchmark: str, majorities: Sequence[bool | None] = ()) -> Score:
    """Scores on a benchmark, of rows of `evaluations`: greedy, and of the samples their mean, pass@k, and how often
    their majority is right (`majorities`: of each item). What is undecided is neither right nor wrong: such a sample
    counts as not drawn."""
    greedy = [row["correct"] for row in rows if row["benchmark"] == benchmark and row["greedy"]]
    decided = [correct for correct in greedy if correct is not None]
    greedy_score = wilson(sum(decided), len(decided), undecided=len(greedy) - len(decided))
    samples = _samples(rows, benchmark)
    marks = [[row["correct"] for row in drawn if row["correct"] is not None] for drawn in samples]
    marks = [of_item for of_item in marks if of_item]
    if not marks:
        return greedy_score
    drawn = max(map(len, samples))
    mean = sampled_score([sum(of_item) / len(of_item) for of_item in marks], drawn, drawn)
    voted = [float(right) for right in majorities if right is not None]
    return greedy_score.model_copy(
        update={
            "mean_at_k": mean.accuracy,
            "mean_low": mean.low,
            "mean_high": mean.high,
            "mean_n": mean.n,
            "k": drawn,
            "pass_at_k": tuple(
                sampled_score([pass_at_k(sum(of_item), len(of_item), k) for of_item in enough], k, drawn)
                for k in _ks(drawn)
                if (enough := [of_item for of_item in marks if len(of_item) >= k])
            ),
            "maj_at_k": sampled_score(voted, drawn, 1) if voted and drawn > 2 else None,  # of two, both
        }
    )


def majorities(rows: list[Row], benchmark: str, checks: Answers, compare: Compare) -> list[bool | None]:
    """Whether the majority of an item's samples is right, an item each: by the judge's own vote, so that a tie is no
    answer and not right. None where the check was undecided.

    All samples of an item vote once: equality is not transitive, so a vote of fewer does not follow from that of all.
    """

    def same(first: str, second: str) -> Outcome:
        return compare([(first, second)])[0]

    def right(drawn: list[Row]) -> bool | None:
        usable = [usable_answer(answer_of(a["text"], checks), a["finish_reason"], checks) for a in drawn]
        answer = vote(usable, "classes", same if checks.equivalence == "math" else None).answer
        outcome = same(drawn[0]["reference"], answer) if answer is not None else Outcome.DIFFERENT
        return None if outcome is Outcome.UNDECIDED else outcome is Outcome.EQUAL

    samples = _samples(rows, benchmark)
    if checks.equivalence == "canonical":
        return [right(drawn) for drawn in samples]
    threads = ThreadPoolExecutor(NUM_WORKERS)
    try:
        return list(threads.map(right, samples))
    finally:
        threads.shutdown(wait=False, cancel_futures=True)  # whoever interrupts it does not wait for the checks


def _samples(rows: list[Row], benchmark: str) -> list[list[Row]]:
    """A benchmark's sampled answers, an item each, in the order they were sampled."""
    of_item: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["benchmark"] == benchmark and not row["greedy"]:
            of_item[row["item_id"]].append(row)
    return [sorted(drawn, key=lambda row: row["sample"]) for _, drawn in sorted(of_item.items())]


def _ks(drawn: int) -> list[int]:
    """2, 4, 8 ... and all of them; of one sample the mean speaks."""
    return sorted(({2**power for power in range(1, drawn.bit_length())} | {drawn}) - {1})
