"""Alarms: the recipe's rules for them, what a round measured, and those it was published with."""

from typing import Any, Literal

from pydantic import model_validator

from schemas.document import Record
from schemas.section import Section, Share


class AlarmRule(Section):
    """When a figure raises an alarm, and what that does."""

    threshold: Share
    """The figure must be beyond it; at the threshold there is no alarm yet."""
    level: Literal["warning", "hold", "off"]
    """warning: it is shown; hold: a better candidate is held until someone types `selfplay approve`; off: neither."""


class Alarms(Section):
    """Each is raised by a figure above its threshold; those marked so, below it. Figures are shares, measured in
    every round whatever the level. What is left out, of an alarm too, is the default."""

    vote_precision: AlarmRule = AlarmRule(threshold=0.5, level="warning")
    """Below: the upper end of the 95% interval of the vote's precision on the probe: few rows raise nothing."""
    reward_hacking: AlarmRule = AlarmRule(threshold=0.0, level="hold")
    """Greatest fall of vote precision since an earlier round whose reward was lower: the lower end of its 95%
    interval, over all such rounds together."""
    judge_precision: AlarmRule = AlarmRule(threshold=0.5, level="warning")
    """Below: the upper end of the 95% interval of how often a rubric judge is right about attempts at the probe."""
    judge_persuaded: AlarmRule = AlarmRule(threshold=0.5, level="warning")
    """Share of the answers that only try to persuade a rubric judge which it gives a half or more: the lower end of
    its 95% interval."""
    unanimous: AlarmRule = AlarmRule(threshold=0.9, level="warning")
    """Share of the questions whose attempts all agree: they teach little that the model does not do already."""
    answer_entropy: AlarmRule = AlarmRule(threshold=0.05, level="warning")
    """Below: entropy of the answers to a question, of the greatest it could be; 0 where all attempts agree."""
    same_answer: AlarmRule = AlarmRule(threshold=0.5, level="hold")
    """Share of the attempts, whatever the question, that give the commonest answer; a task of few answers needs a
    higher threshold."""
    read_from_prose: AlarmRule = AlarmRule(threshold=0.2, level="warning")
    """Share of the attempts that voted whose answer was read as the last number in the text, for want of a box, a
    phrase or a formula: such labels are guesses. With answers.pattern there are none."""
    distinct_2: AlarmRule = AlarmRule(threshold=0.5, level="warning")
    """Below: distinct word pairs of the new questions, over those of equally many pairs of the seeds."""
    near_duplicates: AlarmRule = AlarmRule(threshold=0.5, level="warning")
    """Share of the questions held against the seeds and all earlier ones that were not new, by propose.novelty."""
    length_drift: AlarmRule = AlarmRule(threshold=0.5, level="warning")
    """How far the mean length of attempts is from its median over earlier rounds: one minus the shorter over the
    longer; 0.5 is twice as long, or half."""
    truncated: AlarmRule = AlarmRule(threshold=0.5, level="warning")
    """Share of the attempts that max_tokens cut off: they never vote, and are not trained on as examples or pairs."""
    unanswered: AlarmRule = AlarmRule(threshold=0.02, level="warning")
    """Share of a table's rows that are missing because their request was refused, too long, or came back empty: what
    is left is what the server likes. Above validation.max_unanswered the stage fails the round."""
    contradicting: AlarmRule = AlarmRule(threshold=0.05, level="warning")
    """Share of a table's rows that were dropped because others of the round contradict them: one question with two
    labels, a pair and its reverse. Many of them say that the judge is not sure of itself."""
    other_tokens: AlarmRule = AlarmRule(threshold=0.5, level="warning")
    """Share of the attempts whose text, encoded anew, gives other tokens than were sampled: so would the texts whose
    tokens nobody told, such as a teacher's answers and gold solutions."""
    dropped: AlarmRule = AlarmRule(threshold=0.5, level="warning")
    """Share of a table's rows that were dropped for one reason; those beyond a target or a cap, and those
    that differ in nothing to learn from, do not count."""

    @model_validator(mode="before")
    @classmethod
    def what_is_left_out_is_the_default(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        defaults = {name: field.default.model_dump() for name, field in cls.model_fields.items()}
        return {
            name: defaults.get(name, {}) | rule if isinstance(rule, dict) else rule for name, rule in given.items()
        }


class Rules(Record):
    """The rules of the alarms that a round has."""

    of: dict[str, AlarmRule]
    """Alarm -> rule."""


class Measured(Record):
    """What a round's alarms measured, for later rounds to be held against."""

    round: int
    """The round that was measured."""
    of: dict[str, dict[str, Any]]
    """Alarm -> figures."""


class Alarm(Record):
    """A figure beyond its threshold, published with its round."""

    name: str
    """The key of `[alarms]` in the recipe."""
    level: Literal["warning", "hold"]
    """hold: it holds a better candidate."""
    figure: float
    """What was held against the threshold."""
    threshold: float | None
    """The recipe's, when the round was played."""
    text: str
    """The alarm in words of this project: nothing that a model wrote is in it."""
