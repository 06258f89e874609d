"""Majority vote: the answer most attempts agree on."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tasks.answers.canonical import canonical
from tasks.answers.verify import Outcome

Same = Callable[[str, str], Outcome]


@dataclass(frozen=True)
class Verdict:
    """The outcome of a vote.

    answer: canonical form of the winner; None on a tie or without valid answers
    votes: attempts behind the answer, or behind the leading class if tied
    classes: (canonical form, count) by falling count, then form (rule "string": first seen); the leader is 0
    members: class of each attempt, as an index into `classes`; -1 for an invalid one
    undecided: pairs of forms on which the checker came to no outcome; they do not agree
    """

    answer: str | None
    votes: int
    num_attempts: int
    num_valid: int
    classes: tuple[tuple[str, int], ...]
    members: tuple[int, ...]
    tied: bool
    undecided: int

    @property
    def agreement(self) -> float:
        """Votes over all attempts; 0 without attempts."""
        return self.votes / self.num_attempts if self.num_attempts else 0.0

    @property
    def agreement_valid(self) -> float:
        """Votes over valid attempts; 0 without any."""
        return self.votes / self.num_valid if self.num_valid else 0.0


def vote(answers: Sequence[str | None], rule: str = "classes", same: Same | None = None, draw: int = 0) -> Verdict:
    """Vote on the answers of one question's attempts; None, and what has no canonical form, is invalid.

    classes: canonical forms, joined where `same` says EQUAL in both directions. Independent of the attempts'
        order; a tie for first place gives no answer.
    serl_pivot: SeRL's star (arXiv 2505.20347): the attempt that most others equal, in either direction, the
        first of several; attempts equal to that pivot form the one class, all others are members of none.
    string: the commonest canonical form, first seen first; `same` is not asked.
    random: a control. Where the classes have a leader, the answer is the class of one valid attempt instead, the one
        that `draw`, any number, falls on; it stands first. `votes` stays the leader's: the same questions are in the
        band, and only their labels differ.

    `same` is called with canonical forms; what it raises passes through.
    """
    forms = [canonical(answer) if answer is not None else "" for answer in answers]
    if rule == "classes":
        return _vote_by_classes(forms, same)
    if rule == "random":
        return _with_a_random_answer(_vote_by_classes(forms, same), draw)
    if rule == "serl_pivot":
        return _vote_by_pivot(forms, same)
    if rule == "string":
        return _vote_by_string(forms)
    raise ValueError(f"rule = {rule!r}: expected classes, serl_pivot, string or random")


def _vote_by_classes(forms: list[str], same: Same | None) -> Verdict:
    counts = Counter(form for form in forms if form)
    classes: list[list[str]] = []
    undecided = 0
    for form, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        for members in classes if same else ():
            outcome = _same_both_ways(same, min(members), form)
            undecided += outcome is Outcome.UNDECIDED
            # no union-find: equality is neither symmetric nor transitive (50 = 50% = 0.5, yet 50 is not 0.5)
            if outcome is Outcome.EQUAL:
                members.append(form)
                break
        else:
            classes.append([form])
    sized = [(min(members), sum(counts[form] for form in members), members) for members in classes]
    sized.sort(key=lambda item: (-item[1], item[0]))
    place = {form: index for index, (_, _, members) in enumerate(sized) for form in members}
    tied = len(sized) > 1 and sized[0][1] == sized[1][1]
    return Verdict(
        answer=sized[0][0] if sized and not tied else None,
        votes=sized[0][1] if sized else 0,
        num_attempts=len(forms),
        num_valid=counts.total(),
        classes=tuple((form, count) for form, count, _ in sized),
        members=tuple(place.get(form, -1) for form in forms),
        tied=tied,
        undecided=undecided,
    )


def _with_a_random_answer(voted: Verdict, draw: int) -> Verdict:
    if voted.answer is None:
        return voted
    valid = [member for member in voted.members if member >= 0]
    drawn = valid[draw % len(valid)]
    order = [drawn, *(place for place in range(len(voted.classes)) if place != drawn)]
    return replace(
        voted,
        answer=voted.classes[drawn][0],
        classes=tuple(voted.classes[place] for place in order),
        members=tuple(order.index(member) if member >= 0 else -1 for member in voted.members),
    )


def _same_both_ways(same: Same | None, first: str, second: str) -> Outcome:
    """EQUAL if both directions are; the second is asked only then."""
    assert same is not None
    outcome = same(first, second)
    return same(second, first) if outcome is Outcome.EQUAL else outcome


def _vote_by_pivot(forms: list[str], same: Same | None) -> Verdict:
    distinct = list(dict.fromkeys(form for form in forms if form))
    equal = {(form, form) for form in distinct}
    undecided = 0
    for index, first in enumerate(distinct if same else ()):
        for second in distinct[index + 1 :]:
            outcome = _same_either_way(same, first, second)
            undecided += outcome is Outcome.UNDECIDED
            if outcome is Outcome.EQUAL:
                equal |= {(first, second), (second, first)}
    counts = Counter(form for form in forms if form)
    votes = {form: sum(counts[other] for other in distinct if (form, other) in equal) for form in distinct}
    pivot = max(distinct, key=votes.__getitem__, default=None)  # the first of several: lowest index wins ties
    return Verdict(
        answer=pivot,
        votes=votes[pivot] if pivot else 0,
        num_attempts=len(forms),
        num_valid=counts.total(),
        classes=((pivot, votes[pivot]),) if pivot else (),
        members=tuple(0 if (pivot, form) in equal else -1 for form in forms),
        tied=False,
        undecided=undecided,
    )


def _same_either_way(same: Same | None, first: str, second: str) -> Outcome:
    """EQUAL if either direction is, as SeRL tries them; the second is asked only if the first is not."""
    assert same is not None
    outcome = same(first, second)
    if outcome is Outcome.EQUAL:
        return outcome
    back = same(second, first)
    return back if back is not Outcome.DIFFERENT else outcome


def _vote_by_string(forms: list[str]) -> Verdict:
    counts = Counter(form for form in forms if form)
    answer, votes = counts.most_common(1)[0] if counts else (None, 0)  # first seen first
    place = {form: index for index, (form, _) in enumerate(counts.most_common())}
    return Verdict(
        answer=answer,
        votes=votes,
        num_attempts=len(forms),
        num_valid=counts.total(),
        classes=tuple(counts.most_common()),
        members=tuple(place.get(form, -1) for form in forms),
        tied=False,
        undecided=0,
    )
