"""Judging: attempts read, voted on and rewarded, as `vote` writes it and as a published round is read again."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from schemas.settings import Answers, Vote
from tasks.answers.canonical import answer_of, canonical, usable_answer
from tasks.answers.equality import Compare
from tasks.answers.verify import NUM_WORKERS, Outcome
from tasks.checks.vote import Verdict, vote
from tasks.reading.attempts import Answer

Row = dict[str, Any]
Groups = Sequence[tuple[str, list[Row]]]  # question, its attempts


@dataclass(frozen=True)
class Judged:
    """One question's attempts, what was read from each, and the vote on them. Lists are in the attempts' order."""

    question: str
    attempts: list[Row]
    found: list[Answer]
    usable: list[str | None]
    verdict: Verdict
    rewards: list[float | None]


def by_question(attempts: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in attempts:
        groups[row["question_id"]].append(row)
    return [(question, sorted(group, key=lambda row: row["sample"])) for question, group in sorted(groups.items())]


def votes_on(groups: Groups, settings: Vote, checks: Answers, compare: Compare) -> Iterator[Judged]:
    """Votes on all questions, in their order; as many at a time as there are checkers."""

    def of_group(group: tuple[str, list[Row]]) -> Judged:
        return _vote_on(*group, settings, checks, compare)

    if checks.equivalence == "canonical":
        yield from map(of_group, groups)
    else:
        threads = ThreadPoolExecutor(NUM_WORKERS)
        try:
            yield from threads.map(of_group, groups)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)  # whoever interrupts it does not wait for the checks


def _vote_on(question: str, attempts: list[Row], settings: Vote, checks: Answers, compare: Compare) -> Judged:
    def same(first: str, second: str) -> Outcome:
        return compare([(first, second)])[0]

    found = [answer_of(row["text"], checks) for row in attempts]
    usable = [
        usable_answer(answer, row["finish_reason"], checks) for answer, row in zip(found, attempts, strict=True)
    ]
    draw = int.from_bytes(hashlib.sha256(question.encode()).digest()[:8])  # the recipe's seed is in the id
    verdict = vote(usable, settings.rule, same if checks.equivalence == "math" else None, draw)
    if verdict.agreement_valid < settings.min_share:
        verdict = replace(verdict, answer=None)
    pays = own_share if settings.reward == "share" else reward
    rewards = [pays(verdict, *attempt, compare) for attempt in zip(verdict.members, usable, strict=True)]
    return Judged(question, attempts, found, usable, verdict, rewards)


def reward(verdict: Verdict, member: int, valid: str | None, compare: Compare) -> float | None:
    """1 for an attempt that agrees, 0 for one that certainly does not; None without a verdict, if a check was
    undecided, or if the answer equals the label though it voted with another class."""
    if verdict.answer is None or member == 0:
        return None if verdict.answer is None else 1.0
    if valid is None:
        return 0.0
    form = canonical(valid)
    return 0.0 if Outcome.DIFFERENT in compare([(verdict.answer, form), (form, verdict.answer)]) else None


def own_share(verdict: Verdict, member: int, valid: str | None, compare: Compare) -> float | None:
    """The share of the valid answers that are an attempt's own; None without a label (SRT, Shafayat et al. 2025,
    arXiv 2505.21444)."""
    if verdict.answer is None:
        return None
    return verdict.classes[member][1] / verdict.num_valid if member >= 0 else 0.0


def is_right(verdict: Verdict, reference: str, compare: Compare) -> bool | None:
    if verdict.answer is None:
        return None
    outcome = compare([(reference, verdict.answer)])[0]
    return None if outcome is Outcome.UNDECIDED else outcome is Outcome.EQUAL


def why_invalid(attempt: Row) -> str:
    return "truncated" if attempt["finish_reason"] == "length" else "unparsable"
