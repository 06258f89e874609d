"""What a policy wrote, as a policy gradient reads it: tokens, and how likely the policy and a reference find each."""

from collections.abc import Sequence
from typing import Any

from schemas.advantages import ADVANTAGES
from schemas.losses import Policy
from schemas.manifest import CheckpointRef
from tasks.engines.texts import anew, end_after
from tasks.store.draft import Draft
from tasks.training.tokens import logps_of, with_log_probabilities
from tasks.training.trainer import out_of_memory_named
from tasks.training.weights import load

Row = dict[str, Any]
TOLD = ("completion", "group", "kept", "reward", "prompt", "prompt_ids", "completion_ids")


def with_tokens(tokenizer: Any, samples: Sequence[Row]) -> list[Row]:
    """Attempts, turns or proposals with `prompt_ids` and `completion_ids`: the tokens that were sampled."""
    asked = [sample["prompt_ids"] or tokenizer(sample["prompt"])["input_ids"] for sample in samples]
    said = [sample["token_ids"] for sample in samples]
    missing = [i for i, ids in enumerate(said) if ids is None]
    given = [(samples[i]["prompt"], asked[i]) for i in missing]
    for i, ids in zip(missing, anew(tokenizer, given, [samples[i]["text"] for i in missing]), strict=True):
        ended = samples[i]["finish_reason"] == "stop"
        said[i] = ids + [end_after(tokenizer, samples[i]["prompt"])] * ended
    return [
        sample | {"completion": sample["text"], "prompt_ids": prompt, "completion_ids": completion}
        for sample, prompt, completion in zip(samples, asked, said, strict=True)
    ]


def with_log_probs(
    draft: Draft, settings: Policy, policy: Any, reference: CheckpointRef | None, samples: Sequence[Row]
) -> list[Row]:
    """Samples with `old_logps` of the loaded policy that wrote them, said as it will be trained, so that the first
    ratio is 1; and with `reference_logps`, None without a reference."""
    with out_of_memory_named("policy"):
        old = logps_of(with_log_probabilities(policy), samples, settings.rows_at_once)
        fixed: list[list[float]] | list[None] = [None] * len(samples)
        if reference is not None:
            model = with_log_probabilities(load(draft.checkpoint(reference))[0])
            fixed = logps_of(model, samples, settings.rows_at_once)
    return [
        sample | {"old_logps": mine, "reference_logps": theirs}
        for sample, mine, theirs in zip(samples, old, fixed, strict=True)
    ]


def advantage_rows(draft: Draft, samples: Sequence[Row], advantages: Sequence[list[float]]) -> list[Row]:
    """Rows of `advantages`. Each sample has an id, tokens, log-probabilities, `group`, `kept` and `reward`."""
    return [
        {"id": draft.row_id(ADVANTAGES, sample["id"]), "sample_id": sample["id"], "advantages": values}
        | {name: sample[name] for name in (*TOLD, "old_logps", "reference_logps")}
        for sample, values in zip(samples, advantages, strict=True)
    ]
