"""Advantage: how much better each sample was than what it is held against, token by token, for a policy gradient."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

from schemas.advantages import ADVANTAGES
from schemas.appraisals import APPRAISALS
from schemas.attempts import ATTEMPTS
from schemas.dropped import DROPPED
from schemas.losses import Policy
from schemas.manifest import CheckpointRef, TableRef, ValidRows
from schemas.posing import SuccessBand
from schemas.proposals import PROPOSALS
from schemas.table import writes
from schemas.work import Work, of_rows
from tasks.grouping import comparable, length, summed, usable
from tasks.store.draft import Draft
from tasks.training.advantages import batch, group, leave_one_out, token_returns
from tasks.training.encoded import refuse_too_many
from tasks.training.masked import without_masked
from tasks.training.valued import advantage_rows, with_log_probs, with_tokens
from tasks.training.weights import load

Row = dict[str, Any]
SAMPLES = {each.name: each for each in (ATTEMPTS, PROPOSALS, APPRAISALS)}
GROUP = {"attempts": "question_id", "proposals": "shown_ids", "appraisals": "row_id"}
"""Column of what the others of a group have in common."""


@writes(ADVANTAGES, DROPPED)
def advantage(
    draft: Draft,
    *,
    settings: Policy,
    model: CheckpointRef,
    reference: CheckpointRef | None,
    rewards: TableRef,
    samples: TableRef | ValidRows,
    selections: TableRef | None = None,
    contamination: TableRef | None = None,
    band: SuccessBand | None = None,
    added: TableRef | None = None,
    one_group: bool = False,
    masked: str | None = None,
) -> dict[str, Any]:
    """Write `advantages`, one row a sample with a reward, and `dropped` samples: those longer than max_length, and,
    held against each other alone, those without another beside them or in a group of one reward.

    `samples`: attempts, proposals or appraisals that `model` wrote: the policy says again, as it will be trained, how
    likely each token was, so that the first step of training meets a ratio of 1. `reference`: what the KL is against,
    if the recipe has one. Off the band (no row of `selections`), rows are not kept: with filter = "after" they still
    count in what the others are held against, but for questions that repeat a protected row (`contamination`).
    `band`: the mean reward of a group must lie in it for its rows to be kept. `added`: another judge's rewards, to be
    added; undecided if either is. `one_group`: all samples are held against each other. `masked`: a pattern whose
    first group's tokens have no advantage.
    """
    table = (samples.tables[0] if isinstance(samples, ValidRows) else samples).table
    chosen = None if selections is None else set(draft.read(selections)["question_id"].to_pylist())
    apart = set() if contamination is None else set(draft.read(contamination)["row_id"].to_pylist())
    reward_of = summed(*(draft.read(ref).to_pylist() for ref in (rewards, added) if ref))
    policy, tokenizer = load(draft.checkpoint(model))
    groups = defaultdict(list)
    for sample in draft.read(samples).to_pylist():
        shared = sample[GROUP[table]]
        name = "all" if one_group else _shared(shared, sample)
        kept = chosen is None or name in chosen
        counts = kept or (settings.filter == "after" and name not in apart)
        if counts and sample["id"] in reward_of:  # attempts at probe rows have none
            groups[name].append(sample | {"group": name, "kept": kept, "reward": reward_of[sample["id"]]})
    rows: list[Row] = []
    dropped: list[Row] = []
    for _, together in sorted(groups.items()):
        if all(sample["reward"] is None for sample in together):
            continue  # nobody ruled on it
        if band and not band.above < _mean(together) < band.below:
            if settings.filter == "before":
                continue
            together = [sample | {"kept": False} for sample in together]
        together.sort(key=lambda sample: (sample.get("sample", 0), sample["id"]))
        whole, refused = usable(with_tokens(tokenizer, together), settings.max_length)
        if settings.advantage != "batch":
            whole, alike = comparable(whole, pulled=settings.kl is not None)
            refused += alike
        rows += whole
        dropped += [_dropped(draft, table, sample, reason, settings) for sample, reason in refused]
    too_long = [row["figure"] for row in dropped if row["reason"] == "too_long"]
    looked_at = sum(map(len, groups.values()))
    refuse_too_many("policy", table, too_long, looked_at, settings.max_length)
    rows = with_log_probs(draft, settings, policy, reference, rows)
    values = without_masked(tokenizer, rows, token_advantages(settings, rows), masked)
    draft.write(ADVANTAGES, advantage_rows(draft, rows, values))
    draft.write(DROPPED, dropped)
    figures = {"samples": len(rows), "kept": sum(row["kept"] for row in rows)}
    return figures | ({"too_long": len(too_long)} if too_long else {})


def _mean(samples: Sequence[Row]) -> float:
    """Of the rewards that were given."""
    given = [float(sample["reward"]) for sample in samples if sample["reward"] is not None]
    return sum(given) / len(given)


def _shared(ids: str | list[str], sample: Row) -> str:
    """What a group is called: by what it was made from, else by the prompt that it answers."""
    return ids if isinstance(ids, str) else " ".join(ids) or f"prompt {sample['prompt_index']}"


def work(settings: Policy, rows: Mapping[str, int]) -> Work:
    """Each token with its id, text, advantage and log-probabilities: three times a text's bytes."""
    return replace(of_rows(rows["samples"], longest=3 * settings.max_length), tokens=0)


def _dropped(draft: Draft, table: str, sample: Row, reason: str, settings: Policy) -> Row:
    lengths = (length(sample), settings.max_length) if reason == "too_long" else ()
    return draft.refused(sample["id"], SAMPLES[table], reason, *lengths)


def token_advantages(settings: Policy, rows: Sequence[Row]) -> list[list[float]]:
    """A list a row: the advantage of each of its tokens. Rows of a group stand together; each has `group`,
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
        sizes = [len(list(same)) for _, same in groupby(rows, key=lambda row: row["group"])]
        whole = returns[:, 0].split(sizes)  # an attempt's return is what its first token is followed by
        found = torch.cat([against(own) for own in whole]).unsqueeze(-1) * mask
    return [values[:n].tolist() for values, n in zip(found, lengths.tolist(), strict=True)]
