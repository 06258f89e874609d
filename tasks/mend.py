"""Mend: trajectories in which the model judges and mends its own solution, as SFT examples, and whole attempts
against each other, as preference pairs (self-rewarding correction, arXiv 2502.19613)."""

import hashlib
import random
from collections import Counter, defaultdict
from typing import Any

from schemas.attempts import ATTEMPTS
from schemas.correcting import Mend, Verify
from schemas.dropped import DROPPED
from schemas.inputs import GOLD
from schemas.manifest import CheckpointRef, TableRef
from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.settings import Answers
from schemas.sft_examples import SFT_EXAMPLES
from schemas.table import writes
from tasks.answers.canonical import answer_of, usable_answer
from tasks.answers.equality import equality
from tasks.answers.outcomes import Outcome
from tasks.checks.correcting import trajectory
from tasks.contradictions import settled
from tasks.engines.engine import Text
from tasks.pairing import correct_with_incorrect
from tasks.prompts import Prompt
from tasks.reading.corrected import read_corrected
from tasks.store.draft import Draft

Row = dict[str, Any]


@writes(SFT_EXAMPLES, PREFERENCE_PAIRS, DROPPED)
def mend(
    draft: Draft, *, settings: Mend, checks: Answers, words: Verify, plain: Prompt, base: CheckpointRef,
    gold: TableRef, attempts: TableRef, rewards: TableRef, verdicts_of: TableRef, revisions: TableRef,
) -> dict[str, Any]:  # fmt: skip
    """Write `sft_examples`, at most one a first solution, as many of wrong ones as of right ones. What is wrong is
    never learned: such a solution is context, behind the `plain` prompt, of the verdict and the second solution. And
    `preference_pairs`: attempts whose last answer is right, by their `rewards`, against those whose last answer is
    wrong."""
    solved = {row["id"]: row for row in draft.read(gold).to_pylist()}
    key_of = {name: answer_of(row["completion"], checks).text or "" for name, row in solved.items()}
    attempt_of = {row["id"]: row for row in draft.read(attempts).to_pylist() if row["finish_reason"] == "stop"}
    verdicts, others = (_by_attempt(draft, ref) for ref in (verdicts_of, revisions))
    made: dict[str, list[Row]] = {"D1": [], "D2": [], "D3": []}
    refused: list[Row] = []
    with equality(checks, draft.cache) as compare:

        def is_right(text: str, question: str) -> bool | None:
            said = usable_answer(answer_of(text, checks), "stop", checks)
            outcome = compare([(key_of[question], said)])[0] if said else Outcome.DIFFERENT
            return None if outcome is Outcome.UNDECIDED else outcome is Outcome.EQUAL

        for name in sorted(verdicts.keys() & attempt_of.keys()):
            question = attempt_of[name]["question_id"]
            first = read_corrected(attempt_of[name]["text"], words.right, words.wrong).first
            right = is_right(first, question)
            said = {row["text"].strip(): row for row in reversed(verdicts[name])}
            again = [(row, read_corrected(row["text"], words.right, words.wrong).first) for row in others[name]]
            mended = next(((row, text) for row, text in again if text and is_right(text, question)), None)
            doubted = random.Random(draft.random_seed("doubted", first, question)).random() < settings.doubted_share
            accepts = {truth for word, truth in ((words.right, True), (words.wrong, False)) if word in said}
            kind = None if right is None else trajectory(right, accepts, mended is not None, doubted)
            if kind is None:
                refused.append(draft.refused(name, ATTEMPTS, "undecided" if right is None else "no_trajectory"))
                continue
            tail = f"\n{words.right}" if kind == "D3" or mended is None else f"\n{words.wrong}\n{mended[1]}"
            of = said[words.right] if kind == "D3" or mended is None else mended[0]
            context, learned = (first, tail) if kind == "D1" else ("", first + tail)
            row = {"attempt": name, "question": question, "of": of["id"], "context": context, "learned": learned}
            made[kind].append(row)
    kept, surplus = _balanced(made["D1"], made["D2"] + made["D3"])
    refused += [draft.refused(row["attempt"], ATTEMPTS, "surplus") for row in surplus]
    prompt_of = _prompts(draft, plain, base, solved)
    draft.write(SFT_EXAMPLES, [_example(draft, row, prompt_of(row)) for row in kept])
    pairs, without = _pairs(draft, settings, solved, attempt_of, rewards)
    pairs, torn = settled(pairs, draft)
    draft.write(PREFERENCE_PAIRS, pairs)
    draft.write(DROPPED, refused + without + torn)
    return {
        "trajectories": {kind: len(rows) for kind, rows in made.items()},
        "sft_examples": len(kept),
        "preference_pairs": len(pairs),
        "without_pairs": dict(sorted(Counter(row["reason"] for row in without).items())),
    }


def _by_attempt(draft: Draft, ref: TableRef) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(draft.read(ref).to_pylist(), key=lambda row: row["sample"]):
        found[row["attempt_id"]] += [row] if row["finish_reason"] == "stop" or not row["verdict_id"] else []
    return found


def _balanced(wrong: list[Row], right: list[Row]) -> tuple[list[Row], list[Row]]:
    """As many of each, chosen by hash; and those beyond."""
    most = min(len(wrong), len(right))
    for rows in (wrong, right):
        rows.sort(key=lambda row: hashlib.sha256(row["attempt"].encode()).digest())
    return wrong[:most] + right[:most], wrong[most:] + right[most:]


def _prompts(draft: Draft, plain: Prompt, base: CheckpointRef, solved: dict[str, Row]) -> Any:
    """An example -> its prompt, a wrong first solution at its end, as an engine would read it."""
    from transformers import AutoTokenizer

    from tasks.engines.texts import asked

    tokenizer = AutoTokenizer.from_pretrained(draft.checkpoint(base), local_files_only=True)

    def prompt_of(row: Row) -> Any:
        prompt = plain.render(question=solved[row["question"]]["question"])
        assert isinstance(prompt, Text), "the method refuses chats"
        whole = Text(prompt + row["context"])
        whole.rows = (*prompt.rows, (len(prompt), len(whole)))
        return asked(tokenizer, whole)

    return prompt_of


def _example(draft: Draft, row: Row, prompt: Any) -> Row:
    return {
        "id": draft.row_id(SFT_EXAMPLES, row["attempt"], row["of"]), "question_id": row["question"],
        "attempt_id": row["of"], "prompt": prompt.text, "completion": row["learned"],
        "prompt_ids": prompt.told, "agreement": 1.0,
    }  # fmt: skip


def _pairs(
    draft: Draft, settings: Mend, solved: dict[str, Row], attempt_of: dict[str, Row], rewards: TableRef
) -> tuple[list[Row], list[Row]]:
    own: dict[str, list[Row]] = defaultdict(list)
    for row in draft.read(rewards).to_pylist():
        if row["reward"] is not None and row["row_id"] in attempt_of:
            attempt = attempt_of[row["row_id"]]
            own[attempt["question_id"]].append(attempt | {"reward": row["reward"]})
    pairs, without = list[Row](), list[Row]()
    for question in solved:
        found = sorted(own[question], key=lambda row: row["sample"])
        matched, reason = correct_with_incorrect(found, settings.pairs_per_question)
        without += [draft.refused(question, GOLD, reason)] if reason else []
        pairs += [
            {"id": draft.row_id(PREFERENCE_PAIRS, chosen["id"], rejected["id"]), "question_id": question}
            | {"chosen_attempt_id": chosen["id"], "rejected_attempt_id": rejected["id"], "prompt": chosen["prompt"]}
            | {"chosen": chosen["text"], "rejected": rejected["text"], "prompt_ids": chosen["prompt_ids"]}
            | {"chosen_ids": chosen["token_ids"], "rejected_ids": rejected["token_ids"], "agreement": 1.0}
            | {"chosen_winrate": 1.0, "rejected_winrate": 0.0, "pair_winrate": 1.0}
            for chosen, rejected in matched
        ]
    return pairs, without
