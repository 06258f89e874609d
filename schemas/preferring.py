"""The section [prefer]: how a model is asked which of two answers is better."""

from typing import Any, ClassVar, Literal

from schemas.section import Count, Pattern
from schemas.settings import Prompted, Sampling

BETTER_LINE = r"(?im)^[\s*#_]*(?:better|preferred|winner)[\s*_]*[:=][\s*_]*(?:answer )?\(?([12AB])\b"
"""`Better: 1`, on a line of its own, as the shipped templates ask for it."""


class Prefer(Prompted):
    """The template shows the judge `question`, `first` and `second`, and asks which is better. `fence` is a word that
    none of them holds, to show where they begin and end."""

    rendered_with: ClassVar[dict[str, Any]] = {"question": "1", "first": "1", "second": "2", "fence": "f"}

    pattern: Pattern = BETTER_LINE
    """Regular expression whose last match (group 1, if any) says which, behind the judge's thinking: 1 or A for the
    first, 2 or B for the second. Anything else is undecided. Run by RE2: no lookaround, no backreference."""
    num_samples: Count
    """Comparisons of every two attempts in each of both orders."""
    questions_per_shard: Count
    """Questions whose comparisons are written together."""
    sampling: Sampling
    """How comparisons are sampled."""
    reward: Literal["win_rate", "win_share"] = "win_rate"
    """What an attempt earns. win_rate: its mean chance of being preferred over all attempts at its question, itself
    (a half) among them (SPPO); win_share: over the others alone (SPO)."""
