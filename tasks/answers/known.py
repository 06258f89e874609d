"""What two answers say of each other without a checker: exact values first, and never equal what a careful person
would tell apart."""

import itertools
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from tasks.answers import phrases
from tasks.answers.cursor import Node, is_small
from tasks.answers.evaluation import symbols
from tasks.answers.exact import Unknown, exact
from tasks.answers.forms import read
from tasks.answers.measures import (
    DIFFERENT,
    EQUAL,
    EXPRESSIONS,
    UNDECIDED,
    amounts_compared,
    difference,
    equations_compared,
    outcome_if,
    values_compared,
)
from tasks.answers.outcomes import Outcome
from tasks.answers.reals import of_interval
from tasks.answers.shapes import is_name
from tasks.answers.values import proportional, same_value

MAX_CHECKED_CHARS = 4_000
"""Longer answers are undecided without a look."""


def outcome_of(first: str, second: str) -> Outcome | None:
    """The outcome for two answers, if what they say shows it, else None. Symmetric; never raises."""
    found = unread(first, second)
    return found if found is not None else outcome_of_read(read(first), read(second))


def unread(first: str, second: str) -> Outcome | None:
    """The outcome for texts of which one says nothing, is too long, or is the other."""
    if not first.strip() or not second.strip():
        return DIFFERENT
    if max(len(first), len(second)) > MAX_CHECKED_CHARS:
        return EQUAL if first == second else UNDECIDED
    return None


def outcome_of_read(one: Node, other: Node) -> Outcome | None:
    """The outcome for two answers that were read, if what they say shows it."""
    if ("words", "") in (one, other):
        return DIFFERENT
    return compared(*sorted((one, other), key=repr))


def compared(one: Node, other: Node) -> Outcome | None:
    """The outcome for two answers that were read."""
    return _compared_small(one, other) if is_small(one) and is_small(other) else _compared_once(one, other)


@lru_cache(maxsize=1 << 16)
def _compared_small(one: Node, other: Node) -> Outcome | None:
    return _compared_once(one, other)


def _compared_once(one: Node, other: Node) -> Outcome | None:
    try:
        return _compared(one, other)
    except RecursionError:
        return UNDECIDED


def _compared(one: Node, other: Node) -> Outcome | None:
    if one == other:
        return EQUAL
    for first, second in ((one, other), (other, one)):
        found = _by_kind(first, second)
        if not isinstance(found, _NoRule):
            return found
    return values_compared(one, other) if one[0] in EXPRESSIONS and other[0] in EXPRESSIONS else DIFFERENT


class _NoRule:
    pass


_NO_RULE = _NoRule()


def _by_kind(one: Node, other: Node) -> Outcome | _NoRule | None:
    """What the kind of the first says of both; _NO_RULE if the second's must."""
    kind, theirs = one[0], other[0]
    if kind == "raw":
        return _raw(one, other)
    if kind == "choice":
        return _choices(one, other)
    if kind == "words":
        if theirs == "words":
            names = one[1][:1].isupper() and other[1][:1].isupper()  # Williams is not William
            first, second = phrases.words_form(one[1]), phrases.words_form(other[1])
            return outcome_if(phrases.same_words(first, second, endings=not names))
        if theirs == "set" and one[1].isupper() and all(item[0] == "sym" for item in other[1]):  # ACD
            return outcome_if(sorted(one[1]) == sorted(item[1] for item in other[1]))
        return DIFFERENT if theirs != "raw" else _NO_RULE
    if kind == "clock":
        return _clocks(one, other)
    if kind == "date":
        return DIFFERENT
    if kind == "based":
        return (
            outcome_if(exact(other) == one[1])
            if theirs == "num"
            else DIFFERENT
            if theirs != "based"
            else outcome_if(one[1:] == other[1:])
        )
    if kind == "named":
        return _named(one, other)
    if kind == "rel":
        return _relations(one, other)
    if kind == "reals":
        return _reals(one, other)
    if kind == "amount":
        return amounts_compared(one, other) if theirs in ("amount", *EXPRESSIONS) else _NO_RULE
    if kind in ("set", "several"):
        return _unordered(one, other)
    if kind in ("seq", "sequence", "ratios"):
        return _ordered(one, other)
    if kind == "matrix":
        return _matrices(one, other)
    if kind == "family":
        if theirs != "family":
            return DIFFERENT
        return _all([compared(one[1], other[1]), compared(one[2], other[2])])
    if kind == "mod":
        return _moduli(one, other)
    if kind in ("empty", "all", "quotient", "builder"):
        return DIFFERENT
    return _NO_RULE


def _all(outcomes: Sequence[Outcome | None]) -> Outcome | None:
    """EQUAL if all are; DIFFERENT if one is; else what is left open."""
    if DIFFERENT in outcomes:
        return DIFFERENT
    return UNDECIDED if UNDECIDED in outcomes else None if None in outcomes else EQUAL


def _raw(one: Node, other: Node) -> Outcome | None:
    """Mathematics that is not read here: a checker knows limits, integrals, derivatives and endless sums."""
    if other[0] == "raw" and "".join(one[1].split()) == "".join(other[1].split()):
        return EQUAL
    known = all(node[0] in EXPRESSIONS or (node[0] == "raw" and _ANALYSIS.search(node[1])) for node in (one, other))
    return None if known else DIFFERENT


_ANALYSIS = re.compile(r"\\(?:lim|i*int|oint|sum|prod)(?![a-z])|\\frac\{d\}|\\partial(?![a-z])")


def _choices(one: Node, other: Node) -> Outcome | None:
    _, letter, text = one
    if other[0] == "choice":
        if letter == other[1] and text and other[2] and compared(read(text), read(other[2])) is DIFFERENT:
            return UNDECIDED
        return outcome_if(letter == other[1])
    if other[0] == "sym" and other[1] == letter.lower() and not text:
        return EQUAL
    if other == ("const", "i"):
        return DIFFERENT
    return compared(*sorted((read(text), other), key=repr)) if text else DIFFERENT


def _clocks(one: Node, other: Node) -> Outcome | None:
    if other[0] == "ratios" and len(other[1]) == 2 and one[3] and one[1] % 60 == 0:  # 10:15 is 2:3
        minutes = one[1] // 60 % 60
        return values_compared(("num", Fraction(one[3], minutes), 0), ("/", *other[1])) if minutes else DIFFERENT
    if other[0] != "clock":
        return DIFFERENT
    halves = {one[2], other[2]} - {""}
    return outcome_if(one[1] == other[1] and len(halves) < 2)


def _named(one: Node, other: Node) -> Outcome | None:
    pairs = one[1]
    if other[0] == "named":
        if [name for name, _ in pairs] == [name for name, _ in other[1]]:
            return _all([compared(a, b) for (_, a), (_, b) in zip(pairs, other[1], strict=True)])
        return (
            equations_compared(difference(one), difference(other)) if len(pairs) == len(other[1]) == 1 else DIFFERENT
        )
    if other[0] == "rel":
        return (
            equations_compared(difference(one), difference(other))
            if len(pairs) == 1 and other[1] == ("=",)
            else DIFFERENT
        )
    values = [value for _, value in pairs]
    if len(pairs) == 1:
        return compared(*sorted((values[0], other), key=repr))
    if other[0] == "seq" and other[1] + other[2] == "()" and len(other[3]) == len(values):
        if len(one) > 2:  # (m,b)=(1,2) has its own order
            values = list(one[2])
        elif not _adjacent([name for name, _ in pairs]):
            return UNDECIDED
        return _all([compared(a, b) for a, b in zip(values, other[3], strict=True)])
    if other[0] in ("set", "several"):
        return UNDECIDED if _matched(values, list(other[1])) is EQUAL else DIFFERENT
    return DIFFERENT


def _adjacent(names: list[Node]) -> bool:
    """Whether names follow one another in the alphabet, or in their numbers: then a point has their order."""
    letters = [str(name[1]) for name in names]
    if all(len(letter) == 1 for letter in letters):
        return all(ord(b) - ord(a) == 1 for a, b in itertools.pairwise(letters))
    return len({letter[0] for letter in letters}) == 1


def _relations(one: Node, other: Node) -> Outcome | None:
    signs, sides = one[1], one[2]
    if other[0] == "rel":
        if signs != other[1]:
            return DIFFERENT
        if signs == ("in",):
            return _all([compared(a, b) for a, b in zip(sides, other[2], strict=True)])
        if len(signs) > 1:
            same = all(same_value(a, b) for a, b in zip(sides, other[2], strict=True))
            return outcome_if(same)
        ours, theirs = difference(one), difference(other)
        if signs == ("=",) or ours is None or theirs is None:
            return equations_compared(ours, theirs)
        ratio = proportional(ours, theirs)
        return outcome_if(ratio is not None and ratio.real > 0)
    if set(signs) == {"="} and len(sides) == 2:  # m + n = 17 asks for a sum
        for names, value in (sides, sides[::-1]):
            if not symbols(value) and value != ("num", Fraction(0), 0) and _only_names(names):
                return compared(*sorted((value, other), key=repr))
    return DIFFERENT


def _only_names(node: Node) -> bool:
    """Whether one side of an equation is a question: names alone, or a function of one."""
    if is_name(node):
        return True
    if node[0] in ("+", "*"):
        return all(is_name(part) or (part[0] == "neg" and is_name(part[1])) for part in node[1])
    if node[0] == "/":
        return is_name(node[1]) and is_name(node[2])
    if node[0] == "call":
        return _asks_for_its_value(node)
    return node[0] == "^" and is_name(node[1]) is False and _only_names(node[1]) and node[1][0] == "call"


def _asks_for_its_value(node: Node) -> bool:
    """`\\sin\\theta`, `|AB|`, `f(3)`: what may be asked for; `\\log x = 2` and `|x| = 3` ask for x."""
    if len(node[2]) != 1 or not _only_names(node[2][0]) or node[1] in ("log", "ln", "lg", "exp"):
        return False
    return node[1] != "abs" or node[2][0][0] != "sym" or str(node[2][0][1])[:1].isupper()


def _reals(one: Node, other: Node) -> Outcome | None:
    if other[0] == "seq":
        interval = of_interval(other)
        return DIFFERENT if interval is None else _reals(one, interval)
    if other[0] == "empty":
        return outcome_if(not one[2])
    if other[0] == "set":
        other = ("reals", "", tuple((item, True, item, True) for item in other[1]))
    if other[0] != "reals":
        return DIFFERENT
    if one[1] and other[1] and one[1] != other[1]:
        return DIFFERENT
    if len(one[2]) != len(other[2]):
        return DIFFERENT
    outcomes: list[Outcome | None] = []
    for (low, closed_low, high, closed_high), theirs in zip(one[2], other[2], strict=True):
        if (closed_low, closed_high) != (theirs[1], theirs[3]):
            return DIFFERENT
        for a, b in ((low, theirs[0]), (high, theirs[2])):
            outcomes.append(EQUAL if a is b is None else DIFFERENT if a is None or b is None else compared(a, b))
    return _all(outcomes)


def _unordered(one: Node, other: Node) -> Outcome | _NoRule | None:
    if other[0] == "words":
        return _NO_RULE
    if other[0] not in ("set", "several"):
        return compared(*sorted((one[1][0], other), key=repr)) if len(one[1]) == 1 else DIFFERENT
    return _matched(list(one[1]), list(other[1]))  # 3,3,4 are three sides, and 3,4 are two


MAX_ELEMENTS = 64
"""Longer sets are compared by their forms alone."""


def _matched(ours: list[Node], theirs: list[Node]) -> Outcome | None:
    """Whether each element has its like, one to one."""
    if len(ours) != len(theirs):
        return DIFFERENT
    left = [item for item in theirs if item not in ours]
    rest = [item for item in ours if item not in theirs]
    if max(len(rest), len(left)) > MAX_ELEMENTS:
        return UNDECIDED
    rest, left = _by_noun(rest), _by_noun(left)
    open_pairs: list[Outcome | None] = []
    for item in rest:
        found = [_elements_compared(item, one) for one in left]
        if EQUAL in found:
            left.pop(found.index(EQUAL))
            continue
        undecided = [outcome for outcome in found if outcome is not DIFFERENT]
        if not undecided:
            return DIFFERENT
        open_pairs += undecided
    return EQUAL if not open_pairs else UNDECIDED if UNDECIDED in open_pairs else None


def _elements_compared(one: Node, other: Node) -> Outcome | None:
    if (one[0] == "set") != (other[0] == "set"):  # {{1}} is not {1}
        return DIFFERENT
    return compared(*sorted((one, other), key=repr))


def _by_noun(items: list[Node]) -> list[Node]:
    """2 boys and 3 girls: each noun as a letter of its own, so that no boy is counted for a girl."""
    nouns = [item[2] for item in items if item[0] == "amount" and isinstance(item[2], str)]
    if len(nouns) < len(items) or len(set(nouns)) < len(nouns) or len(nouns) < 2:
        return items
    return [("named", ((("opaque", phrases.words_form(item[2])), item[1]),)) for item in items]


def _ordered(one: Node, other: Node) -> Outcome | _NoRule | None:
    if one[0] == "ratios" and len(one[1]) == 2 and other[0] in EXPRESSIONS:
        return values_compared(("/", *one[1]), other)
    if other[0] in ("reals", "named", "set", "clock"):
        return _NO_RULE
    if one[0] != other[0]:
        return DIFFERENT
    if one[0] == "seq" and one[1:3] != other[1:3]:
        return DIFFERENT
    ours, theirs = one[-1], other[-1]
    if len(ours) != len(theirs):
        return DIFFERENT
    if one[0] == "ratios":
        return _all(
            [values_compared(("/", a, ours[0]), ("/", b, theirs[0])) for a, b in zip(ours, theirs, strict=True)]
        )
    return _all([compared(*sorted((a, b), key=repr)) for a, b in zip(ours, theirs, strict=True)])


def _matrices(one: Node, other: Node) -> Outcome | None:
    if other[0] == "seq":
        rows = [item[3] if item[0] == "seq" else (item,) for item in other[3]]
        if other[1] == "[" and all(item[0] == "seq" for item in other[3]):
            other = ("matrix", tuple(rows))
        elif len(one[1]) == 1 or all(len(row) == 1 for row in one[1]):
            flat = one[1][0] if len(one[1]) == 1 else tuple(row[0] for row in one[1])
            return UNDECIDED if _ordered(("seq", "(", ")", flat), ("seq", "(", ")", other[3])) is EQUAL else DIFFERENT
    if other[0] == "raw":
        return None
    if other[0] != "matrix" or [len(row) for row in one[1]] != [len(row) for row in other[1]]:
        return DIFFERENT
    entries = [
        (a, b) for ours, theirs in zip(one[1], other[1], strict=True) for a, b in zip(ours, theirs, strict=True)
    ]
    return _all([compared(*sorted(pair, key=repr)) for pair in entries])


def _moduli(one: Node, other: Node) -> Outcome | None:
    value, modulus = one[1], one[2]
    if value[0] == "named" and len(value[1]) == 1:
        value = value[1][0][1]
    if other[0] == "mod":
        theirs = other[1][1][0][1] if other[1][0] == "named" else other[1]
        if not same_value(modulus, other[2]):
            return DIFFERENT
        try:
            a, b, m = exact(value), exact(theirs), exact(modulus)
        except Unknown:
            return None
        if a is not None and b is not None and m:
            return outcome_if((a - b) % m == 0)
        return compared(*sorted((value, theirs), key=repr))
    return compared(*sorted((value, other), key=repr))
