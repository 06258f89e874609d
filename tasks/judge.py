"""Judge: majority vote. The answer most attempts agree on is the label; agreeing with it is the reward."""

from collections import defaultdict
from typing import Any

from schemas.answers import ANSWERS
from schemas.manifest import TableRef
from schemas.settings import Judge as Settings
from schemas.verdicts import PROBE_VERDICTS, VERDICTS
from tasks.audit.statistics import wilson
from tasks.checks.answers import Answer, canonical, final_answer
from tasks.checks.equality import equality
from tasks.checks.verify import Outcome
from tasks.checks.vote import Verdict, vote
from tasks.store.draft import Draft


def judge(draft: Draft, *, settings: Settings, attempts: TableRef, probe: TableRef) -> dict[str, Any]:
    """Write `answers` (one an attempt), `verdicts` (one a question) and `probe_verdicts`.

    The vote sees responses only: neither the prompt, nor which questions are the probe's. The truth is read
    afterwards, to measure `vote_precision`: the share of probe verdicts that are right.
    """
    same = equality(settings.equivalence, settings.timeout_seconds)
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in draft.read(attempts).to_pylist():
        groups[row["question_id"]].append(row)

    answers, votes = [], {}
    for done, (question, group) in enumerate(sorted(groups.items())):
        group.sort(key=lambda row: row["sample"])
        found = [final_answer(row["text"], settings.answer_pattern) for row in group]
        usable = [_usable(row, answer) for row, answer in zip(group, found, strict=True)]
        votes[question] = verdict = vote(usable, settings.rule, same if settings.equivalence == "math" else None)
        answers += [
            _answer_row(draft, row, answer, valid, member, _reward(verdict, member, valid, same))
            for row, answer, valid, member in zip(group, found, usable, verdict.members, strict=True)
        ]
        draft.report(done + 1, len(groups), "verdicts")
    references = {row["id"]: row["reference"] for row in draft.read(probe).to_pylist()}
    verdicts = [_verdict_row(draft, VERDICTS, q, v) for q, v in votes.items() if q not in references]
    probed = []
    for question, reference in references.items():
        if question in votes:
            correct = _correct(votes[question], reference, same)
            row = _verdict_row(draft, PROBE_VERDICTS, question, votes[question])
            probed.append(row | {"reference": reference, "correct": correct})
    draft.write(ANSWERS, answers)
    draft.write(VERDICTS, verdicts)
    draft.write(PROBE_VERDICTS, probed)
    return _figures(answers, verdicts, probed)


def _usable(attempt: dict[str, Any], answer: Answer) -> str | None:
    """The answer that votes; None for a truncated or unparsable attempt, which never does."""
    return answer.text if attempt["finish_reason"] == "stop" and answer.text and canonical(answer) else None


def _reward(verdict: Verdict, member: int, valid: str | None, same: Any) -> float | None:
    """1 for an attempt that agrees, 0 for one that does not; None without a verdict, or if the check timed out."""
    if verdict.answer is None or member == 0:
        return None if verdict.answer is None else 1.0
    undecided = valid is not None and same(verdict.answer, canonical(valid)) is Outcome.UNDECIDED
    return None if undecided else 0.0


def _correct(verdict: Verdict, reference: str, same: Any) -> bool | None:
    if verdict.answer is None:
        return None
    outcome = same(reference, verdict.answer)
    return None if outcome is Outcome.UNDECIDED else outcome is Outcome.EQUAL


def _answer_row(
    draft: Draft,
    attempt: dict[str, Any],
    answer: Answer,
    valid: str | None,
    member: int,
    reward: float | None,
) -> dict[str, Any]:
    truncated = attempt["finish_reason"] == "length"
    return {
        "id": draft.row_id(ANSWERS, attempt["id"]),
        "attempt_id": attempt["id"],
        "question_id": attempt["question_id"],
        "answer": answer.text,
        "canonical": canonical(answer) if valid is not None else None,
        "source": answer.source,
        "valid": valid is not None,
        "invalid_reason": None if valid is not None else "truncated" if truncated else "unparsable",
        "answer_class": member,
        "reward": reward,
    }


def _verdict_row(draft: Draft, table: Any, question: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "id": draft.row_id(table, question),
        "question_id": question,
        "answer": verdict.answer,
        "votes": verdict.votes,
        "num_attempts": verdict.num_attempts,
        "num_valid": verdict.num_valid,
        "agreement": verdict.agreement,
        "agreement_valid": verdict.agreement_valid,
        "classes": [{"answer": form, "count": count} for form, count in verdict.classes],
        "tied": verdict.tied,
        "undecided": verdict.undecided,
    }


def _figures(
    answers: list[dict[str, Any]], verdicts: list[dict[str, Any]], probed: list[dict[str, Any]]
) -> dict[str, Any]:
    marks = [row["correct"] for row in probed if row["correct"] is not None]
    precision = wilson(sum(marks), len(marks))
    return {
        "vote_precision": precision.model_dump() if marks else None,
        "probe_coverage": len(marks) / len(probed) if probed else 0.0,
        "unparsable": sum(not row["valid"] for row in answers) / len(answers) if answers else 0.0,
        "mean_agreement": sum(row["agreement"] for row in verdicts) / len(verdicts) if verdicts else 0.0,
        "tied": sum(row["tied"] for row in verdicts),
        "undecided": sum(row["undecided"] for row in verdicts + probed),
    }
