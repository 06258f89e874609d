"""Amounts: the unit or the counted noun behind a value, money in front of it, words that scale it."""

import re
from fractions import Fraction

from tasks.answers.cursor import Cursor, Node, NotMathematics
from tasks.answers.numerals import CHINESE_SCALES, SCALES
from tasks.answers.phrases import changes_the_value
from tasks.answers.tokens import Token
from tasks.answers.units import UNNAMED, unit_of

MONEY_SIGNS = {"€": "euro", "£": "poundsterling", "¥": "yen", "₹": "rupee", "₩": "won", "₽": "ruble", "¢": "cent"}
SCALE_LETTERS = {"K": 1_000, "M": 10**6, "B": 10**9, "k": 1_000, "만": 10**4, "억": 10**8} | CHINESE_SCALES


def with_unit(at: Cursor, node: Node) -> Node | None:
    """The amount, if what stands next to the end of this part is a unit or a counted noun; scale words multiply."""
    token = at.next()
    if token is None or node[0] in ("seq", "set", "matrix", "empty", "all"):
        return None
    if (token.text in MONEY_SIGNS or token.text == "dollar") and not ahead_is_number(at):  # 2 €
        at.place += 1
        return ("amount", node, MONEY_SIGNS.get(token.text, "dollar"), True)
    if token.text in ("%", "‰", "percent") and token.kind != "number":
        at.place += 1
        _skip_of(at)
        return ("amount", node, "%" if token.text != "‰" else "‰", True)
    if token.kind == "letter" and token.text in SCALE_LETTERS and not token.spaced and _scales(at, token):
        at.place += 1
        return multiplied(node, ("num", Fraction(SCALE_LETTERS[token.text]), 0))
    if token.kind == "word" and token.text.lower().removesuffix("s") in SCALES:
        at.place += 1
        scaled = multiplied(node, ("num", Fraction(SCALES[token.text.lower().removesuffix("s")]), 0))
        return with_unit(at, scaled) or scaled
    if token.text in ("and", "or", "to", "mod") or (token.kind == "command" and token.text not in ("circ", "Omega")):
        return None
    if token.text == "Omega" and not (token.spaced and at.tokens[at.place - 1].kind == "number"):
        return None
    if token.kind not in ("word", "letter") and not token.boxed and token.text not in ("circ", "Omega"):
        return None
    return _phrase(at, node)


def _scales(at: Cursor, token: Token) -> bool:
    before = at.tokens[at.place - 1]
    return (
        before.kind == "number"
        and (before.digits > 0 or not token.text.isascii() or token.text == "K")
        and (at.next(1) is None)
    )


def _skip_of(at: Cursor) -> None:
    """`40% of the class`: the words behind are no part of the value."""
    start = at.place
    if at.sees("of"):
        while (token := at.next()) is not None and token.kind in ("word", "letter"):
            at.place += 1
        if at.next() is not None:
            at.place = start


def _phrase(at: Cursor, node: Node) -> Node | None:
    """The amount, if the tokens up to the end of this part are a unit or only say what is counted."""
    start = at.place
    first, before = at.tokens[start], at.tokens[start - 1]
    is_letter = first.kind == "letter" and not first.boxed
    parts = _phrase_parts(at)
    phrase = "".join(parts).strip()
    compound = "/" in phrase or "-" in phrase
    if is_letter and first.text.isascii():  # 5 m, but x^2 m and \\frac12 g t are products
        single = compound or sum(part.strip().isalpha() for part in parts) == 1
        unit = unit_of(phrase, first.spaced or "/" in phrase) if _is_figure(node) and single else None
    else:
        unit = unit_of(phrase, first.boxed or first.spaced or not first.text.isascii())
    if unit is not None or (first.kind == "word" and is_generic(phrase)):
        return ("amount", node, phrase, True)
    behind_a_value = before.kind == "number" or before.text in (")", "}", "%", "pi", "|", "!")
    apart = (first.kind == "word" and (first.spaced or first.boxed)) or not first.text.isascii()
    if behind_a_value and apart and is_noun(phrase):
        return ("amount", node, phrase, False)
    at.place = start
    return None


MAX_PHRASE = 24
"""Tokens of the longest phrase behind a number."""


def _phrase_parts(at: Cursor) -> list[str]:
    """The tokens of a phrase, with the spaces between its words."""
    parts: list[str] = []
    depth = 0
    while (token := at.next()) is not None and len(parts) <= MAX_PHRASE:
        if token.text in _ENDS and not depth:
            break
        if token.kind == "command" and token.text not in _IN_UNITS:
            break
        if token.kind == "sign" and token.text not in "/^{}-.·*'’()":
            break
        if token.kind in ("sign", "command"):
            depth += (token.text in "{(") - (token.text in "})")
        words = parts and token.kind == "word" and parts[-1][-1:].isalpha()
        parts.append((" " if token.spaced or words else "") + _IN_UNITS.get(token.text, token.text))
        at.place += 1
    return parts


_ENDS = (",", ";", ")", "]", "}", "\\}", "=", "&", "\\\\", "and", "or", "+", "pm")
_IN_UNITS = {"cdot": "*", "times": "*", "circ": "circ", "Omega": "Ω", "mu": "μ"}


def _is_figure(node: Node) -> bool:
    """Whether a value is written in digits alone."""
    if node[0] == "num":
        return True
    parts = node[1] if node[0] in ("*", "+") else node[1:] if node[0] in ("/", "^", "neg", "group") else ()
    return bool(parts) and all(_is_figure(part) for part in parts)


def temperature(at: Cursor) -> str:
    """The scale behind a degree sign: C, F, or none of them."""
    scale = at.next()
    if scale is not None and scale.text in ("C", "F") and at.next(1) is None:
        at.place += 1
        return {"C": "celsius", "F": "fahrenheit"}[scale.text]
    return "degree"


def ahead_is_number(at: Cursor) -> bool:
    """Whether a figure follows the next token: `2 $5` are no two dollars."""
    ahead = at.next(1)
    return ahead is not None and ahead.kind == "number"


def is_noun(phrase: str) -> bool:
    """Whether words behind a number only say what is counted, and do not change the value."""
    words = phrase.replace("-", " ").replace("'", " ").replace("’", " ").replace("(", " ").replace(")", " ").split()
    return 0 < len(words) <= 8 and all(word.strip(".").isalpha() for word in words) and not changes_the_value(phrase)


def is_generic(phrase: str) -> bool:
    """Whether a phrase is a unit without a name: `square units`, `units^2`."""
    return re.sub(r"(?:square|cubic|sq\.?|cu\.?)\s|[\s^{}23.]+$", "", phrase) in UNNAMED


def mixed_number(whole: Token, above: Fraction, below: Fraction) -> Node | None:
    """A whole number and a proper fraction in one number; None if the fraction is none."""
    if not below or above < 0 or below < 0:
        return None
    return ("num", whole.value + above / below, 0)


def multiplied(first: Node, second: Node) -> Node:
    """A product, flat; a unit on one of the factors is that of the whole. Raises NotMathematics for two."""
    if first[0] == "amount" and second[0] == "amount":
        raise NotMathematics("units in a product")
    if second[0] == "amount":
        return ("amount", multiplied(first, second[1]), *second[2:])
    if first[0] == "amount":
        return ("amount", multiplied(first[1], second), *first[2:])
    factors = (*(first[1] if first[0] == "*" else (first,)), *(second[1] if second[0] == "*" else (second,)))
    return ("*", factors)


def powered(base: Node, exponent: Node) -> Node:
    """A power; raises NotMathematics for one of an amount."""
    if base[0] == "amount":
        raise NotMathematics("power of a unit")
    return ("^", base, exponent)
