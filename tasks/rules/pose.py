"""What a posed question must be: apart from every protected row, whole, readable, answered, no give-away, and new."""

import re
from collections.abc import Callable, Iterator

from schemas.settings import Answers, Contamination
from tasks.answers.canonical import canonical, value_form
from tasks.novelty.contamination import Hit
from tasks.reading.attempts import final_answer
from tasks.reading.posed import Posed, leaks, repeats_question
from tasks.rules import Row, Rows, Rule, outcome

WORKED = ("marked_answer", "repeats_question")
KINDS = ("contaminated_exact", "contaminated_ngram", "contaminated_near")


def posing_rules(
    posed: Posed | None,
    cut: bool,
    checks: Answers,
    protection: Contamination,
    protected: Callable[[str], Hit | None],
    known: Callable[[str], bool],
    answered: bool = True,
) -> Iterator[Rule]:
    """`cut`: the proposal had to end. `protected` finds the row that a question repeats, and is asked first: what is
    refused for all else is still trained on. `known` says whether the question was posed before. `answered`: it comes
    with its answer."""
    hit = protected(posed.question) if posed else None
    for kind in KINDS:
        found = hit if hit and hit.reason == kind else None
        limit = protection.near if kind == "contaminated_near" else None
        yield Rule(kind, found.score if found else None, limit, outcome(found is not None))
    yield Rule("truncated", outcome=outcome(cut))
    yield Rule("unreadable", outcome=outcome(posed is None))
    assert posed is not None, "what could not be read was refused"
    if answered:
        yield Rule("no_answer", outcome=outcome(not _form(posed.answer, checks)))
        yield Rule("leaks_answer", outcome=outcome(leaks(posed)))
    if posed.solution:
        marked = final_answer(posed.question, checks.pattern).source in ("pattern", "boxed")
        for name, refuses in zip(WORKED, (marked, repeats_question(posed)), strict=True):
            yield Rule(name, outcome=outcome(refuses))
    yield Rule("not_new", outcome=outcome(known(posed.question)))


def _form(answer: str, checks: Answers) -> str:
    return value_form(answer) if checks.equivalence == "canonical" else canonical(answer)


def rules(settings: Row, rows: Rows) -> Iterator[Rule]:
    if rows.get("questions"):
        answered = ("no_answer", "leaks_answer") if re.compile(settings["settings"]["pattern"]).groups == 2 else ()
        worked = WORKED if settings["settings"].get("worked") else ()
        yield from map(Rule, (*KINDS, "truncated", "unreadable", *answered, *worked, "not_new"))
