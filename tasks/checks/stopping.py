"""When a question needs no more attempts: nothing that they could answer would change what becomes of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.checks.answers import canonical


@dataclass(frozen=True)
class Stopping:
    """What the vote and the selection will ask of a question's attempts.

    num_planned: attempts in all, if none are saved
    min_agreement, max_agreement: the band
    joins: the vote joins different forms that a checker calls equal
    """

    num_planned: int
    min_agreement: float
    max_agreement: float
    joins: bool

    def settled(self, answers: Sequence[str | None]) -> bool:
        """Whether the vote's leader cannot be overtaken, or its share of all planned attempts is certainly outside
        the band, by the answers so far (None: one that does not vote), whatever the others will be.

        With `joins` this must hold however forms are joined: all but the commonest might turn out to be one answer.
        Then the label is the full vote's up to that equality: a later attempt might spell it shorter.
        """
        forms = [canonical(answer) for answer in answers if answer is not None]
        counts = [count for _, count in Counter(form for form in forms if form).most_common()]
        top, second = [*counts, 0, 0][:2]
        remaining = self.num_planned - len(answers)
        rivals = sum(counts) - top if self.joins else second
        most = sum(counts) if self.joins else top
        above = top / self.num_planned > self.max_agreement
        below = (most + remaining) / self.num_planned < self.min_agreement
        return top > rivals + remaining or above or below
