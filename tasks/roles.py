"""A role is who speaks: the weights, the engine that runs them, and the prompt."""

from dataclasses import dataclass, replace

from schemas.engines import AnyEngine
from schemas.manifest import CheckpointRef, Teacher
from tasks.prompts import Prompt


@dataclass(frozen=True)
class Role:
    """A proposer, a solver or a judge, as a stage asks it."""

    engine: AnyEngine
    prompt: Prompt
    model: CheckpointRef | Teacher

    def by(self, model: CheckpointRef) -> "Role":
        """The same role, spoken by other weights."""
        return replace(self, model=model)
