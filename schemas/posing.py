"""The sections of a recipe whose proposer is rewarded: how questions are posed, and what they earn."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from schemas.section import Count, Pattern, Section, Share
from schemas.settings import Prompted, Sampling


class Posing(Prompted):
    """A raw prompt's last line, if it is left open, is the beginning of what is written."""

    role = "proposer"
    groups: ClassVar[int] = 2
    """Of the pattern."""

    num_samples: Annotated[int, Field(ge=2)]
    """Proposals a prompt: they are held against each other."""
    sampling: Sampling
    """How proposals are sampled."""
    pattern: Pattern
    """Regular expression whose first match in a proposal has the question in group 1 and its answer in group 2. Run
    by RE2: no lookaround, no backreference."""

    @model_validator(mode="after")
    def pattern_has_its_groups(self) -> Self:
        expected = {1: "one, the question", 2: "two, the question and its answer"}[self.groups]
        if (groups := re.compile(self.pattern).groups) != self.groups:
            raise ValueError(f"pattern has {groups} groups: expected {expected}")
        return self


class Pose(Posing):
    rendered_with: ClassVar[dict[str, Any]] = {"document": "1+1=2"}

    documents: Count
    """Documents read a round, drawn anew in each."""
    documents_per_shard: Count
    """Documents whose proposals are written together."""
    worked: bool = False
    """Group 2 is a worked solution, and [answers] finds the answer in it, as in an attempt. Then a question that
    has a marked answer is refused, and one that stands in its own solution."""


class PoseTopic(Posing):
    """Questions on what the prompt says, and nothing else: they come without answers."""

    groups = 1
    rendered_with: ClassVar[dict[str, Any]] = {}

    prompts: Count
    """How often the prompt is given in a round, each time with another seed."""
    prompts_per_shard: Count
    """Prompts whose proposals are written together."""


class PoseFromPool(PoseTopic):
    """Each prompt shows one question of the pool, drawn anew: a seed, or one that was posed before."""

    rendered_with: ClassVar[dict[str, Any]] = {"question": "1+1"}

    masked: Pattern | None = None
    """Regular expression: what group 1 of its first match is in a proposal is not trained on. Run by RE2."""

    @model_validator(mode="after")
    def one_span_is_masked(self) -> Self:
        if self.masked is not None and (groups := re.compile(self.masked).groups) != 1:
            raise ValueError(f"masked has {groups} groups: expected one, what is not trained on")
        return self


class PoseQuestion(Pose):
    """A proposal has no answer, and the pattern one group."""

    groups = 1

    @model_validator(mode="after")
    def nothing_is_worked(self) -> Self:
        if self.worked:
            raise ValueError("worked = true: a proposal has no answer in this method")
        return self


class PoseFromSeeds(Pose):
    """Each prompt shows several seeds where others show a document; `documents` says how many such draws."""

    rendered_with: ClassVar[dict[str, Any]] = {"fewshots": ["1+1", "1+1"]}

    num_fewshots: Annotated[int, Field(ge=2)]
    """Seeds shown in each prompt."""


class PoseTask(PoseQuestion, PoseFromSeeds):
    """A task alone, like those that each prompt shows."""


class Consistent(Section):
    max_agreement: Share
    """Highest share of attempts behind the answer; above it the question teaches nothing, though it is consistent."""


class RewardProposer(Section):
    reward: Literal[
        "gaussian_of_variance", "neither_all_nor_none", "rarer_outcome", "failure", "wrong_share", "hard_and_diverse",
        "tent",
    ]  # fmt: skip
    """What of the solver's success a question earns, and of how few of the last 100 resemble it
    (tasks/statistics/difficulty.py)."""
    length: Count | None = None
    """Mean length of the attempts, in tokens, from which on a question earns 1 more, and below it that share of 1;
    without it, length pays nothing."""
    invalid: float | None = None
    """What a proposal earns that gives no question; without it, nothing, and it is not trained on."""


class RewardDiversity(Section):
    weight: Annotated[float, Field(ge=0)]
    """What a proposal earns for a question unlike all others; 0 only measures how unlike they are."""


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
