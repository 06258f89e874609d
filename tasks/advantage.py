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
from tasks.store.draft import Draft
from tasks.training.advantages import batch, group, leave_one_out, token_returns
from tasks.training.tokens import logps_of, tokens_of, with_log_probabilities
from tasks.training.trainer import load, out_of_memory_named

Row = dict[str, Any]


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
            whole, refused = _group(draft, settings, tokenizer, [attempt | kept for attempt in asked])
            rows += whole
            dropped += refused
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


def _group(draft: Draft, settings: Policy, tokenizer: Any, attempts: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """A question's attempts as rows of `advantages` without values yet; and those that are dropped."""
    rows, refused = [], []
    for attempt in attempts:
        ended, longest = attempt["finish_reason"] == "stop", settings.max_length
        prompt_ids, completion_ids = tokens_of(tokenizer, attempt["prompt"], attempt["text"], ended, longest)
        if attempt["reward"] is None:
            refused.append(draft.refused(attempt["id"], ATTEMPTS, "no_reward"))
        elif not completion_ids:
            refused.append(draft.refused(attempt["id"], ATTEMPTS, "too_long", len(prompt_ids), longest))
        else:
            rows.append(
                {"id": draft.row_id(ADVANTAGES, attempt["id"]), "attempt_id": attempt["id"]}
                | {"prompt": attempt["prompt"], "completion": attempt["text"]}
                | {"prompt_ids": prompt_ids, "completion_ids": completion_ids}
                | {name: attempt[name] for name in ("question_id", "agreement", "kept", "reward")}
            )
    if settings.advantage == "batch":
        return rows, refused
    if len(rows) == 1:  # nothing to hold it against
        refused.append(draft.refused(rows.pop()["attempt_id"], ATTEMPTS, "no_group"))
    elif settings.kl is None and len({row["reward"] for row in rows}) == 1:  # zeros alone, and no pull either
        refused += [draft.refused(row["attempt_id"], ATTEMPTS, "no_difference") for row in rows]
        rows = []
    return rows, refused


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
