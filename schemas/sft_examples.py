"""What supervised fine-tuning reads, in TRL's columns."""

from schemas.questions import TRAINED_QUESTION
from schemas.table import PROMPT_IDS, expect, ids_of, limited, parent, rows, share, table, text

SFT_EXAMPLES = table(
    "sft_examples",
    "a prompt and the completion to learn",
    TRAINED_QUESTION,
    parent(
        "attempt_id",
        "attempts",
        "revisions",
        meaning="the agreeing attempt; null if the completion is gold",
        nullable=True,
    ),
    text("prompt", "the solver's prompt"),
    text("completion", "the attempt's text, or the gold solution"),
    PROMPT_IDS,
    ids_of("completion"),
    share("agreement", "share of attempts behind its answer; 1 for gold"),
    also=(expect("ExpectColumnValuesToNotMatchRegex", column="completion", regex=r"^\s*$"),),
    whole=lambda limits: limited(limits, "min_sft_examples", rows),
    trains=True,
    later="later training, while the round is held",
    watched=("completion",),
)
