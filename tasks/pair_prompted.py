"""Pair prompted: what the model writes when it is asked for a good answer against what it writes when it is asked for
a flawed one, to be trained on the plain question (inspired by "Just Say What You Want", arXiv 2409.17534)."""

import random
from collections import Counter, defaultdict
from typing import Any

from schemas.comparisons import PROBE_PREFERENCES
from schemas.dropped import DROPPED
from schemas.inputs import UNLABELLED
from schemas.manifest import CheckpointRef, TableRef
from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.prompting import PairPrompted
from schemas.settings import Answers
from schemas.table import writes
from tasks.answers.canonical import answer_of, stated, usable_answer
from tasks.answers.equality import equality
from tasks.answers.verify import Outcome
from tasks.checks import preferring
from tasks.contradictions import settled
from tasks.prompts import Prompt
from tasks.store.draft import Draft

Row = dict[str, Any]


@writes(PREFERENCE_PAIRS, PROBE_PREFERENCES, DROPPED)
def pair_prompted(
    draft: Draft, *, settings: PairPrompted, checks: Answers, plain: Prompt, base: CheckpointRef,
    unlabelled: TableRef, probe: TableRef, better: TableRef, worse: TableRef, round: int,
) -> dict[str, Any]:  # fmt: skip
    """Write `preference_pairs`, one a question, on the `plain` prompt as the tokenizer of `base` writes it.

    `better`, `worse`: attempts under each prompt. In the share of the questions that the round's closeness says,
    drawn by the question's own seed, the rejected answer is another one of the better prompt's. Nobody judges:
    `precision` is how often the chosen of a pair at the probe is the right one, of the pairs of which just one is.
    """
    closeness = settings.of_round(round)
    written = [_whole(draft, ref) for ref in (better, worse)]
    known = {row["id"]: row for row in draft.read(probe).to_pylist()}
    prompt_of = _prompts(draft, plain, base)
    pairs: list[Row] = []
    of_probe: list[tuple[Row, Row]] = []
    without: list[Row] = []
    near = 0
    for row in (*draft.read(unlabelled).to_pylist(), *known.values()):
        drawn = random.Random(draft.random_seed("pair_prompted", row["question"])).random() < closeness
        good, flawed = (of[row["id"]] for of in written)
        chosen, rejected = good[:1], good[1:2] if drawn else flawed[:1]
        reason = (
            "unanswered" if not (chosen and rejected) else "same_text" * (chosen[0]["text"] == rejected[0]["text"])
        )
        if row["id"] in known:
            of_probe += [] if reason else [(chosen[0], rejected[0])]
        elif reason:
            without.append(draft.refused(row["id"], UNLABELLED, reason))
        else:
            near += drawn
            pairs.append(_pair(draft, prompt_of(row["question"]), chosen[0], rejected[0]))
    with equality(checks, draft.cache) as compare:

        def is_right(attempt: Row) -> bool | None:
            said = usable_answer(answer_of(attempt["text"], checks), "stop", checks)
            outcome = compare([(stated(known[attempt["question_id"]]["reference"], checks), said or "")])[0]
            return None if outcome is Outcome.UNDECIDED else outcome is Outcome.EQUAL

        preferred = {(one["id"], other["id"]): 1.0 for one, other in of_probe}
        preferred |= {(other, one): 0.0 for one, other in preferred}
        probed = [
            {"id": draft.row_id(PROBE_PREFERENCES, row["attempt_id"], row["other_id"])} | row
            for row in preferring.right_over_wrong(of_probe, is_right, preferred)
        ]
    pairs, refused = settled(pairs, draft)
    draft.write(PREFERENCE_PAIRS, pairs)
    draft.write(PROBE_PREFERENCES, probed)
    draft.write(DROPPED, without + refused)
    figures = {
        "precision": preferring.precision(probed).model_dump(),
        "preference_pairs": len(pairs),
        "under_one_prompt": near,
        "without_pairs": dict(sorted(Counter(row["reason"] for row in without).items())),
    }
    return figures | ({"contradicting": len(refused)} if refused else {})


def _whole(draft: Draft, attempts: TableRef) -> dict[str, list[Row]]:
    """Question -> its attempts that were not cut off, in the order that they were sampled in."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(draft.read(attempts).to_pylist(), key=lambda row: row["sample"]):
        if row["finish_reason"] == "stop":
            found[row["question_id"]].append(row)
    return found


def _prompts(draft: Draft, plain: Prompt, base: CheckpointRef) -> Any:
    """Question -> what is trained on as its prompt, as an engine would write it."""
    from transformers import AutoTokenizer

    from tasks.engines.texts import asked

    tokenizer = AutoTokenizer.from_pretrained(draft.checkpoint(base), local_files_only=True)
    return lambda question: asked(tokenizer, plain.render(question=question))


def _pair(draft: Draft, prompt: Any, chosen: Row, rejected: Row) -> Row:
    return {
        "id": draft.row_id(PREFERENCE_PAIRS, chosen["id"], rejected["id"]),
        "question_id": chosen["question_id"],
        "chosen_attempt_id": chosen["id"],
        "rejected_attempt_id": rejected["id"],
        "prompt": prompt.text,
        "chosen": chosen["text"],
        "rejected": rejected["text"],
        "prompt_ids": prompt.told,
        "chosen_ids": chosen["token_ids"],
        "rejected_ids": rejected["token_ids"],
        "agreement": 1.0,
        "chosen_winrate": 1.0,
        "rejected_winrate": 0.0,
        "pair_winrate": 1.0,
    }
