"""What two answers say of each other without a checker: the same form, other numbers, other words, other units."""

import re
from fractions import Fraction

from tasks.checks.answers import canonical, measured
from tasks.checks.forms import parts_of
from tasks.checks.numbers import rational
from tasks.checks.outcomes import Outcome, Pair
from tasks.checks.units import Unit

MAX_CHECKED_CHARS = 4_000
"""Longer forms are undecided without a look."""


def forms_to_compare(first: str, second: str) -> Pair | Outcome:
    """The forms of two answers' values, brought to one unit if they state two; DIFFERENT if those cannot be. A unit
    may be missing on one side, and so may that an amount is in cents."""
    (value, unit), (other, other_unit) = measured(first), measured(second)
    if unit is None or other_unit is None:
        return _in_cents(value, unit, other, other_unit) or (value, other)
    if unit == other_unit:
        return value, other
    if unit.dimension != other_unit.dimension:
        return Outcome.DIFFERENT
    scale = unit.factor / other_unit.factor
    number = rational(value)
    if number is None:
        return f"({value})\\cdot\\frac{{{scale.numerator}}}{{{scale.denominator}}}", other
    scaled = number[0] * scale
    return canonical(f"{scaled.numerator}/{scaled.denominator}"), other


def _in_cents(value: str, unit: Unit | None, other: str, other_unit: Unit | None) -> Outcome | None:
    """EQUAL if one side is in cents and the other, bare, is the same amount in dollars."""
    cents, bare = (value, other) if unit else (other, value)
    stated = unit or other_unit
    figure, plain = rational(cents), rational(bare)
    if stated and stated.name == "cent" and figure and plain and figure[0] == 100 * plain[0]:
        return Outcome.EQUAL
    return None


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
    bases = _BASED.fullmatch(first), _BASED.fullmatch(second)
    if bases[0] and bases[1]:
        return Outcome.DIFFERENT  # math-verify drops the base
    if _are_words(first) and _are_words(second):
        # math-verify reads words as products of letters, and so takes "east" for "seat"
        equal = first.replace(" ", "").casefold() == second.replace(" ", "").casefold()
        return Outcome.EQUAL if equal else Outcome.DIFFERENT
    return None


_BASED = re.compile(r"[0-9A-Z]+_\{\d+\}")


def _are_words(form: str) -> bool:
    letters = form.replace(" ", "")
    return letters.isalpha() and (len(letters) > 3 or (len(letters) > 1 and letters.isupper()))


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
