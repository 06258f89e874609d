"""Units: what an answer measures, and the words behind a number that say what it counts."""

import re
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Unit:
    """dimension: "length", "length^2", "length/time", ...; factor: how many of the dimension's first unit it is;
    name: as it stands in a form; empty for dollars and degrees, which forms leave out."""

    dimension: str
    factor: Fraction
    name: str


def split_unit(text: str) -> tuple[str, Unit | None]:
    r"""Take a unit, or a counted noun (`18 books`), off the end of an answer, and a dollar sign off its front.

    The text has plain characters, spaces and \text{} as written. The unit is None if there is none, or none of those
    known here. Words that may change the value (`5 or more`, `10 loss`, `101 base two`) stay. Linear in the length.
    """
    dollars = _DOLLARS.match(text)
    if dollars:
        return _split_words(text[dollars.end() :])[0], _NAMED["dollar"][0]
    return _split_words(text)


def _split_words(text: str) -> tuple[str, Unit | None]:
    found = _LAST_TEXT.search(text)
    if found:
        value, phrase = found.group(1), found.group(2) + (found.group(3) or "")
    else:
        value, phrase = _last_words(text)
    spaced = found is not None or value.endswith((" ", "~"))
    value, words = value.rstrip(" ~"), phrase.strip().rstrip(".")
    if not value or not words or _LISTED.search(value):  # in a list each part has its own
        return text, None
    unit = _unit(words.replace("{", "").replace("}", ""), boxed=found is not None)
    if unit is not None:
        return value, unit
    counted = spaced and _NOUNS.fullmatch(words) and not _CHANGES_THE_VALUE.search(words)
    return (value, None) if counted and (found or _BARE_NUMBER.fullmatch(value)) else (text, None)


_DOLLARS = re.compile(r"(?:(?:\\\$\s?)+|\$(?=\s?[\d.][^$]*$))\s?")
_LAST_TEXT = re.compile(
    r"^(.*(?:[\d})\]%!]|\\pi))[\s~]*\\(?:text|textrm|mbox|mathrm|operatorname)\s?\{([^{}]*)\}\s?(\^\s?\{?[23]\}?)?\s?\.?$",
    re.DOTALL,
)
_LISTED = re.compile(r", | and | or ")
_BARE_NUMBER = re.compile(r"[$(]*-?(?:[\d,.]|\\?%|\\!|/|\\[dt]?frac\s?\{\d+\}\s?\{\d+\}| (?=[\d\\]))+[$)]*")
_NOUNS = re.compile(r"\s*(?:[A-Za-z]*[aeiouyAEIOUY][A-Za-z]+|of|[A-Za-z]{3,})(?:[ '-]+[A-Za-z]{2,})*\s*")
_CHANGES_THE_VALUE = re.compile(
    r"(?i)\b(?:or|and|to|by|than|plus|minus|times|over|mod|if|is|are|when|where|for|with|not|only|more|less|fewer|most"
    r"|least|about|up|down|profit|loss|gain|north|south|east|west|left|right|above|below|zero|squared|cubed|factorial"
    r"|base|odd|even|max\w*|min(?:imum|ima)?|dozens?|scores?|lakhs?|crores?|pairs?|half|halves|thirds?|quarters?"
    r"|tenths?|hundredths?|thousandths?|millionths?|hundreds?|thousands?|millions?|billions?|trillions?|per|percent|cent"
    r"|infinity|degrees|(?:sin|cos|tan|log|ln)x?|pi|sqrt|frac|text)\b"
)


def _last_words(text: str) -> tuple[str, str]:
    """Split before the longest ending of words, if the mathematics before them ends in a digit or a bracket."""
    end = len(text)
    power = re.search(r"\s?\^\s?\{?[23]\}?$", text[-8:])
    start = words_end = end - len(power.group()) if power else end
    while start and (text[start - 1].isalpha() or text[start - 1] in " ./'-~^23"):
        if text[start - 1] in "23^" and text[start - 2 : start - 1] not in ("^", "d", "r", "h", "e", "t"):
            break  # a digit belongs to the words only as a power: feet^2, m/s^2
        start -= 1
    while start < words_end and not text[start].isalpha():
        start += 1
    if text.startswith("\\pi ", start - 1):
        start += len("pi ")
    elif start == words_end or text[start - 1 : start] == "\\":
        return text, ""
    before = text[:start]
    ends = before.rstrip(" ~").endswith((*"0123456789})]%$", "\\pi"))
    return (before, text[start:]) if ends else (text, "")


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
radian 1 radian rad
morning 1 am a.m
evening 1 pm p.m
"""
_UNNAMED = ("dollar", "degree")
_NAMED = {
    name.rstrip("!") + plural: (
        Unit(dimension, Fraction(factor), "" if names[0] in _UNNAMED else names[0]),
        name.endswith("!"),
    )
    for dimension, factor, *names in map(str.split, _TABLE.split("\n")[1:-1])
    for name in names
    for plural in ("", "s")
}
_NAMED["mph"] = (Unit("length/time", Fraction(201168, 125) / 3600, "mile/hour"), False)
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
    name = f"{unit.name or 'dollar'}/{below.name}"
    return Unit(f"{unit.dimension}/{below.dimension}", unit.factor / below.factor, name)


def _power(words: list[str], boxed: bool) -> Unit | None:
    power, names = 1, []
    for word in words:
        power *= _POWERS.get(word.rstrip("."), 1)
        if word.rstrip(".") not in _POWERS:
            names.append(word.rstrip("."))
    if len(names) != 1 or power > 3:
        return None
    unit, only_boxed = _NAMED.get(names[0], _NAMED.get(names[0].lower(), (None, False)))
    if unit is None or (only_boxed and not boxed):
        return None
    return unit if power == 1 else Unit(f"{unit.dimension}^{power}", unit.factor**power, f"{unit.name}^{power}")
