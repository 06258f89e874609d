"""What the fixed references of a preference loss say of its pairs, computed once before the first step."""

import pyarrow as pa

from schemas.table import between, column, one_of, parent, table

REFERENCE_LOGPS = table(
    "reference_logps",
    "what a fixed reference says of a pair",
    parent("pair_id", "preference_pairs", meaning="the preference pair"),
    column("method", pa.string(), "the method that trains on it, such as dpo"),
    one_of("reference", "start, champion or base", "start", "champion", "base"),
    column(
        "checkpoint",
        pa.string(),
        "digest of its weights; empty for the start of a method that follows another",
        nullable=True,
    ),
    column("chosen_logp", pa.float64(), "log-probability of the chosen answer, in nats, summed over its tokens"),
    column("rejected_logp", pa.float64(), "the same of the rejected answer"),
    also=(between("chosen_logp", None, 0), between("rejected_logp", None, 0)),
)
