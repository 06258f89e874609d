"""Phrases: answers in words. Choices, dates, times of day, and words that mean the same."""

import re
from itertools import pairwise
from typing import Any

MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_SHORT = {name[:3]: name for name in (*MONTHS, *DAYS)} | {
    "sept": "september",
    "tues": "tuesday",
    "thur": "thursday",
    "thurs": "thursday",
}

_CHANGES = re.compile(
    r"(?i)\b(?:or|and|to|by|than|plus|minus|times|over|mod|if|is|are|when|where|with|not|only|more|less|fewer|most|least"
    r"|about|up|down|profit|loss|gain|north\w*|south\w*|east\w*|west\w*|left|right|above|below|zero|factorial|base|odd"
    r"|even|max\w*|min(?:imum|ima)?|dozens?|scores?|pairs?|half|halves|thirds?|quarters? of|tenths?|hundredths?"
    r"|thousandths?|millionths?|per|infinity|pi|sqrt|frac|text|remainder|wins?|won|los[et]s?|lost|heads?|tails?|ago|later|fast|slow"
    r"|before|after|early|late|faster|slower|older|younger|taller|shorter|higher|lower|warmer|colder|ahead|behind|forward"
    r"|forwards|backward|backwards|clockwise|squared|cubed|cubic|twice|fold|gross|tens?|mil|mio|short|missing|too|under|off|debt|deficit|surplus|shortfall|owed|owing|reduction|discount|counterclockwise|anticlockwise|inside|outside|increase|decrease|increased"
    r"|decreased|rise|fall|deposit|withdrawal|debit|credit|positive|negative|bc|bce|ad|ce|upstream|downstream|inward|outward)\b"
)  # fmt: skip


def changes_the_value(words: str) -> bool:
    """Whether words behind a number say more than what is counted: `5 or more`, `10 loss`, `3 km north`."""
    return _CHANGES.search(words) is not None


_SYNONYMS = """
does not exist: dne, doesn't exist, no limit, not exist, nonexistent
counterclockwise: anticlockwise, counter-clockwise, anti-clockwise
no solution: no solutions, no real solution, no real solutions, there is no solution, there are no solutions,
  has no solution, no such number
undefined: not defined, is undefined
infinitely many: infinitely many solutions, infinite solutions, infinite number
neither: neither of them
yes: true, it is true
no: false, it is false
not enough information: cannot be determined, can not be determined, impossible to determine
"""
_SAME: dict[str, str] = {
    word.strip(): meaning
    for meaning, words in re.findall(r"^(\S[^:]*): ((?:.|\n  )*)", _SYNONYMS, re.MULTILINE)
    for word in words.split(",")
}
_LEADING = re.compile(
    r"^(?:(?:the|an?|it is|it's|its|they are|these are|this is|there are|there is|in|on|at|by"
    r"|answer is|answer|year)\s+)+"
    r"(?=\S)"
)
_ENDING = re.compile(r"(?:ence|ents?|ing|es|ed|e|s)$")


def words_form(text: str) -> str:
    """Words without case, articles, closing marks and endings that only fit a sentence. Linear in the length."""
    words = re.sub(r"[\"“”*_`]|\\[a-zA-Z]+", " ", text).split()
    named = (_SHORT.get(word.strip(".,").lower(), word) if word[:1].isupper() else word for word in words)
    plain = " ".join(named).strip(" .!?,;:()").casefold()
    plain = _LEADING.sub("", plain)
    return _SAME.get(plain, plain)


def same_words(first: str, second: str, endings: bool = True) -> bool:
    """Whether two forms of words are one but for spaces, hyphens and endings: `converges` is `convergent`."""
    if _figures(first) != _figures(second):
        return False
    one, other = (re.sub(r"[\s'’.,-]+", " ", form).strip() for form in (first, second))
    if one.replace(" ", "") == other.replace(" ", ""):
        return True
    ours, theirs = (_telling(form) for form in (one, other))
    if len(ours) == 2 and sum(any(map(str.isdigit, word)) for word in ours) == 1:
        ours, theirs = sorted(ours), sorted(theirs)  # 9 up, up 9
    alike = zip(ours, theirs, strict=len(ours) == len(theirs))
    return len(ours) == len(theirs) and all(a == b or (endings and _stem(a) == _stem(b)) for a, b in alike)


def _figures(form: str) -> list[str]:
    """The numbers in a text, with their signs and points, in their order."""
    return [figure.rstrip(".,:/") for figure in re.findall(r"[-+]?\d[\d.,:/]*", form)]


def _telling(form: str) -> list[str]:
    """The words without those that only join others."""
    words = form.split()
    kept = [word for word, then in pairwise([*words, ""]) if not _joins(word, then)]
    return kept or words


def _joins(word: str, then: str) -> bool:
    return word in _JOINING and not (word == "a" and len(then) < 2)  # from a to b


_JOINING = ("the", "a", "an", "due", "to", "of", "units", "angled")


def _stem(word: str) -> str:
    stem = _ENDING.sub("", word)
    if len(stem) > 4:
        return stem
    return word.removesuffix("s") if len(word) > 4 and word[-2:] != "ss" else word


_MONTH = "|".join((*MONTHS, *(name[:3] for name in MONTHS), "sept"))
_DAY_FIRST = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+({_MONTH})\.?(?:,?\s+(\d{{4}}))?")
_MONTH_FIRST = re.compile(rf"({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(\d{{4}}))?")
_ISO = re.compile(r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_MONTH_YEAR = re.compile(rf"({_MONTH})\.?,?\s+(\d{{4}})")


def date_of(text: str) -> tuple[int, int, int] | None:
    """Year, month and day of `March 5th, 2024`, `5 March`, `May 2020`; 0 for what is not told. None for another."""
    plain = re.sub(r"^(?:on |the )+", "", text.casefold().strip(" ."))
    if found := _ISO.fullmatch(plain):
        return int(found[1]), int(found[2]), int(found[3])
    if found := _MONTH_FIRST.fullmatch(plain):
        month, day, year = found.groups()
    elif found := _DAY_FIRST.fullmatch(plain):
        day, month, year = found.groups()
    elif found := _MONTH_YEAR.fullmatch(plain):
        (month, year), day = found.groups(), "0"
    else:
        return None
    return int(year or 0), [name[:3] for name in MONTHS].index(month[:3]) + 1, int(day)


_CLOCK = re.compile(
    r"(\d{1,2})\s?:\s?([0-5]\d)(?:\s?:\s?([0-5]\d))?\s?(?:([ap])\.?\s?m\.?)?(?:\s?o'clock)?", re.IGNORECASE
)
_HOUR = re.compile(r"(\d{1,2})\s?(?:([ap])\.?\s?m\.?|o['’]clock)", re.IGNORECASE)


def clock_of(text: str) -> tuple[int, str, int] | None:
    """Seconds, half of the day ("a", "p" or "": not told) and, where no half was written, the hour as it was, of
    `3:30 p.m.`, `15:30`, `3 PM`; None for another."""
    plain = text.strip(" .") if not text.rstrip().lower().endswith("m.") else text.strip()
    if plain.lower() in ("noon", "midnight"):
        return 0, "p" if plain.lower() == "noon" else "a", 0
    if found := _CLOCK.fullmatch(plain):
        hours, minutes, seconds, half = found.groups()
    elif found := _HOUR.fullmatch(plain):
        (hours, half), minutes, seconds = found.groups(), "0", "0"
    else:
        return None
    hour, half = int(hours), (half or "").lower()
    written = 0 if half else hour
    hour = hour % 24 if hour == 24 else hour
    if hour > 24 or (half and not 1 <= hour <= 12):
        return None
    if hour > 12 or hour == 0:
        half, hour = "p" if hour >= 12 else "a", hour % 12
    return (hour % 12 * 60 + int(minutes)) * 60 + int(seconds or 0), half, written


_LETTER = r"[A-J]"
_ALONE = re.compile(
    rf"(?:(?i:graph|option|choice|answer|statement|figure|curve)\s?:?\s?)?(?:[(\[]?({_LETTER})[)\]]?)[.:]?"
)
_SMALL = re.compile(r"(?:(?i:graph|option|choice|answer)\s?)\(?([a-j])\)?[.:]?|\(([a-ej])\)\.?")
_WITH_TEXT = re.compile(
    rf"(?:\(({_LETTER})\)[.:]?|({_LETTER})\)|([A-E])[.:])\s+?(?=\S)(.+)|\(({_LETTER})\)\s?([\d\\$].*)", re.DOTALL
)


def choice_of(text: str) -> tuple[str, str] | None:
    """The letter of a choice and the text that stands at it: `(B)`, `Option B`, `B. 12`, `(B) the last one`."""
    plain = text.strip()
    if found := _ALONE.fullmatch(plain):
        return found[1], ""
    if found := _SMALL.fullmatch(plain):
        return (found[1] or found[2]).upper(), ""
    if (found := _WITH_TEXT.fullmatch(plain)) and not re.match(r"(?:or|and)\b", found[4] or ""):
        return found[1] or found[2] or found[3] or found[5], found[4] or found[6]
    return None


_BASED = re.compile(
    r"\(?(\d[0-9A-Fa-f]*|[A-F][0-9A-F]+)\)?\s?_\s?\{?\s?\(?(?:\\text\{)?\s?(\d{1,2}|[a-z]+)\s?\}?\)?\}?"
)
_BASE_WORDS = re.compile(r"([0-9A-F]+)\s?(?:,?\s?in)?\s?(?:\(?base[ -]([a-z]+|\d{1,2})\)?)", re.IGNORECASE)
_BASES = {
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
    "sixteen": 16,
}


def based_number(text: str) -> tuple[int, int] | None:
    """Value and base of `3120_5`, `(101)_2`, `1A_{16}`, `101 base two`; None for another."""
    plain = re.sub(r"(?<=\d)[ ,](?=\d)", "", text.strip(" .$"))
    found = _BASED.fullmatch(plain) or _BASE_WORDS.fullmatch(plain)
    if found is None or len(found[1]) > 400 or (not found[1][0].isdigit() and len(found[1]) < 2):
        return None
    base = int(found[2]) if found[2].isdigit() else _BASES.get(found[2].lower(), 0)
    try:
        return (int(found[1], base), base) if 2 <= base <= 36 else None
    except ValueError:
        return None


_QUOTIENT = re.compile(
    r"(\d{1,30})\s?,?\s?(?:with (?:a )?)?(?:\b|(?<=\d))(?:[Rr]\.?|rem(?:ainder)?\.?)\s?(?:of |:|=)?\s?(\d{1,30})"
)


def quotient_of(text: str) -> tuple[int, int] | None:
    """Quotient and remainder of `6 R 2`, `6 remainder 2`."""
    found = _QUOTIENT.fullmatch(text.strip(" ."))
    return (int(found[1]), int(found[2])) if found else None


_FEET = re.compile(r"(\d{1,6})\s?(?:'|′|’)\s?(?:(\d{1,2}(?:\.\d{1,6})?|\d{1,2} \d/\d{1,2})\s?(?:\"|″|''|”|\\\")?)?")


def feet_and_inches(text: str) -> tuple[str, str] | None:
    """Figures of `5'6"`."""
    found: Any = _FEET.fullmatch(text.strip(" ."))
    return (found[1], found[2] or "0") if found and ("'" in text or "′" in text or "’" in text) else None
