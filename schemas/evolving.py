"""The section [evolve]: which prompts are rewritten, and how; and what was found of each."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from schemas.section import Count, Pattern
from schemas.settings import Prompted, Sampling
from schemas.table import between, column, count, names, share, table

OPERATIONS = ("depth", "breadth")


class Evolve(Prompted):
    """The template is given `question` and `operation`: depth asks for a harder variant of it, breadth for another
    question of its field. A raw prompt's last line, if it is left open, is the beginning of what is written."""

    role = "proposer"
    rendered_with: ClassVar[dict[str, Any]] = {"question": "1+1+1", "operation": "depth"}

    target: Count
    """Rewritings a round; half of them in depth. The seeds themselves are asked beside them, all alike: a fifth of
    all prompts where there are four times as many rewritings."""
    lowest_reward_quantile: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Seeds whose lowest reward is below this quantile of all seeds' lowest are not rewritten (RIP); 0: all may."""
    drawn: Literal["by_information", "uniform"] = "by_information"
    """How seeds are drawn: in proportion to the gap of their rewards, or, the ablation, all alike."""
    prompts_per_shard: Count
    """Rewritings that are written together."""
    sampling: Sampling
    """How rewritings are sampled."""
    pattern: Pattern
    """Regular expression whose first match in a rewriting has the new question in group 1. Run by RE2: no lookaround,
    no backreference."""

    @model_validator(mode="after")
    def pattern_has_one_group(self) -> Self:
        if (groups := re.compile(self.pattern).groups) != 1:
            raise ValueError(f"pattern has {groups} groups: expected one, the question")
        return self


PROMPT_WEIGHTS = table(
    "prompt_weights",
    "how much there is to learn of a seed, and how often it was rewritten",
    names("seed_id", "inputs/seeds", meaning="the seed"),
    column("rewards", pa.list_(pa.float64()), "of the attempts at it, in their order; null: undecided"),
    column("information", pa.float64(), "the highest reward less the lowest; 0 where RIP refuses the seed"),
    share("probability", "of being drawn"),
    count("draws", "how often it was", least=0),
    also=(between("information", 0, None),),
)
