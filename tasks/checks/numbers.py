"""Numbers as answers spell them, each in one form: `1234.5`, `-3/4`, `50%`. Strings, so that length costs little."""

import math
import re
from fractions import Fraction
from functools import lru_cache

MAX_EXPONENT = 60
"""Powers of ten beyond it stay as they are written."""


def number_form(text: str) -> str | None:
    """The form of an integer, decimal, percentage, fraction, mixed number, repeating decimal or number in scientific
    notation; None for anything else, and for n/0."""
    figure = text.removesuffix("%")
    form = _decimal(figure) or _fraction(figure) or _repeating(figure) or _scientific(figure)
    return f"{form}%" if form and figure != text else form


def rational(form: str) -> tuple[Fraction, bool] | None:
    """The exact value of a number's form, and whether it is a percentage: (1/2, True) for `50%`. None for others."""
    found = _RATIONAL.fullmatch(form)
    return _value(form) if found and len(form) <= 1_000 else None


_RATIONAL = re.compile(r"-?\d+(?:\.\d+|/\d+)?%?")


@lru_cache(maxsize=1 << 16)
def _value(form: str) -> tuple[Fraction, bool]:
    percent = form.endswith("%")
    value = Fraction(form.rstrip("%"))
    return (value / 100, True) if percent else (value, False)


_DECIMAL = re.compile(r"(-?)(\d{1,3}(?:,\d{3})+|\d{1,3}(?: \d{3})+|\d*)(?:\.(\d*))?")


def _decimal(text: str) -> str | None:
    found = _DECIMAL.fullmatch(text)
    if not found or not (found.group(2) or found.group(3)):
        return None
    sign, whole, decimals = found.groups()
    whole = whole.replace(",", "").replace(" ", "").lstrip("0") or "0"
    decimals = (decimals or "").rstrip("0")
    figure = f"{whole}.{decimals}" if decimals else whole
    return figure if figure == "0" else sign + figure


_FRACTION = re.compile(r"(-?)(?:(\d+) ?)?\\frac\{(-?\d+)\}\{(-?\d+)\}|(-?)(?:(\d+) )?(-?\d+)/(-?\d+)")


def _fraction(text: str) -> str | None:
    """Reduce a fraction of integers, mixed ones (1 1/2) included."""
    found = _FRACTION.fullmatch(text)
    if not found:
        return None
    sign, whole, above, below = found.groups()[:4] if found.group(4) else found.groups()[4:]
    numerator, denominator = int(above), int(below)
    if denominator == 0 or (whole and (numerator < 0 or denominator < 0)):
        return None
    numerator += int(whole or 0) * denominator
    numerator *= -1 if (sign == "-") != (denominator < 0) else 1
    return _reduced(numerator, abs(denominator))


def _reduced(numerator: int, denominator: int) -> str:
    divisor = math.gcd(numerator, denominator)
    numerator, denominator = numerator // divisor, denominator // divisor
    return str(numerator) if denominator == 1 else f"{numerator}/{denominator}"


_REPEATING = re.compile(r"(-?)(\d*)\.(\d{0,40})\\overline\{?(\d{1,40})\}?")


def _repeating(text: str) -> str | None:
    found = _REPEATING.fullmatch(text)
    if not found:
        return None
    sign, whole, fixed, repeated = found.groups()
    nines = (10 ** len(repeated) - 1) * 10 ** len(fixed)
    value = Fraction(int(whole + fixed or "0"), 10 ** len(fixed)) + Fraction(int(repeated), nines)
    return _reduced(-value.numerator if sign else value.numerator, value.denominator)


_SCIENTIFIC = re.compile(
    r"(-?)(\d+)(?:\.(\d+))?(?:\\times|\\cdot|\*)10\^\{?\+?(-?)(\d{1,9})\}?"
    r"|(-?)(1)()0\^\{?\+?(-?)(\d{1,9})\}?"
    # 2e-3 might be Euler's number: an exponent is told by a decimal before it, two digits, or no sign
    r"|(-?)(\d+)\.(\d+)[eE]\+?(-?)(\d{1,9})|(-?)(\d+)()[eE]\+?(-?)(\d{2,9})|(-?)(\d+)()[eE]()(\d{1,9})"
)


def _scientific(text: str) -> str | None:
    found = _SCIENTIFIC.fullmatch(text)
    if not found:
        return None
    start = found.lastindex - 5 if found.lastindex else 0
    sign, whole, decimals, minus, exponent = found.groups()[start : start + 5]
    shift, decimals = int(minus + exponent), decimals or ""
    if abs(shift) > MAX_EXPONENT:
        return None
    if shift >= 0:
        decimals = decimals.ljust(shift, "0")
        return _decimal(f"{sign}{whole}{decimals[:shift]}.{decimals[shift:]}")
    whole = whole.rjust(-shift, "0")
    return _decimal(f"{sign}{whole[:shift]}.{whole[shift:]}{decimals}")
