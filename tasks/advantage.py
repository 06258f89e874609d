"""Advantage: how much better each attempt was than what it is held against, token by token, for a policy gradient."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any

from schemas.advantages import ADVANTAGES
from schemas.attempts import ATTEMPTS
from schemas.dropped import DROPPED
from schemas.losses import Policy
from schemas.manifest import CheckpointRef, TableRef
from schemas.table import writes
from tasks.grouping import comparable, usable
from tasks.store.draft import Draft
from tasks.training.advantages import batch, group, leave_one_out, token_returns
from tasks.training.tokens import logps_of, tokens_of, with_log_probabilities
from tasks.training.trainer import out_of_memory_named
from tasks.training.weights import load

Row = dict[str, Any]


@writes(ADVANTAGES, DROPPED)
def advantage(
    draft: Draft,
    *,
    settings: Policy,
    model: CheckpointRef,
    reference: CheckpointRef | None,
    attempts: TableRef,
    answers: TableRef,
    verdicts: TableRef,
    selections: TableRef,
    contamination: TableRef,
) -> dict[str, Any]:
    """Write `advantages`, one row an attempt at a new question with a verdict, and `dropped` attempts: those without
    a reward or with too long a prompt, and, held against each other alone, those without another beside them or in a
    group of one reward. A question that repeats a protected row has no rows.

    `model`: the policy that answered; it says again, as it will be trained, how likely each token was, so that the
    first step of training meets a ratio of 1. `reference`: what the KL is against, if the recipe has one.
    Off the band, rows are not kept: with filter = "after" they still count in what the others are held against.
    """
    chosen = set(draft.read(selections)["question_id"].to_pylist())
    apart = set(draft.read(contamination)["row_id"].to_pylist())
    ruled = [row for row in draft.read(verdicts).to_pylist() if row["answer"] is not None]
    counting = chosen if settings.filter == "before" else {row["question_id"] for row in ruled} - apart
    policy, tokenizer = load(draft.checkpoint(model))
    reward_of = {row["attempt_id"]: row["reward"] for row in draft.read(answers).to_pylist()}
    attempts_at = defaultdict(list)
    for attempt in draft.read(attempts).to_pylist():
        attempts_at[attempt["question_id"]].append(attempt | {"reward": reward_of[attempt["id"]]})
    rows: list[Row] = []
    dropped: list[Row] = []
    for verdict in ruled:
        if verdict["question_id"] in counting:
            asked = sorted(attempts_at[verdict["question_id"]], key=lambda row: row["sample"])
            kept = {"agreement": verdict["agreement"], "kept": verdict["question_id"] in chosen}
            whole, refused = usable([_read(attempt, tokenizer, settings) | kept for attempt in asked])
            if settings.advantage != "batch":
                whole, alike = comparable(whole, pulled=settings.kl is not None)
                refused += alike
            rows += [_unvalued(draft, attempt) for attempt in whole]
            dropped += [_dropped(draft, attempt, reason, settings) for attempt, reason in refused]
    with out_of_memory_named("policy"):
        said = {"old_logps": logps_of(with_log_probabilities(policy), rows, settings.rows_at_once)}
        if reference is not None:
            fixed = with_log_probabilities(load(draft.checkpoint(reference))[0])
            said["reference_logps"] = logps_of(fixed, rows, settings.rows_at_once)
    rows = [row | {name: values[i] for name, values in said.items()} for i, row in enumerate(rows)]
    valued = [row | {"advantages": a} for row, a in zip(rows, token_advantages(settings, rows), strict=True)]
    draft.write(ADVANTAGES, [{"reference_logps": None} | row for row in valued])
    draft.write(DROPPED, dropped)
    return {"attempts": len(rows), "kept": sum(row["kept"] for row in rows)}


def _read(attempt: Row, tokenizer: Any, settings: Policy) -> Row:
    """The attempt with its tokens, as training will read them."""
    ended = attempt["finish_reason"] == "stop"
    prompt_ids, completion_ids = tokens_of(tokenizer, attempt["prompt"], attempt["text"], ended, settings.max_length)
    return attempt | {"prompt_ids": prompt_ids, "completion_ids": completion_ids}


def _unvalued(draft: Draft, attempt: Row) -> Row:
    """A row of `advantages`, without what models say of it yet."""
    told = ("question_id", "agreement", "kept", "reward", "prompt", "prompt_ids", "completion_ids")
    return {
        "id": draft.row_id(ADVANTAGES, attempt["id"]), "attempt_id": attempt["id"], "completion": attempt["text"],
    } | {name: attempt[name] for name in told}  # fmt: skip


def _dropped(draft: Draft, attempt: Row, reason: str, settings: Policy) -> Row:
    lengths = (len(attempt["prompt_ids"]), settings.max_length) if reason == "too_long" else ()
    return draft.refused(attempt["id"], ATTEMPTS, reason, *lengths)


def token_advantages(settings: Policy, rows: Sequence[Row]) -> list[list[float]]:
    """A list a row: the advantage of each of its tokens. Rows of a question stand together; each has `question_id`,
    `reward`, `old_logps` and, with a KL in the reward, `reference_logps`."""
    import torch

    if not rows:
        return []
    lengths = torch.tensor([len(row["old_logps"]) for row in rows])
    mask = (torch.arange(int(lengths.max())) < lengths.unsqueeze(-1)).double()
    rewards = torch.tensor([row["reward"] for row in rows], dtype=torch.float64)
    kl = torch.zeros_like(mask)
    if settings.kl == "reward":
        for i, row in enumerate(rows):
            kl[i, : lengths[i]] = torch.tensor(row["old_logps"]) - torch.tensor(row["reference_logps"])
    returns = token_returns(rewards, kl, mask, settings.kl_weight or 0.0)
    if settings.advantage == "batch":
        found = batch(returns, mask)
    else:
        against = leave_one_out if settings.scale is None else partial(group, scale=settings.scale)
        sizes = [len(list(same)) for _, same in groupby(rows, key=lambda row: row["question_id"])]
        whole = returns[:, 0].split(sizes)  # an attempt's return is what its first token is followed by
        found = torch.cat([against(own) for own in whole]).unsqueeze(-1) * mask
    return [values[:n].tolist() for values, n in zip(found, lengths.tolist(), strict=True)]
