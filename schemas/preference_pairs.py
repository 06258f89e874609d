"""What preference training reads, in TRL's columns."""

import pyarrow as pa

from schemas.table import PROMPT_IDS, column, expect, ids_of, limited, parent, rows, share, table, text

PREFERENCE_PAIRS = table(
    "preference_pairs",
    "two answers to a prompt, one preferred",
    parent(
        "question_id",
        "questions",
        "inputs/seeds",
        "inputs/unlabelled",
        "inputs/gold",
        meaning="the question, seed or gold row",
    ),
    parent(
        "chosen_attempt_id",
        "attempts",
        meaning="an attempt that agrees with the verdict; null if gold is chosen",
        nullable=True,
    ),
    parent(
        "rejected_attempt_id",
        "attempts",
        meaning="a valid attempt that does not, or any attempt at a gold question",
    ),
    text("prompt", "the solver's prompt"),
    text("chosen", "text of the agreeing attempt, or the gold solution"),
    text("rejected", "text of the other"),
    PROMPT_IDS,
    ids_of("chosen"),
    ids_of("rejected"),
    column("agreement", pa.float64(), "share of attempts behind the verdict; 1 for gold"),
    share(
        "chosen_winrate",
        "how often the chosen attempt wins against all valid attempts at the question; 1 for gold",
    ),
    share("rejected_winrate", "the same of the rejected attempt"),
    share("pair_winrate", "how often the chosen attempt wins against the rejected one; 1 by votes"),
    also=(
        expect(
            "ExpectSelectColumnValuesToBeUniqueWithinRecord",
            column_list=["chosen", "rejected"],
            ignore_row_if="never",
        ),
    ),
    whole=lambda limits: limited(limits, "min_preference_pairs", rows),
    trains=True,
    later="later training, while the round is held",
)
