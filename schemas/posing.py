"""The sections of a recipe whose proposer is rewarded: how questions are posed, and what they earn."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from schemas.section import Count, Pattern, Section, Share
from schemas.settings import Prompted, Sampling


class Posing(Prompted):
    """A raw prompt's last line, if it is left open, is the beginning of what is written."""

    role = "proposer"
    parts: ClassVar[tuple[str, ...]] = ("the question",)
    """What the pattern's groups hold."""

    num_samples: Annotated[int, Field(ge=2)]
    """Proposals a prompt: they are held against each other."""
    sampling: Sampling
    """How proposals are sampled."""
    pattern: Pattern
    """Regular expression whose first match in a proposal has the question in group 1 and, where it reads documents,
    its answer in group 2. Run by RE2: no lookaround, no backreference."""

    @model_validator(mode="after")
    def pattern_has_its_groups(self) -> Self:
        if (groups := re.compile(self.pattern).groups) != len(self.parts):
            raise ValueError(f"pattern has {groups} groups: expected {len(self.parts)}, {' and '.join(self.parts)}")
        return self


class Pose(Posing):
    rendered_with: ClassVar[dict[str, Any]] = {"document": "1+1=2"}
    parts = ("the question", "its answer")

    documents: Count
    """Documents read a round, drawn anew in each."""
    documents_per_shard: Count
    """Documents whose proposals are written together."""
    worked: bool = False
    """Group 2 is a worked solution, and [answers] finds the answer in it, as in an attempt. Then a question that
    has a marked answer is refused, and one that stands in its own solution."""


class PoseTopic(Posing):
    """Questions on what the prompt says, and nothing else: they come without answers."""

    rendered_with: ClassVar[dict[str, Any]] = {}

    prompts: Count
    """How often the prompt is given in a round, each time with another seed."""
    prompts_per_shard: Count
    """Prompts whose proposals are written together."""


class RewardProposer(Section):
    reward: Literal["gaussian_of_variance", "neither_all_nor_none", "rarer_outcome", "failure", "hard_and_diverse"]
    """What of the solver's success a question earns, and of how few of the last 100 resemble it
    (tasks/statistics/difficulty.py)."""
    invalid: float | None = None
    """What a proposal earns that gives no question; without it, nothing, and it is not trained on."""


class SuccessBand(Section):
    above: Share
    """The share of right attempts at a question must be higher than this for them to be trained on."""
    below: Share
    """And lower than this."""

    @model_validator(mode="after")
    def band_is_a_band(self) -> Self:
        if self.above >= self.below:
            raise ValueError(f"above = {self.above} must be less than below = {self.below}")
        return self
