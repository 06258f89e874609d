"""Rejudge: a published round's attempts, read and voted on by the code of now. Nothing is written, the cache of
checks neither.

The references of the probe are those that the round kept; contamination is what the round found.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from schemas.diff import Label
from schemas.errors import BadInput
from schemas.manifest import Manifest, Score, TableRef
from schemas.rejudged import AnswerFlip, LabelFlip, ProbeFlip, Reading, Rejudged, SelectionFlip
from schemas.settings import Answers, Contamination, Select, Vote
from tasks.answers.canonical import canonical
from tasks.answers.equality import Compare, equality
from tasks.answers.outcomes import Outcome
from tasks.checks.judging import Judged, by_question, is_right, votes_on
from tasks.checks.vote import Verdict
from tasks.contradictions import label, labels_contradicted
from tasks.rules.select import ADMITTED, Admission
from tasks.statistics.intervals import wilson
from tasks.store.lineage import Lineage
from tasks.store.objects import whole_file

Row = dict[str, Any]
Report = Callable[[int, int, str], None]
Change = Literal["changed", "lost", "gained", "respelled"]
Differs = Literal["text", "vote", "form", "source"]
SELECTED = "selected"


def rejudge(
    lineage: Lineage, m: Manifest, recipe: Path | None = None, report: Report = lambda done, total, unit: None
) -> Rejudged:
    """What flips in a round by the code of now, and by [vote], [answers] and [select] of `recipe`, or of its own.
    Without [select] nothing is said of what is selected.

    Raises BadInput for a round that judged nothing or a recipe that cannot be read, Damaged for a file that is not
    what was written.
    """
    if not (m.tables.get("verdicts") or m.tables.get("probe_verdicts")):
        raise BadInput(f"{m.recipe}/{m.round}: nobody voted in it: {m.reason}")
    voting, checks, selecting, protection = _sections(lineage, m, recipe)
    before = _Before(lineage, m)
    with equality(checks) as compare:
        found = _Found(before, compare, selecting, protection)
        for answers in m.tables["answers"]:
            found.take_play(answers, voting, checks, report)
    return Rejudged(
        round_id=f"{m.recipe}/{m.round}", recipe=str(recipe) if recipe else "its own recipe", **found.figures()
    )


def _sections(
    lineage: Lineage, m: Manifest, recipe: Path | None
) -> tuple[Vote, Answers, Select | None, Contamination]:
    if recipe:
        name, way_out = (
            str(recipe),
            "expected a recipe with [answers], and [vote] and [select] if its method has them",
        )
        try:
            text = recipe.read_bytes()
        except OSError as error:
            raise BadInput(f"{name}: cannot be read ({error.__class__.__name__}); {way_out}") from error
    else:
        name, way_out = f"{m.recipe}/{m.round}: its recipe.toml", "give one: --recipe"
        text = lineage.document(m.round, "recipe.toml") or b""
    try:
        given = tomllib.loads(text.decode())
        answers = Answers.model_validate(given["answers"])
        select = Select.model_validate(given["select"]) if "select" in given else None
        apart = Contamination.model_validate(given.get("contamination", {}))
        return Vote.model_validate(given.get("vote", {})), answers, select, apart
    except (KeyError, ValueError, TypeError) as error:  # pydantic's and tomllib's are among them
        why = _first_line(error) if isinstance(error, ValidationError) else "it is gone, or no recipe"
        raise BadInput(f"{name} cannot be read by this version: {why}; {way_out}") from error


def _first_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


class _Before:
    """What the round says. Columns that its code did not write yet are None."""

    def __init__(self, lineage: Lineage, m: Manifest) -> None:
        self._folder = lineage.folder

        def rows(table: str, *columns: str) -> list[Row]:
            return list(self.rows(m.tables.get(table, []), *columns))

        vote = ("question_id", "answer", "votes", "num_attempts")
        self.attempts = {
            row["id"]: row for row in rows("attempts", "id", "question_id", "sample", "text", "finish_reason")
        }
        self.rewards = {row["row_id"]: row["reward"] for row in rows("rewards", "row_id", "reward")}
        self.probe = {row["id"]: row for row in rows("inputs/probe", "id", "question", "reference")}
        asked = ("id", "position", "source_row", "question")
        self.questions = {row["id"]: row for t in ("questions", "inputs/unlabelled") for row in rows(t, *asked)}
        self.verdicts = {row["question_id"]: row for row in rows("verdicts", *vote)}
        self.probed = {row["question_id"]: row for row in rows("probe_verdicts", *vote, "correct")}
        self.selected = {row["question_id"] for row in rows("selections", "question_id")}
        self.dropped = {
            row["id"]: row["reason"] for row in rows("dropped", "id", "stage", "reason") if row["stage"] == "select"
        }
        self.contaminated = {
            row["row_id"]: f"contaminated_{row['kind']}" for row in rows("contamination", "row_id", "kind")
        }

    def rows(self, refs: Iterable[TableRef], *columns: str) -> Iterator[Row]:
        nothing = dict.fromkeys(columns)
        for ref in refs:
            for name, digest in sorted(ref.files.items()):
                file = pq.ParquetFile(pa.BufferReader(whole_file(self._folder / ref.path / name, digest)))
                there = [column for column in columns if column in file.schema_arrow.names]
                for row in file.read(there, use_threads=False).to_pylist():
                    yield nothing | row

    def place_of(self, question: str) -> int:
        row = self.questions.get(question, {})
        return int(row.get("position") or row.get("source_row") or 0)

    def text_of(self, question: str) -> str:
        row = self.questions.get(question) or self.probe.get(question) or {}
        return str(row.get("question") or "")


class _Found:
    """What was found so far."""

    def __init__(self, before: _Before, compare: Compare, select: Select | None, protection: Contamination) -> None:
        self._before, self._compare, self._band, self._protection = before, compare, select, protection
        self._attempts = self._unread = self._rewards = self._questions = self._undecided = self._selected = 0
        self._answers: list[AnswerFlip] = []
        self._labels: list[LabelFlip] = []
        self._selections: list[SelectionFlip] = []
        self._probe: list[ProbeFlip] = []
        self._marks: list[bool | None] = []

    def take_play(self, answers: TableRef, voting: Vote, checks: Answers, report: Report) -> None:
        """One play of the vote: a whole round's, or a wave's."""
        columns = ("attempt_id", "answer", "canonical", "source", "valid")
        read = {row["attempt_id"]: row for row in self._before.rows([answers], *columns)}
        attempts = [self._before.attempts[name] for name in read if name in self._before.attempts]
        self._unread += len(read) - len(attempts)
        voted: dict[str, Verdict] = {}
        for judged in votes_on(by_question(attempts), voting, checks, self._compare):
            self._take_answers(judged, read)
            self._undecided += judged.verdict.undecided
            if judged.question in self._before.probe:
                self._take_probe(judged)
            else:
                voted[judged.question] = judged.verdict
                self._take_label(judged)
            report(self._attempts, len(self._before.attempts), "attempts read")
        if self._band:  # else its method selects by a rule of its own, or not at all
            self._select(voted, checks, self._band)

    def _take_answers(self, judged: Judged, read: dict[str, Row]) -> None:
        lists = (judged.attempts, judged.found, judged.usable, judged.rewards)
        before_rewards = self._before.rewards  # probe rows have none
        for attempt, answer, valid, reward in zip(*lists, strict=True):
            self._attempts += 1
            row = read[attempt["id"]]
            before = Reading(text=row["answer"], form=row["canonical"], source=row["source"], voted=row["valid"])
            form = canonical(answer.text) if valid is not None else None
            after = Reading(text=answer.text, form=form, source=answer.source, voted=valid is not None)
            self._rewards += before_rewards.get(attempt["id"], reward) != reward
            if differs := _first_difference(before, after):
                names = {"attempt_id": attempt["id"], "question_id": judged.question}
                self._answers.append(AnswerFlip(**names, differs=differs, before=before, after=after))

    def _take_label(self, judged: Judged) -> None:
        self._questions += 1
        before, after = _label_of(self._before.verdicts.get(judged.question)), _label(judged.verdict)
        if change := self._change(before.answer, after.answer):
            about = self._about(judged.question)
            self._labels.append(LabelFlip(**about, change=change, before=before, after=after))

    def _about(self, question: str) -> dict[str, str]:
        return {"question_id": question, "question": self._before.text_of(question)}

    def _change(self, before: str | None, after: str | None) -> Change | None:
        if before == after:
            return None
        if before is None or after is None:
            return "gained" if before is None else "lost"
        if canonical(before) == after:
            return "respelled"
        same = self._compare([(before, after), (after, before)])
        return "respelled" if same == [Outcome.EQUAL, Outcome.EQUAL] else "changed"

    def _take_probe(self, judged: Judged) -> None:
        row, was = self._before.probe[judged.question], self._before.probed.get(judged.question)
        right = is_right(judged.verdict, row["reference"], self._compare)
        self._marks.append(right)
        before, after = _label_of(was), _label(judged.verdict)
        was_right = was["correct"] if was else None
        if was_right != right or self._change(before.answer, after.answer) in ("changed", "gained", "lost"):
            flip = ProbeFlip(
                **self._about(judged.question), reference=row["reference"], before=before, after=after,
                was_right=was_right, is_right=right,
            )  # fmt: skip
            self._probe.append(flip)

    def _select(self, voted: dict[str, Verdict], checks: Answers, band: Select) -> None:
        """By the band and the caps, in the order that the questions were admitted in."""
        before, columns = self._before, ("answer", "agreement", "agreement_valid", "tied", "num_valid")
        verdicts = {name: {column: getattr(of, column) for column in columns} for name, of in voted.items()}
        admission = Admission(band, self._protection, verdicts.values())
        asked = {name: before.text_of(name) for name, verdict in voted.items() if verdict.answer}
        torn = labels_contradicted(
            {name: label(text, str(voted[name].answer)) for name, text in asked.items() if text}, checks
        )
        for question in sorted(voted, key=lambda name: (before.place_of(name), name)):
            touches = before.contaminated.get(question)
            refused = (touches, None, None) if touches else ADMITTED
            reason, _, _ = admission.admit(verdicts[question], refused, question in torn)
            self._selected += not reason
            was = SELECTED if question in before.selected else before.dropped.get(question, "not selected")
            if (was == SELECTED) != (not reason):
                flip = SelectionFlip(**self._about(question), before=was, after=reason or SELECTED)
                self._selections.append(flip)

    def figures(self) -> dict[str, Any]:
        return {
            "attempts": self._attempts,
            "unread": self._unread,
            "rewards": self._rewards,
            "answers": self._answers,
            "questions": self._questions,
            "labels": self._labels,
            "undecided": self._undecided,
            "selected_before": len(self._before.selected) if self._band else 0,
            "selected_after": self._selected,
            "selections": self._selections,
            "precision_before": _precision([row["correct"] for row in self._before.probed.values()]),
            "precision_after": _precision(self._marks),
            "probe": self._probe,
        }


def _first_difference(before: Reading, after: Reading) -> Differs | None:
    """What the round's code did not write does not differ."""
    if before.text != after.text:
        return "text"
    if before.voted not in (None, after.voted):
        return "vote"
    if before.form not in (None, after.form):
        return "form"
    return "source" if before.source not in (None, after.source) else None


def _label(verdict: Verdict) -> Label:
    return Label(answer=verdict.answer, votes=verdict.votes, num_attempts=verdict.num_attempts)


def _label_of(row: Row | None) -> Label:
    row = row or {}
    return Label(answer=row.get("answer"), votes=row.get("votes") or 0, num_attempts=row.get("num_attempts") or 0)


def _precision(marks: Sequence[bool | None]) -> Score | None:
    decided = [mark for mark in marks if mark is not None]
    return wilson(sum(decided), len(decided)) if decided else None
