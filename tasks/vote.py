"""Vote: the answer most attempts agree on is the label; agreeing with it is the reward."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.answers import ANSWERS
from schemas.engines import RayExecutor
from schemas.manifest import TableRef
from schemas.rewards import REWARDS
from schemas.settings import Answers
from schemas.settings import Vote as Settings
from schemas.table import writes
from schemas.verdicts import PROBE_VERDICTS, VERDICTS
from schemas.work import Work, of_rows
from tasks.answers.canonical import canonical, stated
from tasks.answers.equality import equality
from tasks.checks.judging import Groups, Judged, Row, by_question, is_right, votes_on, why_invalid
from tasks.cluster import on_the_cluster
from tasks.statistics.intervals import wilson
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard

QUESTIONS_PER_SHARD = 256


@writes(ANSWERS, VERDICTS, REWARDS, PROBE_VERDICTS)
def vote(draft: Draft, *, settings: Settings, checks: Answers, attempts: TableRef, probe: TableRef) -> dict[str, Any]:
    """Write `answers` (one an attempt), `verdicts` (one a question), `rewards` (one an attempt at a question of the
    round: 1 if it agrees with the verdict, else 0) and `probe_verdicts`.

    The vote sees responses only: neither the prompt, nor which questions are the probe's. The truth is read
    afterwards, to measure `precision`: the share of probe verdicts that are right.
    """
    references = {row["id"]: stated(row["reference"], checks) for row in draft.read(probe).to_pylist()}
    groups = by_question(draft.read(attempts).to_pylist())
    shards = [groups[i : i + QUESTIONS_PER_SHARD] for i in range(0, len(groups), QUESTIONS_PER_SHARD)] or [[]]
    tables = (PROBE_VERDICTS, VERDICTS, ANSWERS, REWARDS)
    rows: tuple[list[Row], ...] = ([], [], [], [])
    executor, here = draft.executor, draft.elsewhere()

    def rule(shard: Groups, progress: Progress) -> tuple[list[Row], ...]:
        if isinstance(executor, RayExecutor):
            asked = [question for question, _ in shard if question in references]
            return on_the_cluster(executor, _ruled, here, settings, checks, shard, {q: references[q] for q in asked})
        return _ruled(here, settings, checks, shard, references, progress)

    workers = executor.workers if isinstance(executor, RayExecutor) else 1
    with equality(checks, draft.cache):  # what is undecided stays so from shard to shard
        for made in each_shard(draft, tables, shards, rule, size=len, unit="verdicts", workers=workers):
            for table, new in zip(rows, made, strict=True):
                table.extend(new)
    probed, verdicts, answers, _ = rows
    return _figures(answers, verdicts, probed)


def work(settings: Settings, rows: Mapping[str, int]) -> Work:
    return of_rows(rows["attempts"])


def _ruled(
    draft: Draft,
    settings: Settings,
    checks: Answers,
    shard: Groups,
    references: dict[str, str],
    progress: Progress = lambda judged: None,
) -> tuple[list[Row], ...]:
    """One shard's probe verdicts, verdicts, answers and rewards."""
    answers: list[Row] = []
    rewards: list[Row] = []
    verdicts: list[Row] = []
    probed: list[Row] = []
    with equality(checks) as compare:
        for judged in votes_on(shard, settings, checks, compare):
            answers += _answer_rows(draft, judged)
            if judged.question in references:
                reference = references[judged.question]
                correct = is_right(judged.verdict, reference, compare)
                row = _verdict_row(draft, PROBE_VERDICTS, judged)
                probed.append(row | {"reference": reference, "correct": correct})
            else:
                verdicts.append(_verdict_row(draft, VERDICTS, judged))
                rewards += _reward_rows(draft, judged)
            progress(1)
    return probed, verdicts, answers, rewards


def vote_ahead(settings: Settings, checks: Answers, attempts: Sequence[Row]) -> None:
    """Vote on attempts while others are still generated; `vote` then finds its checks done, in this process."""
    with equality(checks) as compare:
        for _ in votes_on(by_question(attempts), settings, checks, compare):
            pass


def _answer_rows(draft: Draft, judged: Judged) -> list[Row]:
    lists = (judged.attempts, judged.found, judged.usable, judged.verdict.members)
    return [
        {
            "id": draft.row_id(ANSWERS, attempt["id"]),
            "attempt_id": attempt["id"],
            "question_id": judged.question,
            "answer": answer.text,
            "canonical": canonical(answer.text) if valid is not None else None,
            "source": answer.source,
            "valid": valid is not None,
            "invalid_reason": why_invalid(attempt) if valid is None else None,
            "answer_class": member,
        }
        for attempt, answer, valid, member in zip(*lists, strict=True)
    ]


def _reward_rows(draft: Draft, judged: Judged) -> list[Row]:
    return [
        {"id": draft.row_id(REWARDS, attempt["id"]), "row_id": attempt["id"], "judge": "vote", "reward": reward}
        for attempt, reward in zip(judged.attempts, judged.rewards, strict=True)
    ]


def _verdict_row(draft: Draft, table: Any, judged: Judged) -> Row:
    verdict = judged.verdict
    return {
        "id": draft.row_id(table, judged.question),
        "question_id": judged.question,
        "answer": verdict.answer,
        "votes": verdict.votes,
        "num_attempts": verdict.num_attempts,
        "num_planned": judged.attempts[0]["num_planned"],
        "num_valid": verdict.num_valid,
        "agreement": verdict.agreement,
        "agreement_valid": verdict.agreement_valid,
        "classes": [{"answer": form, "count": count} for form, count in verdict.classes],
        "tied": verdict.tied,
        "undecided": verdict.undecided,
    }


def _figures(answers: list[Row], verdicts: list[Row], probed: list[Row]) -> dict[str, Any]:
    marks = [row["correct"] for row in probed if row["correct"] is not None]
    precision = wilson(sum(marks), len(marks))
    return {
        "precision": precision.model_dump() if marks else None,
        "probe_coverage": len(marks) / len(probed) if probed else 0.0,
        "read": dict(sorted(Counter(row["source"] for row in answers).items())),
        "unparsable": sum(not row["valid"] for row in answers) / len(answers) if answers else 0.0,
        "mean_agreement": sum(row["agreement"] for row in verdicts) / len(verdicts) if verdicts else 0.0,
        "tied": sum(row["tied"] for row in verdicts),
        "undecided": sum(row["undecided"] for row in verdicts + probed),
    }
