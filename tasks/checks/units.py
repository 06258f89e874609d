"""Units: what an answer measures. A form is of the bare value; units are compared where both answers state one."""

import re
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Unit:
    """dimension: "length", "length^2", "length/time", ...; factor: how many of the dimension's first unit it is."""

    dimension: str
    factor: Fraction


def split_unit(text: str) -> tuple[str, Unit | None]:
    r"""Take a unit, or a counted noun (`18 books`), off the end of an answer, and a dollar sign off its front.

    The text has plain characters, spaces and \text{} as written. The unit is None if there is none or it is not one
    of those known here; then only words behind a bare number are taken off. Linear in the text's length.
    """
    dollars = _DOLLARS.match(text)
    if dollars:
        return split_unit(text[dollars.end() :])[0], Unit("money", Fraction(1))
    found = _LAST_TEXT.search(text)
    if found:
        value, phrase, boxed = found.group(1), found.group(2) + (found.group(3) or ""), True
    else:
        value, phrase = _last_words(text)
        boxed = False
    value, words = value.rstrip(), phrase.strip().rstrip(".")
    if not value or not words:
        return text, None
    unit = _unit(words.replace("{", "").replace("}", ""), boxed)
    if unit is not None:
        return value, unit
    if boxed:
        return (value, None) if words.strip().casefold() not in _NEVER_UNITS else (text, None)
    counted = _BARE_NUMBER.fullmatch(value) and not _NO_NOUN.search(words)
    return (value, None) if counted else (text, None)


_DOLLARS = re.compile(r"(?:\\\$|\$(?=\s?[\d.][^$]*$))\s?")
_LAST_TEXT = re.compile(
    r"^(.*[\d})\]%!])[\s~]*\\(?:text|textrm|mbox|mathrm|operatorname)\s?\{([^{}]*)\}\s?(\^\s?\{?[23]\}?)?\s?\.?$",
    re.DOTALL,
)
_NEVER_UNITS = {"e", "i", "", "or", "and"}
_BARE_NUMBER = re.compile(r"[$(]*-?(?:[\d,.]|\\?%|\\!|/|\\[dt]?frac\s?\{\d+\}\s?\{\d+\}| (?=[\d\\]))+[$)]*")
_NO_NOUN = re.compile(
    r"(?i)(?<![a-z])(?:[a-z]|or|and|to|by|than|plus|minus|times|over|mod|pi|sin|cos|tan|log|ln|sqrt|frac|text|if|e\d*)(?![a-z])"
)


def _last_words(text: str) -> tuple[str, str]:
    """Split before the longest ending of words, if the mathematics before them ends in a digit or a bracket."""
    end = len(text)
    power = re.search(r"\s?\^\s?\{?[23]\}?$", text[-8:])
    start = end - len(power.group()) if power else end
    letters_end = start
    while start and (text[start - 1].isalpha() or (text[start - 1] in " ./'-~" and start > 1)):
        start -= 1
    while start < letters_end and not text[start].isalpha():
        start += 1
    if start == letters_end or (start and text[start - 1] in "\\"):
        return text, ""
    before = text[:start].rstrip(" ~")
    return (before, text[start:]) if before and before[-1] in "0123456789})]%$" else (text, "")


# dimension, factor, names; a name with ! is a unit only inside \text{}: bare, it might be a variable
_TABLE = """
length 1 meter metre m!
length 1/1000 millimeter millimetre mm
length 1/100 centimeter centimetre cm
length 1000 kilometer kilometre km
length 127/5000 inch inches in!
length 381/1250 foot feet ft
length 1143/1250 yard yd
length 201168/125 mile mi
time 1 second sec s!
time 60 minute min
time 3600 hour hr h!
time 86400 day
time 604800 week
calendar 1 month
calendar 12 year yr
mass 1 gram g!
mass 1/1000 milligram mg
mass 1000 kilogram kg
mass 45359237/100000 pound lb
mass 45359237/1600000 ounce oz
volume 1 liter litre l!
volume 1/1000 milliliter millilitre ml mL
volume 473176473/125000000 gallon gal
volume 473176473/500000000 quart
volume 473176473/1000000000 pint
money 1 dollar usd
money 1/100 cent
angle 1 degree deg
morning 1 am a.m
evening 1 pm p.m
"""
_NAMED = {
    name.rstrip("!") + plural: (Unit(dimension, Fraction(factor)), name.endswith("!"))
    for dimension, factor, *names in map(str.split, _TABLE.split("\n")[1:-1])
    for name in names
    for plural in ("", "s")
}
_NAMED["mph"] = (Unit("length/time", Fraction(201168, 125) / 3600), False)
_POWERS = {"sq": 2, "square": 2, "squared": 2, "^2": 2, "cubic": 3, "cubed": 3, "^3": 3}


def _unit(phrase: str, boxed: bool) -> Unit | None:
    """`square feet`, `cm^2`, `miles per hour`, `km/h`: a unit, its power, and one more unit it is divided by."""
    boxed = boxed or "/" in phrase  # m/s is no product of variables
    words = phrase.replace("/", " per ").replace("^", " ^").replace("^ ", "^").split()
    above, below = words, None
    if "per" in words:
        middle = words.index("per")
        above, below = words[:middle], _power(words[middle + 1 :], boxed=True)
        if below is None:
            return None
    unit = _power(above, boxed)
    if unit is None or below is None:
        return unit
    return Unit(f"{unit.dimension}/{below.dimension}", unit.factor / below.factor)


def _power(words: list[str], boxed: bool) -> Unit | None:
    power, names = 1, []
    for word in words:
        power *= _POWERS.get(word.rstrip("."), 1)
        if word.rstrip(".") not in _POWERS:
            names.append(word.rstrip("."))
    if len(names) != 1:
        return None
    unit, only_boxed = _NAMED.get(names[0], _NAMED.get(names[0].lower(), (None, False)))
    if unit is None or (only_boxed and not boxed):
        return None
    return unit if power == 1 else Unit(f"{unit.dimension}^{power}", unit.factor**power)
