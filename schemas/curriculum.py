"""Which of the user's questions a wave asks: [solve.curriculum], by what came of those that were asked before."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.section import Pattern, Section, Share
from schemas.settings import Solve

Above0 = Annotated[float, Field(gt=0)]


class Bandit(Section):
    """SEC (Chen et al. 2025, arXiv 2505.14970): kinds of questions, drawn by how much was learnt from each lately."""

    by: Literal["bandit"]
    arms: Annotated[tuple[Pattern, ...], Field(min_length=1)]
    """Regular expressions. A question's kind is the first that its text matches; the others are one kind more."""
    step_size: Annotated[float, Field(gt=0, le=1)] = 0.5
    """How far a kind's value moves to what the last wave showed."""
    temperature: Above0 = 0.4
    """Of the softmax over values: near 0 the best kind alone is asked."""


class Replay(Section):
    """Prioritized level replay (Jiang et al. 2021, arXiv 2010.03934): questions that taught most are asked again."""

    by: Literal["replay"]
    temperature: Above0 = 0.1
    """A question is drawn in proportion to 1/rank to the power of 1/temperature."""
    stale_share: Share = 0.1
    """Share of the chances that goes by how many waves ago a question was asked."""


class Progress(Section):
    """ALP-GMM (Portelas et al. 2019, arXiv 1910.07224): lengths of questions at which the reward moved most."""

    by: Literal["progress"]
    most_components: Annotated[int, Field(ge=2, le=20)] = 5
    """The mixture has two of these or more, whichever Akaike's criterion prefers."""
    uniform_share: Share = 0.2
    """Share of the questions that is drawn from all alike."""


Curriculum = Annotated[Bandit | Replay | Progress, Field(discriminator="by")]


class SolveByCurriculum(Solve):
    """Of a method whose waves may ask any of the user's questions, and one of them several times."""

    curriculum: Curriculum | None = None
    """Without it, each wave asks its own share of the questions."""
