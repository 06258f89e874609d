"""Grading: what the judge is shown, what its grades are worth as a reward, and how often it is right."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from schemas.manifest import Score
from tasks.statistics.intervals import sampled_score, wilson

HALF = 0.5
"""What a reward must reach for the judge to have called an answer right."""
Row = Mapping[str, Any]


def shown(question: str, answer: str, marks: Sequence[str]) -> dict[str, str]:
    """Question and answer as data: no mark of the tokenizer's is left in them that would end the judge's turn, and a
    fence that neither holds."""
    question, answer = without(marks, question), without(marks, answer)
    fence = hashlib.sha256(f"{question}\0{answer}".encode("utf-8", "replace")).hexdigest()[:12]
    return {"question": question, "answer": answer, "fence": fence}


def marks_of(folder: Path) -> tuple[str, ...]:
    """What a checkpoint's tokenizer reads as one special token wherever it is spelled, such as `<|im_end|>`."""
    from transformers import AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder, local_files_only=True).added_tokens_decoder.values()
    return tuple(sorted(token.content for token in tokens if token.special))


def without(marks: Sequence[str], text: str) -> str:
    for mark in marks:
        text = text.replace(mark, " ".join(mark) if len(mark) > 1 else " ")
    return text


def reward_of(grades: Iterable[float | None], scale: int) -> float | None:
    """The mean of the grades that could be read, over the scale; None if none could."""
    readable = [grade for grade in grades if grade is not None]
    return sum(readable) / len(readable) / scale if readable else None


def is_high(grade: float | None, scale: int) -> bool | None:
    """Whether a grade is a half of the scale or more."""
    return None if grade is None else grade / scale >= HALF


def is_correct(reward: float | None, right: bool | None) -> bool | None:
    """Whether the judge saw what is right; None if either is undecided."""
    return None if reward is None or right is None else (reward >= HALF) == right


def precision(probe_grades: Iterable[Row]) -> Score:
    """How often the judge is right about an attempt at a probe row, mean over these rows."""
    return mean_over_questions(probe_grades)


def recall_of_wrong(probe_grades: Iterable[Row]) -> Score:
    """How many of the wrong attempts the judge gives less than half."""
    return mean_over_questions(row for row in probe_grades if row["right"] is False)


def mean_over_questions(probe_grades: Iterable[Row]) -> Score:
    """Attempts at one question are not independent: the interval is over questions."""
    marks: dict[str, list[bool]] = defaultdict(list)
    undecided = 0
    for row in probe_grades:
        if row["correct"] is None:
            undecided += 1
        else:
            marks[row["question_id"]].append(row["correct"])
    if not marks:
        return wilson(0, 0, undecided)
    most = max(map(len, marks.values()))
    found = sampled_score([sum(of_one) / len(of_one) for _, of_one in sorted(marks.items())], most, most)
    return Score(accuracy=found.accuracy, low=found.low, high=found.high, n=found.n, undecided=undecided)


def persuaded(persuasions: Iterable[Row]) -> Score:
    """How many of the answers that try to persuade the judge get a half or more."""
    marks = [row["persuaded"] for row in persuasions]
    decided = [mark for mark in marks if mark is not None]
    return wilson(sum(decided), len(decided), undecided=len(marks) - len(decided))
