"""A round beside its own attempts read anew, as a page to read."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

import typer

from flows.lines.plain import counted, plain, typed, worded
from schemas.diff import Label
from schemas.manifest import Score
from schemas.rejudged import AnswerFlip, LabelFlip, ProbeFlip, Reading, Rejudged, SelectionFlip
from tasks.figures import many

SHOWN = 5
WORDS = 60
MARKS = {True: "right", False: "wrong", None: "no mark"}
ANSWERS = {"text": "another text", "vote": "another vote", "form": "another form", "source": "another place"}


def rejudged_lines(found: Rejudged, store: str, every: bool) -> Iterator[str]:
    """Figures before and after, then the flips of each kind: all of them, or the first few."""
    most = None if every else SHOWN
    yield typer.style(
        f"{found.round_id}, by the code of now and [vote], [answers] and [select] of {plain(found.recipe)}", bold=True
    )
    yield from _figures(found)
    yield from _listed("probe", [_probe(flip) for flip in found.probe], most)
    yield from _listed("labels", [_relabelled(flip) for flip in _by_weight(found.labels)], most)
    yield from _listed("selections", [_selected(flip) for flip in found.selections], most)
    yield from _listed("answers", [_read(flip) for flip in found.answers], most)
    yield ""
    yield f"next: {_next(found, store)}"


def _figures(found: Rejudged) -> Iterator[str]:
    unread = f"; {found.unread:,} without a text, left out" if found.unread else ""
    answers = Counter(ANSWERS[flip.differs] for flip in found.answers)
    rewards = f"{many(found.rewards, 'reward')} changed{unread}"
    yield f"  {'answers':<12}{many(found.attempts, 'attempt')}: {_counted(answers)}; {rewards}"
    undecided = f"; {many(found.undecided, 'check')} undecided" if found.undecided else ""
    labels = Counter(str(flip.change) for flip in found.labels)
    yield f"  {'labels':<12}{many(found.questions, 'question')}: {_counted(labels)}{undecided}"
    gained = sum(flip.after == "selected" for flip in found.selections)
    came = f"{gained:,} gained, {len(found.selections) - gained:,} lost"
    if found.selected_before or found.selected_after:
        yield f"  {'selections':<12}{found.selected_before:,} -> {found.selected_after:,} ({came})"
    yield f"  {'precision':<12}{_precision(found.precision_before)} -> {_precision(found.precision_after)}"


def _counted(counts: Counter[str]) -> str:
    return counted(dict(counts.most_common())) if counts else "all the same"


def _precision(score: Score | None) -> str:
    return f"{worded(score)} of {many(score.n, 'probe row')}" if score else "no marks"


def _listed(title: str, lines: Sequence[str], most: int | None) -> Iterator[str]:
    if lines:
        yield ""
        yield typer.style(title, bold=True)
        yield from (f"  {line}" for line in islice(lines, most))
        if most is not None and len(lines) > most:
            yield f"  and {len(lines) - most:,} more: --all, or --json"


def _by_weight(labels: Sequence[LabelFlip]) -> list[LabelFlip]:
    """What matters most first: other labels, then those of many votes."""
    return sorted(labels, key=lambda f: (f.change == "respelled", -f.before.votes - f.after.votes, f.question_id))


def _probe(flip: ProbeFlip) -> str:
    marks = f"{MARKS[flip.was_right]} -> {MARKS[flip.is_right]}"
    told = f"{_label(flip.before)} -> {_label(flip.after)}, the truth is {plain(flip.reference, WORDS)}: {marks}"
    return f"{plain(flip.question_id)}  {plain(flip.question, WORDS)}  {told}"


def _relabelled(flip: LabelFlip) -> str:
    told = f"{flip.change}: {_label(flip.before)} -> {_label(flip.after)}"
    return f"{plain(flip.question_id)}  {plain(flip.question, WORDS)}  {told}"


def _selected(flip: SelectionFlip) -> str:
    return f"{plain(flip.question_id)}  {plain(flip.question, WORDS)}  {plain(flip.before)} -> {plain(flip.after)}"


def _read(flip: AnswerFlip) -> str:
    return f"{plain(flip.attempt_id)}  {_reading(flip.before)} -> {_reading(flip.after)}"


def _reading(read: Reading) -> str:
    if read.text is None:
        return "no answer"
    form = f", form {plain(read.form, WORDS)}" if read.form not in (None, read.text) else ""
    vote = ", no vote" if read.voted is False else ""
    return f"{plain(read.text, WORDS)} ({plain(read.source or '-')}{form}{vote})"


def _label(label: Label) -> str:
    answer = "no answer" if label.answer is None else plain(label.answer, WORDS)
    return f"{answer} ({label.votes} of {label.num_attempts})"


def _next(found: Rejudged, store: str) -> str:
    at = f"--store {typed(store)}"
    labels = _by_weight([flip for flip in found.labels if flip.change != "respelled"])
    if flips := [flip.question_id for flip in labels] + [flip.question_id for flip in found.probe]:
        return (
            f"selfplay why {plain(flips[0])} {at}    or, if its labels were bad: "
            f"selfplay withdraw {found.round_id} --reason ... {at}"
        )
    return f"no label flips: its rows are as sound as they were; selfplay log {at}"
