"""The section [pair_prompted]: how near a rejected answer comes to the chosen one, round by round."""

from typing import Annotated

from pydantic import Field

from schemas.section import Section, Share


class PairPrompted(Section):
    closeness: Annotated[tuple[Share, ...], Field(min_length=1)]
    """Of each round, the last for all that follow: the share of questions whose rejected answer is written under the
    better prompt, too. 0: a pair is an answer under each prompt; 1: both are under one, and teach nothing."""

    def of_round(self, number: int) -> float:
        return self.closeness[min(number, len(self.closeness)) - 1]
