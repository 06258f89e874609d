"""Sections of a recipe whose judge is trained, too: how questions and attempts are appraised."""

from typing import Any, ClassVar

from schemas.section import Count, Pattern, Share
from schemas.settings import Prompted, Sampling


class Appraise(Prompted):
    """The template shows the judge `question` and `answer`, and asks for a score from 1 to 10. `fence` is a word that
    neither of the two holds, to show where they begin and end."""

    role = "judge"
    rendered_with: ClassVar[dict[str, Any]] = {"question": "1", "answer": "1", "fence": "f"}

    pattern: Pattern
    """Regular expression whose last match (group 1, if any) is the score, behind the judge's thinking. How often it
    matches is what the judge is paid by. Run by RE2: no lookaround, no backreference."""
    num_samples: Count
    """Appraisals of each question or attempt; its score is the mean of those that can be read."""
    rows_per_shard: Count
    """Questions or attempts whose appraisals are written together."""
    sampling: Sampling
    """How appraisals are sampled."""


class AppraiseQuestions(Appraise):
    """The template is given the question as `question`, and an empty `answer`."""

    least: Share
    """A question of a lower mean score is not asked, and earns nothing for being hard."""
