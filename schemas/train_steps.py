"""What the trainer logged, one row a logged step."""

import pyarrow as pa

from schemas.table import column, table

TRAIN_STEPS = table(
    "train_steps",
    column("method", pa.string(), "sft or dpo"),
    column("step", pa.int32(), "optimiser step, from 1"),
    column("loss", pa.float64(), "mean training loss since the row before"),
    column("learning_rate", pa.float64(), "learning rate at this step"),
    column("grad_norm", pa.float64(), "norm of the gradient before clipping", nullable=True),
    column("num_tokens", pa.int64(), "tokens trained on so far, where the trainer counts them", nullable=True),
    column("reward_accuracy", pa.float64(), "share of pairs ranked rightly (dpo)", nullable=True),
)
