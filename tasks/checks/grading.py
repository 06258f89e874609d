"""Grading: what the judge is shown, what its grades are worth as a reward, and how often it is right."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from schemas.manifest import Score
from schemas.pattern import full_match
from schemas.rubric import Rubric
from schemas.settings import Answers
from tasks.answers.canonical import answer_of, stated, usable_answer
from tasks.answers.equality import Compare
from tasks.answers.outcomes import Outcome
from tasks.engines import Completion
from tasks.reading.grades import read_grade
from tasks.statistics.intervals import sampled_score, wilson

HALF = 0.5
"""What a reward must reach for the judge to have called an answer right."""
Row = Mapping[str, Any]


def judged_text(attempt: Row, pattern: str | None, checks: Answers) -> str | None:
    """What of an attempt the judge is shown: all of it, or with a pattern its final answer; None if that is missing
    or in another format, as one that speaks to the judge is."""
    text: str = attempt["text"]
    if pattern is None:
        return text
    answer = answer_of(text, checks).text if attempt["finish_reason"] == "stop" else None
    return answer if answer is not None and full_match(pattern, answer) else None


def is_right(reference: str, attempt: Row, checks: Answers, compare: Compare) -> bool | None:
    """Whether an attempt is, by the truth; None if the comparison was undecided."""
    answer = usable_answer(answer_of(attempt["text"], checks), attempt["finish_reason"], checks)
    outcome = compare([(stated(reference, checks), answer or "")])[0]
    return None if outcome is Outcome.UNDECIDED else outcome is Outcome.EQUAL


def read(said: Completion, settings: Rubric) -> dict[str, Any]:
    """What the judge said of one answer: columns of `grades` and `persuasions`."""
    grade = read_grade(said.text, settings.pattern, settings.scale) if said.finish_reason == "stop" else None
    row = {"sample": said.sample, "prompt": said.prompt, "text": said.text, "num_tokens": said.num_tokens}
    return row | {"finish_reason": said.finish_reason, "grade": grade}


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


def rewards(graded: Iterable[Row], scale: int) -> dict[str, float | None]:
    """Of each attempt that was graded."""
    grades: dict[str, list[float | None]] = defaultdict(list)
    for row in graded:
        grades[row["attempt_id"]].append(row["grade"])
    return {attempt: reward_of(of_one, scale) for attempt, of_one in grades.items()}


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


def measured(probe_grades: Sequence[Row], persuasions: Sequence[Row]) -> dict[str, Any]:
    """What a judge is worth, by the probe; nothing where none of it was attempted."""
    if not probe_grades:
        return {}
    found = {"precision": precision(probe_grades), "recall_of_wrong": recall_of_wrong(probe_grades)}
    return {name: score.model_dump() for name, score in (found | {"persuaded": persuaded(persuasions)}).items()}


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
