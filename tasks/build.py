"""Build: training rows in TRL's columns, from attempts and what a judge gave them; gold rows and those of
rounds before, mixed in by share."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from schemas.dropped import DROPPED
from schemas.inputs import SEEDS, UNLABELLED
from schemas.manifest import TableRef, ValidRows
from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.questions import QUESTIONS
from schemas.settings import Answers
from schemas.settings import Build as Settings
from schemas.sft_examples import SFT_EXAMPLES
from schemas.table import Table, writes
from schemas.verdicts import VERDICTS
from schemas.work import Work, of_rows
from tasks.answers.canonical import answer_of, usable_answer
from tasks.contradictions import Claim, contradicting, label, labels_contradicted, pairs_contradicted
from tasks.mixing import counts, drawn
from tasks.pairing import (
    Pairs,
    all_combinations,
    best_with_worst,
    correct_with_incorrect,
    distinct,
    win_rates,
)
from tasks.store.draft import Draft

Row = dict[str, Any]
Chances = Callable[[Row, Row], float]
"""Of winning: an attempt against another at the question."""


@writes(SFT_EXAMPLES, PREFERENCE_PAIRS, DROPPED)
def build(
    draft: Draft,
    *,
    settings: Settings,
    checks: Answers,
    attempts: TableRef | ValidRows,
    rewards: TableRef | ValidRows,
    answers: TableRef | None = None,
    selections: TableRef | None = None,
    preferences: TableRef | None = None,
    reads_pairs: bool = False,
    gold: TableRef | None = None,
    replay: ValidRows | None = None,
) -> dict[str, Any]:
    """Write `sft_examples` (distinct attempts of reward 1) and `preference_pairs`.

    Attempts count in the order they were sampled; one that was cut off, or without a valid answer, if `answers` say
    so, is neither chosen nor rejected. Of `selections`, only selected questions count. The figure `without_pairs`
    counts the questions that give none, by reason; if training `reads_pairs`, they are `dropped` for it, or their
    verdicts are: a selected question may still be an example and a few-shot. Where the recipe asks for them: `gold`,
    and `replay`, SFT examples of earlier rounds. Win rates are those of `preferences`, if a judge of pairs
    wrote some, and else the rewards'. Rows that contradict each other are dropped.
    """
    judged = _judged(draft, attempts, rewards, answers)
    chances = _preferred(draft.read(preferences).to_pylist()) if preferences else _by_rewards
    examples: list[Row] = []
    pairs: list[Row] = []
    without: list[Row] = []
    for question, agreement, subject in _questions(draft, judged, selections):
        attempted = _with_win_rates(sorted(judged[question], key=lambda row: row["sample"]), chances)
        agreeing = distinct([row for row in attempted if row["reward"] == 1.0])
        examples += [_example(draft, agreement, row) for row in agreeing[: settings.solutions_per_question]]
        matched, reason = _paired(attempted, settings)
        pairs += [_pair(draft, agreement, *pair, chances(*pair)) for pair in matched]
        without += [draft.refused(*subject, reason)] if reason else []
    golden = draft.read(gold).to_pylist() if gold else []
    mixed = _mixed(draft, settings, len(examples), golden, _replayable(draft, replay))
    labels = _labels(draft, selections, examples) | _read(mixed, checks)
    torn = labels_contradicted(labels, checks) | pairs_contradicted(pairs)
    refused = contradicting(torn, SFT_EXAMPLES, examples + mixed, draft)
    refused += contradicting(torn, PREFERENCE_PAIRS, pairs, draft)
    examples, mixed, pairs = ([row for row in rows if row["id"] not in torn] for rows in (examples, mixed, pairs))
    draft.write(SFT_EXAMPLES, examples + mixed)
    draft.write(PREFERENCE_PAIRS, pairs)
    if reads_pairs or refused:
        draft.write(DROPPED, (without if reads_pairs else []) + refused)
    figures: dict[str, Any] = {
        "sft_examples": len(examples) + len(mixed),
        "preference_pairs": len(pairs),
        "without_pairs": dict(sorted(Counter(row["reason"] for row in without).items())),
    }
    figures |= {"contradicting": len(torn)} if torn else {}
    from_gold = sum(row["attempt_id"] is None for row in mixed)
    return figures | ({"mixed": {"gold": from_gold, "replay": len(mixed) - from_gold}} if mixed else {})


def work(settings: Settings, rows: Mapping[str, int]) -> Work:
    questions = rows.get("selections", rows["attempts"]) + rows.get("gold", 0)
    own = questions * (settings.solutions_per_question + 2 * settings.pairs_per_question)
    return of_rows(round(own / (1 - settings.gold_share - settings.replay_share)))


def _judged(
    draft: Draft, attempts: TableRef | ValidRows, rewards: TableRef | ValidRows, answers: TableRef | None
) -> dict[str, list[Row]]:
    """Question -> its valid attempts, with their rewards. One that was cut off would teach to stop there."""
    whole = (row for row in draft.read(attempts).to_pylist() if row["finish_reason"] == "stop")
    attempt_of = {row["id"]: row for row in whole}
    invalid = {row["attempt_id"] for row in draft.read(answers).to_pylist() if not row["valid"]} if answers else set()
    judged: dict[str, list[Row]] = defaultdict(list)
    for row in draft.read(rewards).to_pylist():
        if row["row_id"] in attempt_of and row["row_id"] not in invalid:
            attempt = attempt_of[row["row_id"]]
            judged[attempt["question_id"]].append(attempt | {"reward": row["reward"]})
    return judged


def _questions(
    draft: Draft, judged: dict[str, list[Row]], selections: TableRef | None
) -> Iterator[tuple[str, float, tuple[str, Table]]]:
    """Each question, the agreement behind its label (1 where nobody voted), and the row that gives no pair if it
    gives none."""
    if selections is None:
        for question in sorted(judged):
            yield question, 1.0, (question, _asked_in(question))
        return
    for row in draft.read(selections).to_pylist():
        yield row["question_id"], row["agreement"], (row["verdict_id"], VERDICTS)


def _asked_in(question: str) -> Table:
    """The table of a question, by its id."""
    return next((each for each in (SEEDS, UNLABELLED) if question.startswith(f"{each.id_prefix}-")), QUESTIONS)


def _paired(attempts: list[Row], settings: Settings) -> Pairs:
    decided = [row for row in attempts if row["reward"] is not None]
    if settings.pairs == "best_worst":
        return best_with_worst(decided, "win_rate")
    if settings.pairs == "all_combinations":
        return all_combinations(decided, "win_rate", settings.pairs_per_question)
    return correct_with_incorrect(decided, settings.pairs_per_question)


def _replayable(draft: Draft, replay: ValidRows | None) -> list[Row]:
    """SFT examples of earlier rounds, each attempt once, gold left out."""
    rows = draft.read(replay).to_pylist() if replay else []
    return list({row["attempt_id"]: row for row in rows if row["attempt_id"]}.values())


def _mixed(draft: Draft, settings: Settings, own: int, gold: list[Row], replay: list[Row]) -> list[Row]:
    """Gold and replayed SFT examples beside so many own ones."""
    from_gold, from_replay = counts(own, settings.gold_share, settings.replay_share if replay else 0.0)
    return [
        {"id": draft.row_id(SFT_EXAMPLES, row["id"], turn), "question_id": row["id"], "attempt_id": None}
        | {name: row[name] for name in ("prompt", "prompt_ids", "completion")}
        | {"agreement": 1.0}
        for row, turn in drawn(gold, from_gold, draft.random_seed("build", "gold"))
    ] + [
        row | {"id": draft.row_id(SFT_EXAMPLES, row["id"], turn)}
        for row, turn in drawn(replay, from_replay, draft.random_seed("build", "replay"))
    ]


def _labels(draft: Draft, selections: TableRef | None, examples: list[Row]) -> dict[str, Claim]:
    """The verdict behind each example; none where nobody voted."""
    answers = {row["question_id"]: row["answer"] for row in draft.read(selections).to_pylist()} if selections else {}
    return {row["id"]: label(row["prompt"], answers[row["question_id"]]) for row in examples if answers}


def _read(mixed: list[Row], checks: Answers) -> dict[str, Claim]:
    """What is read from rows that came with no verdict. A gold one is true."""
    answers = {row["id"]: usable_answer(answer_of(row["completion"], checks), "stop", checks) for row in mixed}
    return {
        row["id"]: label(row["prompt"], answer, known=row["attempt_id"] is None)
        for row in mixed
        if (answer := answers[row["id"]])
    }


def _with_win_rates(attempts: list[Row], chances: Chances) -> list[Row]:
    """Over the question's valid attempts."""
    rates = win_rates([[chances(one, other) for other in attempts] for one in attempts])
    return [row | {"win_rate": rate} for row, rate in zip(attempts, rates, strict=True)]


def _by_rewards(attempt: Row, other: Row) -> float:
    """One that agrees with the vote wins against one that does not; two of a kind are even. One whose check timed out
    is halfway between."""
    reward, against = (0.5 if row["reward"] is None else row["reward"] for row in (attempt, other))
    return float((1 + reward - against) / 2)


def _preferred(preferences: list[Row]) -> Chances:
    """As a judge of pairs said; a half where it said nothing."""
    said = {(row["attempt_id"], row["other_id"]): row["chance"] for row in preferences if row["chance"] is not None}
    said |= {(other, one): 1 - chance for (one, other), chance in said.items()}
    return lambda attempt, other: said.get((attempt["id"], other["id"]), 0.5)


def _example(draft: Draft, agreement: float, attempt: Row) -> Row:
    return {
        "id": draft.row_id(SFT_EXAMPLES, attempt["id"]),
        "question_id": attempt["question_id"],
        "attempt_id": attempt["id"],
        "prompt": attempt["prompt"],
        "completion": attempt["text"],
        "prompt_ids": attempt["prompt_ids"],
        "completion_ids": attempt["token_ids"],
        "agreement": agreement,
    }


def _pair(draft: Draft, agreement: float, chosen: Row, rejected: Row, chance: float) -> Row:
    return {
        "id": draft.row_id(PREFERENCE_PAIRS, chosen["id"], rejected["id"]),
        "question_id": chosen["question_id"],
        "chosen_attempt_id": chosen["id"],
        "rejected_attempt_id": rejected["id"],
        "prompt": chosen["prompt"],
        "chosen": chosen["text"],
        "rejected": rejected["text"],
        "prompt_ids": chosen["prompt_ids"],
        "chosen_ids": chosen["token_ids"],
        "rejected_ids": rejected["token_ids"],
        "agreement": agreement,
        "chosen_winrate": chosen["win_rate"],
        "rejected_winrate": rejected["win_rate"],
        "pair_winrate": chance,
    }
