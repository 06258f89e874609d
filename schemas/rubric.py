"""The section [grade]: how a model grades attempts by a rubric."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from schemas.section import Count, Pattern, Share
from schemas.settings import Prompted, Sampling, Validate

SCORE_LINE = (
    r"(?im)^[\s*#_]*(?:final |total |overall )?score[\s*_]*[:=][\s*_]*"
    r"(-?[0-9][0-9.,-]*(?: ?(?:/|out of) ?[0-9]+)?)"
)
"""`Score: 4`, on a line of its own, as the shipped templates ask for it."""


class Rubric(Prompted):
    """The template shows the judge `question` and `answer`, and asks for a grade from 0 to `scale`. `fence` is a word
    that neither of the two holds, to show where they begin and end."""

    rendered_with: ClassVar[dict[str, Any]] = {"question": "1", "answer": "1", "fence": "f", "scale": 5}

    scale: Count
    """The highest grade; the lowest is 0. With 1, `yes` and `no` are grades too."""
    pattern: Pattern = SCORE_LINE
    """Regular expression whose last match (group 1, if any) is the grade, behind the judge's thinking: `4`, `3.5` or
    `4/5`. What is off the scale is no grade. Run by RE2: no lookaround, no backreference."""
    num_samples: Count
    """Gradings of each attempt; its reward is the mean of those that can be read, over the scale."""
    answer_pattern: Pattern | None = None
    """Regular expression that a whole final answer must match. With it the judge is shown the final answer alone, as
    [answers] finds it, and not how it was reached; what does not match gets 0 and is never shown. Run by RE2."""
    questions_per_shard: Count
    """Questions whose gradings are written together."""
    sampling: Sampling
    """How gradings are sampled."""
    persuasion: Annotated[str, Field(min_length=1)]
    """A wrong answer that tries to persuade the judge: it is graded at each probe row, to measure what it gets."""


class RubricLimits(Validate):
    min_judge_precision: Share | None = None
    """A judge that is right about fewer of the attempts at the probe, or of the pairs of a right and a wrong one,
    fails the round: its rewards cannot be trusted. Without it, none does."""
