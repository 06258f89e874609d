"""Build: training rows in TRL's columns, from attempts that agree with the verdict and attempts that do not; gold
rows and those of rounds before, mixed in by share."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from schemas.dropped import DROPPED
from schemas.inputs import GOLD
from schemas.manifest import TableRef, ValidRows
from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.settings import Build as Settings
from schemas.sft_examples import SFT_EXAMPLES
from schemas.table import writes
from schemas.verdicts import VERDICTS
from tasks.mixing import counts, drawn
from tasks.pairing import (
    Pairs,
    all_combinations,
    best_with_worst,
    correct_with_incorrect,
    distinct,
    gold_with_self,
    win_rates,
)
from tasks.store.draft import Draft

Row = dict[str, Any]


@writes(SFT_EXAMPLES, PREFERENCE_PAIRS, DROPPED)
def build(
    draft: Draft,
    *,
    settings: Settings,
    selections: TableRef,
    attempts: TableRef,
    rewards: TableRef,
    answers: TableRef,
    reads_pairs: bool = False,
    gold: TableRef | None = None,
    gold_attempts: TableRef | None = None,
    replay: ValidRows | None = None,
) -> dict[str, Any]:
    """Write `sft_examples` (distinct agreeing attempts) and `preference_pairs`.

    Attempts count in the order they were sampled; an invalid attempt is neither chosen nor rejected. The figure
    `without_pairs` counts the questions that give none, by reason; if training `reads_pairs`, their verdicts, or gold
    rows, are `dropped` for it: the questions themselves may still be examples and few-shots. Where the recipe asks
    for them: `gold`, the model's `gold_attempts` at it, and `replay`, SFT examples of earlier rounds.
    """
    attempt_of = {row["id"]: row for row in draft.read(attempts).to_pylist()}
    valid = {row["attempt_id"] for row in draft.read(answers).to_pylist() if row["valid"]}
    judged: dict[str, list[Row]] = defaultdict(list)
    for row in draft.read(rewards).to_pylist():
        if row["row_id"] in valid:
            attempt = attempt_of[row["row_id"]]
            judged[attempt["question_id"]].append(attempt | {"reward": row["reward"]})
    examples: list[Row] = []
    pairs: list[Row] = []
    without: list[Row] = []
    for selection in draft.read(selections).to_pylist():
        attempted = _with_win_rates(sorted(judged[selection["question_id"]], key=lambda row: row["sample"]))
        agreeing = distinct([row for row in attempted if row["reward"] == 1.0])
        examples += [_example(draft, selection, row) for row in agreeing[: settings.solutions_per_question]]
        if settings.pairs != "gold_self":
            matched, reason = _paired(attempted, settings)
            pairs += [_pair(draft, selection, *pair) for pair in matched]
            without += [draft.refused(selection["verdict_id"], VERDICTS, reason)] if reason else []
    golden = draft.read(gold).to_pylist() if gold else []
    if settings.pairs == "gold_self":
        assert gold_attempts
        for row, own in _with_attempts(golden, draft.read(gold_attempts).to_pylist()):
            matched, reason = gold_with_self(row["completion"], own, settings.pairs_per_question)
            pairs += [_gold_pair(draft, row, rejected) for _, rejected in matched]
            without += [draft.refused(row["id"], GOLD, reason)] if reason else []
    mixed = _mixed(draft, settings, len(examples), golden, _replayable(draft, replay))
    draft.write(SFT_EXAMPLES, examples + mixed)
    draft.write(PREFERENCE_PAIRS, pairs)
    if reads_pairs:
        draft.write(DROPPED, without)
    figures = {
        "sft_examples": len(examples) + len(mixed),
        "preference_pairs": len(pairs),
        "without_pairs": dict(sorted(Counter(row["reason"] for row in without).items())),
    }
    from_gold = sum(row["attempt_id"] is None for row in mixed)
    return figures | ({"mixed": {"gold": from_gold, "replay": len(mixed) - from_gold}} if mixed else {})


def _paired(attempts: list[Row], settings: Settings) -> Pairs:
    decided = [row for row in attempts if row["reward"] is not None]
    if settings.pairs == "best_worst":
        return best_with_worst(decided, "win_rate")
    if settings.pairs == "all_combinations":
        return all_combinations(decided, "win_rate", settings.pairs_per_question)
    return correct_with_incorrect(decided, settings.pairs_per_question)


def _with_attempts(gold: list[Row], attempts: list[Row]) -> Iterator[tuple[Row, list[Row]]]:
    """Each gold row with the model's own attempts at it."""
    by_question: dict[str, list[Row]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda row: row["sample"]):
        by_question[attempt["question_id"]].append(attempt)
    for row in gold:
        yield row, by_question[row["id"]]


def _replayable(draft: Draft, replay: ValidRows | None) -> list[Row]:
    """SFT examples of earlier rounds, each attempt once, gold left out."""
    rows = draft.read(replay).to_pylist() if replay else []
    return list({row["attempt_id"]: row for row in rows if row["attempt_id"]}.values())


def _mixed(draft: Draft, settings: Settings, own: int, gold: list[Row], replay: list[Row]) -> list[Row]:
    """Gold and replayed SFT examples beside so many own ones."""
    from_gold, from_replay = counts(own, settings.gold_share, settings.replay_share if replay else 0.0)
    return [
        {"id": draft.row_id(SFT_EXAMPLES, row["id"], turn), "question_id": row["id"], "attempt_id": None}
        | {"prompt": row["prompt"], "completion": row["completion"], "agreement": 1.0}
        for row, turn in drawn(gold, from_gold, draft.random_seed("build", "gold"))
    ] + [
        row | {"id": draft.row_id(SFT_EXAMPLES, row["id"], turn)}
        for row, turn in drawn(replay, from_replay, draft.random_seed("build", "replay"))
    ]


def _with_win_rates(attempts: list[Row]) -> list[Row]:
    """Over the question's valid attempts: one that agrees with the vote wins against one that does not; two of a kind
    are even. One whose check timed out is halfway between."""
    rewards = [0.5 if row["reward"] is None else row["reward"] for row in attempts]
    rates = win_rates([[_chance(one, other) for other in rewards] for one in rewards])
    return [row | {"win_rate": rate} for row, rate in zip(attempts, rates, strict=True)]


def _chance(reward: float, other: float) -> float:
    """Of winning against an attempt of the other reward."""
    return (1 + reward - other) / 2


def _example(draft: Draft, selection: Row, attempt: Row) -> Row:
    return {
        "id": draft.row_id(SFT_EXAMPLES, attempt["id"]),
        "question_id": selection["question_id"],
        "attempt_id": attempt["id"],
        "prompt": attempt["prompt"],
        "completion": attempt["text"],
        "agreement": selection["agreement"],
    }


def _pair(draft: Draft, selection: Row, chosen: Row, rejected: Row) -> Row:
    return {
        "id": draft.row_id(PREFERENCE_PAIRS, chosen["id"], rejected["id"]),
        "question_id": selection["question_id"],
        "chosen_attempt_id": chosen["id"],
        "rejected_attempt_id": rejected["id"],
        "prompt": chosen["prompt"],
        "chosen": chosen["text"],
        "rejected": rejected["text"],
        "agreement": selection["agreement"],
        "chosen_winrate": chosen["win_rate"],
        "rejected_winrate": rejected["win_rate"],
        "pair_winrate": _chance(chosen["reward"], rejected["reward"]),
    }


def _gold_pair(draft: Draft, gold: Row, rejected: Row) -> Row:
    return {
        "id": draft.row_id(PREFERENCE_PAIRS, gold["id"], rejected["id"]),
        "question_id": gold["id"],
        "chosen_attempt_id": None,
        "rejected_attempt_id": rejected["id"],
        "prompt": gold["prompt"],
        "chosen": gold["completion"],
        "rejected": rejected["text"],
        "agreement": 1.0,
        "chosen_winrate": 1.0,
        "rejected_winrate": 0.0,
        "pair_winrate": 1.0,
    }
