"""What a policy gradient reads: attempts as tokens, and how much better each was than what it is held against."""

import pyarrow as pa

from schemas.answers import RIGHT_OR_WRONG
from schemas.table import column, parent, share, table, text, total

ADVANTAGES = table(
    "advantages",
    "an attempt as tokens, and how much better it was than others",
    parent("question_id", "questions", meaning="the question"),
    parent("attempt_id", "attempts", meaning="the attempt"),
    text("prompt", "the solver's prompt"),
    column("completion", pa.string(), "the attempt's text"),
    share("agreement", "share of attempts behind the verdict"),
    column("reward", pa.float64(), "1 if the attempt agrees with the verdict, else 0"),
    column("kept", pa.bool_(), "trained on; false: its question was not selected, it only counted for the others"),
    column("prompt_ids", pa.list_(pa.int32()), "the prompt's tokens"),
    column("completion_ids", pa.list_(pa.int32()), "the completion's, with the end token if the model stopped"),
    column(
        "old_logps", pa.list_(pa.float32()), "log-probability of each completion token, by the policy that answered"
    ),
    column(
        "reference_logps",
        pa.list_(pa.float32()),
        "the same by the reference, if there is a pull to one",
        nullable=True,
    ),
    column("advantages", pa.list_(pa.float32()), "advantage of each completion token"),
    also=(RIGHT_OR_WRONG,),
    whole=lambda limits: [total("kept", limits.min_policy_rows or 0)],
    trains=True,
)
