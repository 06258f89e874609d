"""The section of a reward for exploration beside correctness."""

from typing import Annotated

from pydantic import Field

from schemas.section import Count, Pattern, Section


class RewardExploration(Section):
    correctness: Annotated[float, Field(gt=0.5, le=1)]
    """Weight of a right answer; exploration has the rest. Above a half, every right attempt earns more than any wrong
    one; 1 is the ablation: correctness alone."""
    step: Pattern
    """Regular expression of a step: each match in an attempt counts. Run by RE2: no lookaround, no backreference."""
    most_steps: Count
    """Steps beyond these earn nothing more: length alone does not pay."""
    exponent: Annotated[float, Field(gt=0)] = 1.0
    """Of the share of most_steps: below 1, the first steps earn most; above 1, the last ones."""
