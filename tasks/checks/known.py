"""What two answers say of each other without a checker: the same form, other numbers, other words, other units."""

from fractions import Fraction

from tasks.checks.answers import canonical, unit_of
from tasks.checks.forms import parts_of
from tasks.checks.numbers import rational
from tasks.checks.outcomes import Outcome, Pair

MAX_CHECKED_CHARS = 4_000
"""Longer forms are undecided without a look."""


def forms_to_compare(first: str, second: str) -> Pair | Outcome:
    """The canonical forms of two answers, brought to one unit if they state two; DIFFERENT if those cannot be."""
    forms = canonical(first), canonical(second)
    ours, theirs = unit_of(first), unit_of(second)
    if ours is None or theirs is None or ours == theirs:
        return forms
    if ours.dimension != theirs.dimension:
        return Outcome.DIFFERENT
    scale = ours.factor / theirs.factor
    value = rational(forms[0])
    if value is None:
        return f"({forms[0]})\\cdot\\frac{{{scale.numerator}}}{{{scale.denominator}}}", forms[1]
    scaled = value[0] * scale
    return canonical(f"{scaled.numerator}/{scaled.denominator}"), forms[1]


def outcome_of(first: str, second: str) -> Outcome | None:
    """The outcome for two canonical forms, if they show it themselves; None if a checker must look."""
    if not first or not second:
        return Outcome.DIFFERENT
    if first == second:
        return Outcome.EQUAL
    if max(len(first), len(second)) > MAX_CHECKED_CHARS:
        return Outcome.UNDECIDED
    ours, theirs = rational(first), rational(second)
    if ours and theirs:
        return _numbers(ours, theirs)
    figures, others = _figures(first), _figures(second)
    if figures and others and figures[0] == others[0]:
        return Outcome.EQUAL if figures[1] == others[1] else Outcome.DIFFERENT
    if (ours and others) or (theirs and figures):
        return Outcome.DIFFERENT  # one number is not several
    words, other_words = first.replace(" ", ""), second.replace(" ", "")
    if min(len(words), len(other_words)) > 3 and words.isalpha() and other_words.isalpha():
        # math-verify reads words as products of letters, and so takes "east" for "seat"
        return Outcome.EQUAL if words.casefold() == other_words.casefold() else Outcome.DIFFERENT
    return None


def _numbers(first: tuple[Fraction, bool], second: tuple[Fraction, bool]) -> Outcome:
    (value, percent), (other, other_percent) = first, second
    if value == other:
        return Outcome.EQUAL
    if percent == other_percent:
        return Outcome.DIFFERENT
    # 50% is 0.5, and is what 50 means where a percentage was asked for; .15 means no .15%
    figure, plain = (100 * value, other) if percent else (100 * other, value)
    return Outcome.EQUAL if figure == plain and abs(plain) >= 1 else Outcome.DIFFERENT


def _figures(form: str) -> tuple[str, tuple[Fraction, ...]] | None:
    """Two or more exact numbers in one pair of brackets, and which brackets; those of a set in rising order."""
    brackets, inside = form[0] + form[-1], form[1:-1]
    if form.startswith("\\{") and form.endswith("\\}"):
        brackets, inside = "{}", form[2:-2]
    elif brackets not in ("()", "[]", "(]", "[)"):
        return None
    found = [rational(part) for part in parts_of(inside)]
    values = [value for value, percent in filter(None, found) if not percent]
    if len(values) != len(found):
        return None
    values = sorted(set(values)) if brackets == "{}" else values
    return (brackets, tuple(values)) if len(values) > 1 else None
