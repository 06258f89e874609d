"""Numbers in other dress: words, Chinese numerals, decimals that repeat."""

import re
from fractions import Fraction

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_VALUES = {word: n for n, word in enumerate(_UNITS)} | {word: 10 * n for n, word in enumerate(_TENS, 2)}
SCALES = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "lakh": 10**5, "crore": 10**7, "dozen": 12,
}  # fmt: skip
_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12,
} | {word + "th": value for word, value in _VALUES.items() if word not in ("one", "two", "three", "five")} | {
    word[:-1] + "ieth": 10 * n for n, word in enumerate(_TENS, 2)
}  # fmt: skip
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4} | {
    word: value for word, value in _ORDINALS.items() if value > 4
}


def number_in_words(text: str) -> Fraction | None:
    """`twenty-one`, `fifteen hundred`, `negative three`, `a thousand`, `one and a half`, `two thirds`, `6th`; None
    for others."""
    spelled = text.lower().strip()
    words = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", spelled.removeprefix("-")).split()
    words = ["minus", *words] if spelled.startswith("-") and words[:1] != ["minus"] else words
    if not 0 < len(words) <= 16:
        return None
    sign = -1 if words[0] in ("minus", "negative") else 1
    words = words[1:] if sign < 0 or words[0] == "positive" else words
    if not words:
        return None
    if len(words) == 1 and (found := re.fullmatch(r"(\d{1,9})(?:st|nd|rd|th)", words[0])):
        return sign * Fraction(int(found[1]))
    value = _fraction(words) if words[-1].removesuffix("s") in _PARTS or words[-1] in _PARTS else _whole(words)
    if value is None and len(words) == 1 and words[0] in _ORDINALS:
        value = Fraction(_ORDINALS[words[0]])
    return None if value is None else sign * value


def is_ordinal(word: str) -> bool:
    """Whether a word is `first`, `second`, ...: the second box is no two boxes."""
    return word.lower() in _ORDINALS


def _fraction(words: list[str]) -> Fraction | None:
    part = _PARTS.get(words[-1]) or _PARTS[words[-1].removesuffix("s")]
    before = words[:-1]
    if before and words[-1] in _ORDINALS and (before[-1] in _TENS or before[-1] in SCALES):
        whole = _whole(before)
        return None if whole is None else whole + _ORDINALS[words[-1]]  # twenty-third
    if not before:
        return Fraction(1, 2) if part == 2 else None  # `third` alone is an ordinal
    if "and" in before:
        middle = before.index("and")
        whole, numerator = _whole(before[:middle]), before[middle + 1 :]
        above = Fraction(1) if numerator in ([], ["a"], ["an"]) else _whole(numerator)
        return None if whole is None or above is None else whole + above / part
    above = Fraction(1) if before in (["a"], ["an"]) else _whole(before)
    return None if above is None else above / part


def _whole(words: list[str]) -> Fraction | None:
    total, group, any_word = 0, 0, False
    for place, word in enumerate(words):
        scale = SCALES.get(word) or SCALES.get(word.removesuffix("s"))
        if word in _VALUES:
            if (any_word and group % 10 and _VALUES[word] < 20) or (group % 100 and _VALUES[word] >= 20):
                return None  # `three four` is no number
            group, any_word = group + _VALUES[word], True
        elif scale and (any_word or place):
            group = max(group, 1)
            if scale > 100:
                total, group = total + group * scale, 0
            else:
                group *= scale
            any_word = True
        elif word in ("a", "an") and place == 0 and len(words) > 1:
            group = 1
            any_word = True
        elif word != "and" or not any_word or place == len(words) - 1:
            return None
    return Fraction(total + group) if any_word else None


_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_STEPS = {"十": 10, "百": 100, "千": 1000}
CHINESE_SCALES = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_MARKS = "".join((*_DIGITS, *_STEPS, *CHINESE_SCALES))
CHINESE = re.compile(f"[负負]?[{_MARKS}]+(?:分之[{_MARKS}]+)?")


def chinese_number(text: str) -> Fraction | None:
    """`十二`, `三百零五`, `两万`; None for what is no numeral."""
    if "分之" in text:
        below, _, above = text.partition("分之")
        parts = chinese_number(above), chinese_number(below)
        return parts[0] / parts[1] if parts[0] is not None and parts[1] else None
    sign, text = (-1, text[1:]) if text[:1] in "负負" else (1, text)
    if not text or len(text) > 20:
        return None
    if all(mark in _DIGITS for mark in text):
        return sign * Fraction(int("".join(str(_DIGITS[mark]) for mark in text)))
    total = section = digit = 0
    for mark in text:
        if mark in _DIGITS:
            digit = _DIGITS[mark]
        elif mark in _STEPS:
            section, digit = section + (digit or 1) * _STEPS[mark], 0
        elif mark in CHINESE_SCALES and (section or digit):
            total, section, digit = total + (section + digit) * CHINESE_SCALES[mark], 0, 0
        else:
            return None
    return sign * Fraction(total + section + digit)


_REPEATED = re.compile(r"(\d*)\.(\d*?)(?:\\(?:overline|bar)\s?\{?(\d+)\}?|\((\d+)\)|((?:\\dot\s?\{?\d\}?\d*)+))")


def repeating_decimal(text: str) -> Fraction | None:
    r"""`0.1\overline{6}`, `0.\dot{1}\dot{2}`, `0.(3)`, `0.333...`; None if it goes on in an unknown way."""
    if found := _REPEATED.fullmatch(text):
        whole, fixed, barred, bracketed, dotted = found.groups()
        repeated = barred or bracketed or ""
        if dotted:  # from the first dot to the last
            repeated = "".join(re.findall(r"\d", dotted))
        return _repeated(whole, fixed, repeated)
    whole, _, decimals = re.split(r"\.\.\.|\s?\\", text)[0].partition(".")
    for period in (1, 2, 3, 6):
        times = 3 if period == 1 else 2
        if len(decimals) >= period * times and decimals.endswith(decimals[-period:] * times):
            return _repeated(whole, decimals[: -period * times], decimals[-period:])
    return None


def _repeated(whole: str, fixed: str, repeated: str) -> Fraction:
    nines = (10 ** len(repeated) - 1) * 10 ** len(fixed)
    return Fraction(int(whole + fixed or "0"), 10 ** len(fixed)) + Fraction(int(repeated), nines)
