"""The alarms: each is a function of the tables that its parameters name, and is run in every round that has them.

`earlier`: what the same alarm measured in earlier rounds, by round. `ids`: the ids of every table. No text of a model
is in what they say.
"""

import inspect
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist, median
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from schemas.manifest import Score
from schemas.table import CONTRADICTS, UNANSWERED
from schemas.tables import TABLES
from tasks.audit import figures
from tasks.checks.grading import persuaded, precision
from tasks.figures import many
from tasks.statistics.intervals import Z95, unpaired_difference, wilson
from tasks.store.objects import digest_of

CAPPED = ("over_cap", "below_top_share")  # passed all of them
NO_SIGNAL = (
    "none_right",
    "unanimous",
    "no_difference",
    "same_text",
    "same_item",
)  # sound, and the alarm `unanimous` counts them

Measured = dict[str, Any]
Earlier = Mapping[int, Measured]


@dataclass(frozen=True)
class Finding:
    """What one alarm holds against its threshold."""

    raised: Literal["above", "below"]
    words: str
    """What the figure is."""
    figure: float | None
    """None: there was nothing to measure."""
    measured: Measured = field(default_factory=dict)
    """What later rounds are held against."""


def vote_precision(probe_verdicts: pa.Table) -> Finding:
    right, decided = _right_of(probe_verdicts)
    words = f"most that vote precision can be (right on {right} of {many(decided, 'probe row')})"
    return Finding("below", words, wilson(right, decided).high if decided else None)


def reward_hacking(probe: pa.Table, probe_verdicts: pa.Table, verdicts: pa.Table, earlier: Earlier) -> Finding:
    """The proxy rises while what it stands for falls (Gao et al. 2023, arXiv 2210.10760). The greatest fall shown
    since a round with a lower reward: the lower end of its 95% interval, over all those rounds together (Bonferroni:
    the best of many rounds was lucky), and for independent shares, which is wide for one and the same probe."""
    right, decided = _right_of(probe_verdicts)
    asked = digest_of({row["question"]: row["reference"] for row in probe.to_pylist()})
    now = {"probe": asked, "right": right, "decided": decided, "reward": figures.mean_reward(verdicts)}
    before = {number: then for number, then in earlier.items() if _reward_rose(then, now)}
    if not before:
        return Finding("above", "", None, now)
    z = NormalDist().inv_cdf(1 - 0.05 / 2 / len(before))
    after = _precision(now, z)
    falls = {number: unpaired_difference(_precision(then, z), after)[1] for number, then in before.items()}
    since = max(falls, key=lambda number: falls[number])
    then = before[since]
    words = f"least that vote precision fell ({_precision(then).accuracy:.1%} -> {after.accuracy:.1%} since round "
    words += f"{since}, while the reward rose {then['reward']:.1%} -> {now['reward']:.1%})"
    return Finding("above", words, falls[since], now)


def judge_precision(probe_grades: pa.Table) -> Finding:
    found = precision(probe_grades.select(["question_id", "correct"]).to_pylist())
    words = f"most that the judge's precision can be (it is {found.accuracy:.1%} on {many(found.n, 'probe row')})"
    return Finding("below", words, found.high if found.n else None)


def judge_persuaded(persuasions: pa.Table) -> Finding:
    found = persuaded(persuasions.select(["persuaded"]).to_pylist())
    words = f"least of the persuading answers that the judge gives a half or more (it gave {found.accuracy:.1%} of "
    words += f"{found.n})"
    return Finding("above", words, found.low if found.n else None)


def unanimous(verdicts: pa.Table) -> Finding:
    return Finding("above", "questions whose attempts all agree", figures.unanimous_share(verdicts))


def answer_entropy(verdicts: pa.Table) -> Finding:
    words = "entropy of a question's answers, of the greatest"
    return Finding("below", words, figures.answer_entropy(verdicts))


def same_answer(verdicts: pa.Table) -> Finding:
    words = "attempts, whatever the question, that give one answer"
    return Finding("above", words, figures.same_answer_share(verdicts))


def read_from_prose(answers: pa.Table) -> Finding:
    return Finding("above", "answers read as the last number in the text", figures.read_from_prose_share(answers))


def distinct_2(questions: pa.Table, seeds: pa.Table) -> Finding:
    words = "distinct word pairs of the questions, of the seeds'"
    texts = questions.sort_by("position")["question"].to_pylist()
    return Finding("below", words, figures.distinct_2(texts, seeds["question"].to_pylist()))


def near_duplicates(questions: pa.Table, dropped: pa.Table) -> Finding:
    return Finding(
        "above", "questions that were not new", figures.near_duplicate_share(questions["question"], dropped)
    )


def length_drift(attempts: pa.Table, earlier: Earlier) -> Finding:
    """One minus the shorter mean length over the longer: symmetric, and 0 to 1."""
    now = figures.mean_length(attempts)
    lengths = [then["mean_tokens"] for then in earlier.values() if then["mean_tokens"] is not None]
    if not lengths or now is None:
        return Finding("above", "", None, {"mean_tokens": now})
    shorter, longer = sorted((now, median(lengths)))
    words = f"drift of the attempts' length ({now:.0f} tokens, {median(lengths):.0f} in earlier rounds)"
    return Finding("above", words, 1 - shorter / longer if longer else 0.0, {"mean_tokens": now})


def truncated(attempts: pa.Table) -> Finding:
    return Finding("above", "attempts cut off by max_tokens", figures.truncated_share(attempts))


def unanswered(dropped: pa.Table, ids: Mapping[str, pa.ChunkedArray]) -> Finding:
    most, table = _largest_drop(dropped, ids, UNANSWERED)
    return Finding("above", f"requests without an answer ({table})", most)


def contradicting(dropped: pa.Table, ids: Mapping[str, pa.ChunkedArray]) -> Finding:
    most, table = _largest_drop(dropped, ids, (CONTRADICTS,))
    return Finding("above", f"rows that others of the round contradict ({table})", most)


def other_tokens(attempts: pa.Table) -> Finding:
    words = "attempts whose text, encoded anew, gives other tokens than were sampled"
    return Finding("above", words, figures.other_tokens_share(attempts))


def dropped(dropped: pa.Table, ids: Mapping[str, pa.ChunkedArray]) -> Finding:
    passed = (*CAPPED, *NO_SIGNAL)
    counted = figures.drop_shares(dropped, ids)
    shares = [(share, reason) for reason, share in counted.items() if reason.rpartition(".")[2] not in passed]
    most, reason = max(shares, default=(None, ""))
    return Finding("above", f"rows dropped for one reason ({reason})", most)


Watch = Callable[..., Finding]
ALARMS: tuple[Watch, ...] = (  # in the order of the recipe's section
    vote_precision, reward_hacking, judge_precision, judge_persuaded, unanimous, answer_entropy, same_answer,
    read_from_prose, distinct_2, near_duplicates, length_drift, truncated, unanswered, contradicting, other_tokens,
    dropped,
)  # fmt: skip


def looks_at(watch: Watch) -> list[str]:
    """The tables that an alarm looks at."""
    named = {table.id_prefix: table.name for table in TABLES.values()}
    return [named[parameter] for parameter in inspect.signature(watch).parameters if parameter in named]


def alarms_of(tables: Iterable[str]) -> tuple[Watch, ...]:
    """The alarms of a round that has these tables."""
    there = set(tables)
    return tuple(watch for watch in ALARMS if there.issuperset(looks_at(watch)))


def _largest_drop(
    dropped: pa.Table, ids: Mapping[str, pa.ChunkedArray], reasons: Collection[str]
) -> tuple[float | None, str]:
    """The largest share of a table's rows that were dropped for one of these reasons, and which table's."""
    shares: dict[str, float] = defaultdict(float)
    for reason, share in figures.drop_shares(dropped, ids).items():
        table, _, why = reason.rpartition(".")
        shares[table] += share * (why in reasons)
    return max(((share, table) for table, share in shares.items()), default=(None, ""))


def _right_of(probe_verdicts: pa.Table) -> tuple[int, int]:
    correct = probe_verdicts["correct"]
    return pc.sum(correct).as_py() or 0, pc.count(correct).as_py()


def _reward_rose(then: Measured, now: Measured) -> bool:
    """Since an earlier round whose vote was measured on the same probe."""
    measured = then["probe"] == now["probe"] and then["decided"] > 0 and now["decided"] > 0
    return measured and then["reward"] is not None and now["reward"] is not None and then["reward"] < now["reward"]


def _precision(measured: Measured, z: float = Z95) -> Score:
    return wilson(measured["right"], measured["decided"], z=z)
