"""Pair gold: worked solutions against the model's own attempts at the same questions (SPIN, arXiv 2401.01335), or
the item that a user chose against those that the model recommended (SPRec, arXiv 2412.09243)."""

from collections import Counter, defaultdict
from typing import Any

from schemas.dropped import DROPPED
from schemas.inputs import GOLD
from schemas.manifest import TableRef
from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.settings import Answers
from schemas.settings import PairGold as Settings
from schemas.table import writes
from tasks.answers.canonical import answer_of, usable_answer
from tasks.contradictions import settled
from tasks.pairing import Pairs, chosen_with_recommended, gold_with_self
from tasks.store.draft import Draft

Row = dict[str, Any]


@writes(PREFERENCE_PAIRS, DROPPED)
def pair_gold(
    draft: Draft, *, settings: Settings, gold: TableRef, attempts: TableRef, items: Answers | None = None
) -> dict[str, Any]:
    """Write `preference_pairs`, in the order that attempts were sampled in. Gold rows whose attempts all repeat the
    solution give no pair and are `dropped`; the figure `without_pairs` counts them. So are pairs that contradict each
    other, as two solutions of one question may. With `items`, what names an item in a text, solution and attempt are
    compared by the items that they name."""
    own: dict[str, list[Row]] = defaultdict(list)
    for attempt in sorted(draft.read(attempts).to_pylist(), key=lambda row: row["sample"]):
        own[attempt["question_id"]].append(attempt)
    pairs: list[Row] = []
    without: list[Row] = []
    for row in draft.read(gold).to_pylist():
        matched, reason = _matched(row["completion"], own[row["id"]], settings.pairs_per_question, items)
        pairs += [_pair(draft, row, rejected) for _, rejected in matched]
        without += [draft.refused(row["id"], GOLD, reason)] if reason else []
    pairs, refused = settled(pairs, draft)
    draft.write(PREFERENCE_PAIRS, pairs)
    draft.write(DROPPED, without + refused)
    reasons = Counter(row["reason"] for row in without)
    figures = {"preference_pairs": len(pairs), "without_pairs": dict(sorted(reasons.items()))}
    return figures | ({"contradicting": len(refused)} if refused else {})


def _matched(solution: str, own: list[Row], most: int, items: Answers | None) -> Pairs:
    if items is None:
        return gold_with_self(solution, own, most)

    def item(text: str, finish_reason: str = "stop") -> str | None:
        return usable_answer(answer_of(text, items), finish_reason, items)

    chosen = {"text": solution, "item": item(solution)}
    recommended = [row | {"item": item(row["text"], row["finish_reason"])} for row in own]
    return chosen_with_recommended(chosen, recommended, most)


def _pair(draft: Draft, gold: Row, rejected: Row) -> Row:
    return {
        "id": draft.row_id(PREFERENCE_PAIRS, gold["id"], rejected["id"]),
        "question_id": gold["id"],
        "chosen_attempt_id": None,
        "rejected_attempt_id": rejected["id"],
        "prompt": gold["prompt"],
        "chosen": gold["completion"],
        "rejected": rejected["text"],
        "prompt_ids": gold["prompt_ids"],
        "rejected_ids": rejected["token_ids"],
        "agreement": 1.0,
        "chosen_winrate": 1.0,
        "rejected_winrate": 0.0,
        "pair_winrate": 1.0,
    }
