"""Judge: majority vote. The answer most attempts agree on is the label; agreeing with it is the reward."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.answers import ANSWERS
from schemas.engines import RayExecutor
from schemas.manifest import TableRef
from schemas.settings import Judge as Settings
from schemas.verdicts import PROBE_VERDICTS, VERDICTS
from tasks.audit.statistics import wilson
from tasks.checks.answers import canonical, usable_answer
from tasks.checks.equality import Compare, equality
from tasks.checks.reading import Answer, final_answer
from tasks.checks.verify import NUM_WORKERS, Outcome
from tasks.checks.vote import Verdict, vote
from tasks.cluster import on_the_cluster
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard

Row = dict[str, Any]
Groups = Sequence[tuple[str, list[Row]]]  # question, its attempts

QUESTIONS_PER_SHARD = 256


def judge(draft: Draft, *, settings: Settings, attempts: TableRef, probe: TableRef) -> dict[str, Any]:
    """Write `answers` (one an attempt), `verdicts` (one a question) and `probe_verdicts`.

    The vote sees responses only: neither the prompt, nor which questions are the probe's. The truth is read
    afterwards, to measure `vote_precision`: the share of probe verdicts that are right.
    """
    references = {row["id"]: row["reference"] for row in draft.read(probe).to_pylist()}
    groups = _by_question(draft.read(attempts).to_pylist())
    shards = [groups[i : i + QUESTIONS_PER_SHARD] for i in range(0, len(groups), QUESTIONS_PER_SHARD)] or [[]]
    tables = (PROBE_VERDICTS, VERDICTS, ANSWERS)
    rows: tuple[list[Row], ...] = ([], [], [])
    executor, here = draft.executor, draft.elsewhere()

    def rule(shard: Groups, progress: Progress) -> tuple[list[Row], ...]:
        if isinstance(executor, RayExecutor):
            asked = [question for question, _ in shard if question in references]
            return on_the_cluster(executor, _ruled, here, settings, shard, {q: references[q] for q in asked})
        return _ruled(here, settings, shard, references, progress)

    workers = executor.workers if isinstance(executor, RayExecutor) else 1
    with equality(settings, draft.lineage.cache):  # what is undecided stays so from shard to shard
        for made in each_shard(draft, tables, shards, rule, size=len, unit="verdicts", workers=workers):
            for table, new in zip(rows, made, strict=True):
                table.extend(new)
    probed, verdicts, answers = rows
    return _figures(answers, verdicts, probed)


def _ruled(
    draft: Draft,
    settings: Settings,
    shard: Groups,
    references: dict[str, str],
    progress: Progress = lambda judged: None,
) -> tuple[list[Row], ...]:
    """One shard's probe verdicts, verdicts and answers."""
    answers: list[Row] = []
    verdicts: list[Row] = []
    probed: list[Row] = []
    with equality(settings, draft.lineage.cache) as compare:
        for judged in _judged(shard, settings, compare):
            answers += _answer_rows(draft, judged)
            if judged.question in references:
                reference = references[judged.question]
                correct = _correct(judged.verdict, reference, compare)
                row = _verdict_row(draft, PROBE_VERDICTS, judged)
                probed.append(row | {"reference": reference, "correct": correct})
            else:
                verdicts.append(_verdict_row(draft, VERDICTS, judged))
            progress(1)
    return probed, verdicts, answers


def judge_ahead(settings: Settings, cache: Path, attempts: Sequence[Row]) -> None:
    """Vote on attempts while others are still generated; `judge` then finds its checks done, here or in the cache."""
    with equality(settings, cache) as compare:
        for _ in _judged(_by_question(attempts), settings, compare):
            pass


@dataclass(frozen=True)
class Judged:
    """One question's attempts, what was read from each, and the vote on them. Lists are in the attempts' order."""

    question: str
    attempts: list[Row]
    found: list[Answer]
    usable: list[str | None]
    verdict: Verdict
    rewards: list[float | None]


def _by_question(attempts: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in attempts:
        groups[row["question_id"]].append(row)
    return [(question, sorted(group, key=lambda row: row["sample"])) for question, group in sorted(groups.items())]


def _judged(groups: Groups, settings: Settings, compare: Compare) -> Iterator[Judged]:
    """Votes on all questions, in their order; as many at a time as there are checkers."""

    def judged(group: tuple[str, list[Row]]) -> Judged:
        return _vote_on(*group, settings, compare)

    if settings.equivalence == "canonical":
        yield from map(judged, groups)
    else:
        threads = ThreadPoolExecutor(NUM_WORKERS)
        try:
            yield from threads.map(judged, groups)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)  # whoever interrupts it does not wait for the checks


def _vote_on(question: str, attempts: list[Row], settings: Settings, compare: Compare) -> Judged:
    def same(first: str, second: str) -> Outcome:
        return compare([(first, second)])[0]

    found = [final_answer(row["text"], settings.answer_pattern) for row in attempts]
    usable = [usable_answer(answer, row["finish_reason"]) for answer, row in zip(found, attempts, strict=True)]
    draw = int.from_bytes(hashlib.sha256(question.encode()).digest()[:8])  # the recipe's seed is in the id
    verdict = vote(usable, settings.rule, same if settings.equivalence == "math" else None, draw)
    rewards = [_reward(verdict, *attempt, compare) for attempt in zip(verdict.members, usable, strict=True)]
    return Judged(question, attempts, found, usable, verdict, rewards)


def _reward(verdict: Verdict, member: int, valid: str | None, compare: Compare) -> float | None:
    """1 for an attempt that agrees, 0 for one that certainly does not; None without a verdict, if a check was
    undecided, or if the answer equals the label though it voted with another class."""
    if verdict.answer is None or member == 0:
        return None if verdict.answer is None else 1.0
    if valid is None:
        return 0.0
    form = canonical(valid)
    return 0.0 if Outcome.DIFFERENT in compare([(verdict.answer, form), (form, verdict.answer)]) else None


def _correct(verdict: Verdict, reference: str, compare: Compare) -> bool | None:
    if verdict.answer is None:
        return None
    outcome = compare([(reference, verdict.answer)])[0]
    return None if outcome is Outcome.UNDECIDED else outcome is Outcome.EQUAL


def _answer_rows(draft: Draft, judged: Judged) -> list[Row]:
    lists = (judged.attempts, judged.found, judged.usable, judged.verdict.members, judged.rewards)
    return [
        {
            "id": draft.row_id(ANSWERS, attempt["id"]),
            "attempt_id": attempt["id"],
            "question_id": judged.question,
            "answer": answer.text,
            "canonical": canonical(answer) if valid is not None else None,
            "source": answer.source,
            "valid": valid is not None,
            "invalid_reason": _why_invalid(attempt) if valid is None else None,
            "answer_class": member,
            "reward": reward,
        }
        for attempt, answer, valid, member, reward in zip(*lists, strict=True)
    ]


def _why_invalid(attempt: Row) -> str:
    return "truncated" if attempt["finish_reason"] == "length" else "unparsable"


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
        "vote_precision": precision.model_dump() if marks else None,
        "probe_coverage": len(marks) / len(probed) if probed else 0.0,
        "read": dict(sorted(Counter(row["source"] for row in answers).items())),
        "unparsable": sum(not row["valid"] for row in answers) / len(answers) if answers else 0.0,
        "mean_agreement": sum(row["agreement"] for row in verdicts) / len(verdicts) if verdicts else 0.0,
        "tied": sum(row["tied"] for row in verdicts),
        "undecided": sum(row["undecided"] for row in verdicts + probed),
    }
