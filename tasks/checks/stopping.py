"""When a question needs no more attempts: nothing that they could answer would change whether it is selected, and
with which label."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.answers.canonical import canonical


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
        """Whether, by the answers so far (None: one that does not vote), and whatever the others will be, the full
        vote is off the band, or is in it with the label that these answers give.

        The verdict on the answers so far is then on the same side of the band, by its share of the attempts made.
        Off the band its label may be another than the full vote's: select drops it either way. The probe's questions
        are stopped alike, and their labels are read: vote precision may be another than the full votes'.

        With `joins` this must hold however forms are joined: all but the commonest might turn out to be one answer.
        Then the label is the full vote's up to that equality: a later attempt might spell it otherwise.
        """
        forms = [canonical(answer) for answer in answers if answer is not None]
        counts = [count for _, count in Counter(form for form in forms if form).most_common()]
        top, second = [*counts, 0, 0][:2]
        remaining = self.num_planned - len(answers)
        rivals = sum(counts) - top if self.joins else second
        least = top / self.num_planned  # of all planned attempts behind the full vote's answer
        most = ((sum(counts) if self.joins else top) + remaining) / self.num_planned
        if least > self.max_agreement or most < self.min_agreement:
            return True
        in_band = self.min_agreement <= least and most <= self.max_agreement
        return in_band and top > rivals + remaining
