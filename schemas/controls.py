"""Controls: arms of a round that show what self-play itself gains. They are measured, never promoted."""

from schemas.section import Section


class Controls(Section):
    seeds_alone: bool = False
    """Train the champion on the gold rows alone, as long as the round trains, and take the best of four checkpoints
    on the gate's benchmark: a choice that favours the control."""
    random_label: bool = False
    """Label each question that has a verdict with the answer of a random attempt, and train on these rows alone; all
    else is the same."""


CHECKPOINTS = 4
"""Points of the training on gold alone, the best of which counts."""

CONTROLS = {"control_seeds": "gold alone (at its best)", "control_random": "random label"}
"""Arm, as in a manifest's scores -> what it is called."""


def is_control(played: str) -> bool:
    """Whether a stage was played for a control, such as `train.control-seeds`."""
    return bool(arm_of(played))


def arm_of(played: str) -> str:
    """The arm that a stage was played for, such as `evaluate.control-seeds-2`; "" for the round's own stages."""
    label = played.partition(".")[2].replace("-", "_")
    return next((arm for arm in CONTROLS if label.startswith(arm)), "")
