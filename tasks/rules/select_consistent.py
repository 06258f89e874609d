"""Which posed questions keep the answer that came with them: where most attempts come to it, but not nearly all."""

from collections.abc import Iterator

from schemas.posing import Consistent
from tasks.answers.outcomes import Outcome
from tasks.rules import Row, Rows, Rule, outcome


def consistency_rules(verdict: Row, same: Outcome, settings: Consistent) -> Iterator[Rule]:
    """`same`: whether the majority's answer equals the one that came with the question. A tie has no majority, though
    the answer may be one of the tied."""
    agreement, most = verdict["agreement"], settings.max_agreement
    yield Rule("tie", agreement, None, outcome(verdict["tied"]))
    yield Rule("no_valid_answer", verdict["num_valid"], 1, outcome(verdict["answer"] is None))
    yield Rule("undecided", outcome=outcome(same is Outcome.UNDECIDED))
    yield Rule("other_answer", agreement, None, outcome(same is Outcome.DIFFERENT))
    yield Rule("above_band", agreement, most, outcome(agreement > most))


def rules(settings: Row, rows: Rows) -> Iterator[Rule]:
    for verdict in rows.get("verdicts", ())[:1]:
        yield from consistency_rules(verdict, Outcome.EQUAL, Consistent.model_validate(settings["settings"]))
