"""The sections of self-correction: [verify], [revise] and [mend]."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from schemas.section import Count, Section, Share
from schemas.settings import Prompted, Sampling

Word = Annotated[str, Field(max_length=100, pattern=r"^\S(?:[^\r\n]*\S)?$")]


class Revise(Prompted):
    """The template shows a first solution as `answer`, and its `question`; the solver is told that it is wrong."""

    rendered_with: ClassVar[dict[str, Any]] = {"question": "1", "answer": "1"}

    num_samples: Count
    """Samples of each first solution."""
    solutions_per_shard: Count
    """First solutions that are asked about together."""
    sampling: Sampling
    """How they are sampled."""


class Verify(Revise):
    """The template shows the same, and asks whether the solution is right."""

    right: Word
    """The verdict, a line of its own, that a solution is right: there an attempt ends."""
    wrong: Word
    """The verdict that it is wrong: behind it stands another solution."""

    @model_validator(mode="after")
    def the_verdicts_differ(self) -> Self:
        if self.right == self.wrong:
            raise ValueError(f"right = wrong = '{self.right}': the two verdicts must differ")
        return self


class Mend(Section):
    doubted_share: Share
    """Share of the right first solutions that give, if they can, a trajectory in which they are doubted and solved
    again, rightly (the paper's D2); the others one in which they are accepted (D3)."""
    pairs_per_question: Count
    """Most preference pairs: whole attempts whose last answer is right against those whose last answer is wrong."""
