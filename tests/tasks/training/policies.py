"""What the tests of policy gradients share: settings, and what is said to a question."""

from pathlib import Path

from schemas.losses import Policy

TINY = Path(__file__).resolve().parents[3] / "deployments/models/tiny"
GRPO = Policy(
    waves=1, steps=4, batch_size=8, rows_at_once=4, learning_rate=1e-4, schedule="constant", max_length=64,
    advantage="group", scale="sample", filter="after", clip_low=0.2, clip_high=0.28, reduction="sequence",
)  # fmt: skip
RIGHT, WRONG = "1+2=3\n3+3=6\n6+4=10\n#10", "1+2=3\n3+4=7\n7+3=11\n#11"
FIVE = [1.0] * 5 + [0.0] * 3


def changed(**values):
    return GRPO.model_copy(update=values)
