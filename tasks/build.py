"""Build: training rows in TRL's columns, from attempts that agree with the verdict and attempts that do not."""

from collections import defaultdict
from itertools import islice
from typing import Any

from schemas.manifest import TableRef
from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.settings import Build as Settings
from schemas.sft_examples import SFT_EXAMPLES
from tasks.store.draft import Draft

Row = dict[str, Any]


def build(
    draft: Draft, *, settings: Settings, selections: TableRef, attempts: TableRef, answers: TableRef
) -> dict[str, Any]:
    """Write `sft_examples` (distinct agreeing attempts) and `preference_pairs` (agreeing, disagreeing).

    Attempts count in the order they were sampled; an invalid attempt is neither chosen nor rejected.
    """
    attempt_of = {row["id"]: row for row in draft.read(attempts).to_pylist()}
    judged: dict[str, list[Row]] = defaultdict(list)
    for row in draft.read(answers).to_pylist():
        if row["valid"]:
            judged[row["question_id"]].append(row | attempt_of[row["attempt_id"]] | {"id": row["attempt_id"]})
    examples: list[Row] = []
    pairs: list[Row] = []
    for selection in draft.read(selections).to_pylist():
        attempted = sorted(judged[selection["question_id"]], key=lambda row: row["sample"])
        agreeing = _distinct([row for row in attempted if row["reward"] == 1.0])
        disagreeing = _distinct([row for row in attempted if row["reward"] == 0.0])
        examples += [_example(draft, selection, row) for row in agreeing[: settings.solutions_per_question]]
        matched = _pair_in_turn(agreeing, disagreeing)
        pairs += [_pair(draft, selection, *pair) for pair in islice(matched, settings.pairs_per_question)]
    draft.write(SFT_EXAMPLES, examples)
    draft.write(PREFERENCE_PAIRS, pairs)
    return {"sft_examples": len(examples), "preference_pairs": len(pairs)}


def _distinct(attempts: list[Row]) -> list[Row]:
    return list({row["text"]: row for row in reversed(attempts)}.values())[::-1]


def _pair_in_turn(agreeing: list[Row], disagreeing: list[Row]) -> list[tuple[Row, Row]]:
    """Every pair once, walking both lists together so that the first pairs share no attempt."""
    turns = range(len(disagreeing))
    return [(agreeing[i], disagreeing[(i + turn) % len(disagreeing)]) for turn in turns for i in range(len(agreeing))]


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
    }
