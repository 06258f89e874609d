"""What a policy gradient reads: what a policy wrote, as tokens, and how much better it was than what it is held
against."""

import pyarrow as pa

from schemas.table import column, limited, parent, table, text, total

ADVANTAGES = table(
    "advantages",
    "a completion as tokens, and how much better it was than others",
    parent("sample_id", "attempts", "turns", "proposals", "appraisals", meaning="what the policy wrote"),
    text("group", "what it was held against: the others of the same question, seat or document"),
    text("prompt", "what the policy was asked"),
    column("completion", pa.string(), "its text"),
    column("reward", pa.float64(), "what the judge gave it"),
    column("kept", pa.bool_(), "trained on; false: its question was not selected, it only counted for the others"),
    column("prompt_ids", pa.list_(pa.int32()), "the prompt's tokens"),
    column("completion_ids", pa.list_(pa.int32()), "the completion's, with the end token if the model stopped"),
    column(
        "old_logps", pa.list_(pa.float32()), "log-probability of each completion token, by the policy that wrote it"
    ),
    column(
        "reference_logps",
        pa.list_(pa.float32()),
        "the same by the reference, if there is a pull to one",
        nullable=True,
    ),
    column("advantages", pa.list_(pa.float32()), "advantage of each completion token"),
    whole=lambda limits: limited(limits, "min_policy_rows", lambda least: total("kept", least)),
    trains=True,
)
