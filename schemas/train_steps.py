"""What the trainer logged, one row a logged step."""

import pyarrow as pa

from schemas.table import column, count, table

TRAIN_STEPS = table(
    "train_steps",
    "a step that the trainer logged",
    column("method", pa.string(), "sft, dpo, ..."),
    count("step", "optimiser step, from 1"),
    column("loss", pa.float64(), "mean training loss since the row before"),
    column("learning_rate", pa.float64(), "learning rate at this step"),
    column("grad_norm", pa.float64(), "norm of the gradient before clipping", nullable=True),
    column("num_tokens", pa.int64(), "tokens trained on so far, where the trainer counts them", nullable=True),
    column("reward_accuracy", pa.float64(), "share of pairs ranked rightly (preference methods)", nullable=True),
    column(
        "entropy",
        pa.float64(),
        "mean entropy of a token's distribution, in nats, where the trainer has it",
        nullable=True,
    ),
    column("chosen_logratio", pa.float64(), "mean log-ratio of the chosen answers to the reference", nullable=True),
    column(
        "kl", pa.float64(), "mean KL of a token to the reference (k3), of a policy gradient with one", nullable=True
    ),
    column("reward", pa.float64(), "mean reward of the step's attempts (policy gradient)", nullable=True),
    column("length", pa.float64(), "mean tokens of their completions (policy gradient)", nullable=True),
)
