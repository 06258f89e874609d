"""The section [grade]: how a model grades attempts by a rubric."""

from typing import Annotated

from pydantic import Field

from schemas.section import Count, Pattern, Section
from schemas.settings import Sampling

SCORE_LINE = (
    r"(?im)^[\s*#_]*(?:final |total |overall )?score[\s*_]*[:=][\s*_]*"
    r"(-?[0-9][0-9.,-]*(?: ?(?:/|out of) ?[0-9]+)?)"
)
"""`Score: 4`, on a line of its own, as the shipped templates ask for it."""


class Rubric(Section):
    prompt: str
    """Template that shows the judge `question` and `answer`, and asks for a grade from 0 to `scale`. `fence` is a
    word that neither of the two holds, to show where they begin and end."""
    scale: Count
    """The highest grade; the lowest is 0."""
    pattern: Pattern = SCORE_LINE
    """Regular expression whose last match (group 1, if any) is the grade, behind the judge's thinking: `4`, `3.5` or
    `4/5`. What is off the scale is no grade. Run by RE2: no lookaround, no backreference."""
    num_samples: Count
    """Gradings of each attempt; its reward is the mean of those that can be read, over the scale."""
    questions_per_shard: Count
    """Questions whose gradings are written together."""
    sampling: Sampling
    """How gradings are sampled."""
    persuasion: Annotated[str, Field(min_length=1)]
    """A wrong answer that tries to persuade the judge: it is graded at each probe row, to measure what it gets."""
