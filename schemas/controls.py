"""Controls: arms of a round that show what self-play itself gains. They are measured, never promoted."""

from schemas.settings import Section


class Controls(Section):
    seeds_alone: bool = False
    """Train the champion on the gold rows alone, as long as the round trains, and take the best of four checkpoints
    on the gate's benchmark: a choice that favours the control."""
    random_label: bool = False
    """Label each question that has a verdict with the answer of a random attempt; all else is the same."""


CONTROLS = {"control_seeds": "gold alone (at its best)", "control_random": "random label"}
"""Arm, as in a manifest's scores -> what it is called."""


def is_control(played: str) -> bool:
    """Whether a stage was played for a control, such as `train.control-seeds`."""
    return played.partition(".")[2].startswith("control-")
