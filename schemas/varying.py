"""The section [vary]: trees of easier variants of the user's problems."""

import re
from typing import Any, ClassVar, Self

from pydantic import model_validator

from schemas.section import Count, Pattern
from schemas.settings import Prompted, Sampling

OPERATIONS = ("drop a part", "smaller numbers", "another of the same kind")


class Vary(Prompted):
    """The template is given `question`, and `operation`, one of three in turns: what to make of it. A raw prompt's
    last line, if it is left open, is the beginning of what is written."""

    role = "proposer"
    rendered_with: ClassVar[dict[str, Any]] = {"question": "1+1+1", "operation": OPERATIONS[0]}

    branching: Count
    """Variants asked of each problem and of each variant."""
    depth: Count
    """Levels of variants of variants: a root has at most (b^(d+1) - b) / (b - 1) of them."""
    parents_per_shard: Count
    """Problems or variants whose variants are written together."""
    sampling: Sampling
    """How variants are sampled."""
    pattern: Pattern
    """Regular expression whose first match in what is written has the variant in group 1: with answers.equivalence =
    'integral' the integrand, else a sum or another expression of numbers. Run by RE2: no lookaround, no
    backreference."""

    @model_validator(mode="after")
    def pattern_has_one_group(self) -> Self:
        if (groups := re.compile(self.pattern).groups) != 1:
            raise ValueError(f"pattern has {groups} groups: expected one, the variant")
        return self
