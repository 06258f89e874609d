r"""Tokens of an answer: LaTeX and plain notation levelled, what only dresses it taken off, numbers read exactly."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from tasks.answers.numerals import CHINESE, chinese_number, repeating_decimal
from tasks.answers.units import unit_of

Kind = Literal["number", "letter", "word", "command", "sign"]


@dataclass(frozen=True)
class Token:
    """spaced: white space stands before it; boxed: it stood inside \\text{} or its kin.

    A number has its exact value; `digits` is how many significant ones were written behind a decimal point (0 without
    one): long decimals are the floats of other numbers.
    """

    kind: Kind
    text: str
    spaced: bool = False
    boxed: bool = False
    value: Fraction = Fraction(0)
    digits: int = 0


MAX_EXPONENT = 400
"""Powers of ten written as `e400` or more stay letters and digits."""
MAX_DIGITS = 600
"""A longer figure is not read as a number."""

_FUNCTIONS_NAMES = """
sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth sech csch
arsinh arcosh artanh arcsinh arccosh arctanh log ln lg exp gcd lcm cis min max det
"""
FUNCTIONS = frozenset(_FUNCTIONS_NAMES.split())
_GREEK_NAMES = """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho
sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi
Omega ell hbar
"""
GREEK = frozenset(_GREEK_NAMES.split())
_SPELLED = {"pi": "pi", "oo": "infty", "inf": "infty", "infty": "infty", "infinity": "infty", "sqrt": "sqrt"} | {
    name: name for name in GREEK if len(name) > 3
}
_SYNONYMS = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "nicefrac": "frac", "sfrac": "frac", "dbinom": "binom",
    "tbinom": "binom", "leq": "le", "leqslant": "le", "geq": "ge", "geqslant": "ge", "neq": "ne", "lt": "<",
    "gt": ">",
    "to": "rightarrow", "dots": "ldots", "cdots": "ldots", "varnothing": "emptyset", "lor": "or", "vee": "or",
    "land": "and", "wedge": "and", "ast": "cdot", "vert": "|", "lvert": "|", "rvert": "|", "mid": "mid", "ne": "ne",
    "colon": ":", "degree": "circ", "degrees": "circ", "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]",
    "tg": "tan", "ctg": "cot", "cosec": "csc", "arctg": "arctan", "R": "reals", "iff": "=", "coloneqq": "=",
    "setminus": "setminus", "smallsetminus": "setminus", "backslash": "setminus", "thickapprox": "approx",
    "simeq": "approx", "doteq": "approx", "infin": "infty", "langle": "(", "rangle": ")",
}  # fmt: skip
_TEXT_NAMES = """
text textbf textit textrm textsf texttt textnormal mbox hbox mathrm mathbf mathit mathsf mathtt
operatorname boldsymbol bm emph mathord unit mathcal mathscr
"""
_TEXT = frozenset(_TEXT_NAMES.split())
_LETTERS_ONLY = ("boldsymbol", "bm", "mathbf", "mathit", "mathcal", "mathscr")


_NUMBER = re.compile(
    r"(?P<repeated>\d*\.\d{0,40}(?:\\(?:overline|bar)\s?(?:\{\d{1,40}\}|\d)|\(\d{1,40}\)|(?:\\dot\s?(?:\{\d\}|\d)\d*){1,40}))"
    r"|(?P<going_on>\d+\.\d{1,40}(?=\.\.\.|\s?\\ldots|\s?\\dots|\s?\\cdots))(?:\.\.\.|\s?\\[lc]?dots)"
    r"|(?P<european>\d{1,3}(?:\.\d{3})+,\d+(?![\d,])|\d{1,3}(?:\.\d{3}){2,}(?![\d.]))"
    r"|(?P<grouped>[1-9]\d{0,2}(?:,\d{3})+(?!\d)(?:\.\d+)?|[1-9]\d?(?:,\d{2})+,\d{3}(?!\d)(?:\.\d+)?)"
    r"|(?P<spaced>[1-9]\d{0,2}(?:(?P<mark>['’_ ])\d{3})(?:(?P=mark)\d{3})*(?!\d)(?:\.\d+)?)"
    r"|(?P<plain>\d+(?:\.\d*)?(?!\d)|\.\d+)"
)
_EXPONENT = re.compile(r"[eE]([+-]?)(\d{1,9})(?![\d.])")
_COMMAND = re.compile(r"\\([a-zA-Z]+)|\\(.)", re.DOTALL)
_LETTERS = re.compile(r"[^\W\d_]+")
_MOST = 1_500


_SIGNS = {"...": "ldots", "+/-": "pm", "<=": "le", ">=": "ge", "!=": "ne", "==": "=", ":=": "=", "+-": "pm",
          "=>": "rightarrow", "->": "rightarrow"}  # fmt: skip


def tokens_of(text: str) -> list[Token] | None:
    """The tokens of a levelled text; None for one that has too many. Never raises; linear in the length."""
    found: list[Token] = []
    _tokenise(text, found, boxed=False)
    return None if len(found) > _MOST else found


def _tokenise(text: str, found: list[Token], boxed: bool) -> None:
    at, depth = 0, 0  # of brackets in which a comma parts elements
    while at < len(text) and len(found) <= _MOST:
        spaced = at > 0 and text[at - 1].isspace()
        mark = text[at]
        if mark.isspace():
            at += 1
        elif mark.isdigit() or (mark == "." and text[at + 1 : at + 2].isdigit()) or text.startswith(".\\", at):
            at = _number(text, at, depth, spaced, boxed, found)
        elif mark == "\\":
            at = _command(text, at, spaced, boxed, found)
            depth += (text[at - 2 : at] == "\\{") - (text[at - 2 : at] == "\\}")
        elif letters := _LETTERS.match(text, at):
            _run(letters.group(), text[letters.end() : letters.end() + 2].lstrip()[:1], spaced, boxed, found)
            at = letters.end()
        else:
            depth += (mark in "([") - (mark in ")]")
            long = next((sign for sign in _SIGNS if text.startswith(sign, at)), mark)
            found.append(
                Token(
                    "sign" if len(_SIGNS.get(long, long)) == 1 else "command", _SIGNS.get(long, long), spaced, boxed
                )
            )
            at += len(long)


def _number(text: str, at: int, depth: int, spaced: bool, boxed: bool, found: list[Token]) -> int:
    match = _NUMBER.match(text, at)
    if match is None:  # a point before a command
        found.append(Token("sign", ".", spaced, boxed))
        return at + 1
    if match["grouped"] and depth:  # (1,234) has two elements
        match = re.compile(r"(?P<plain>\d+(?:\.\d+)?)").match(text, at)
        assert match is not None
    end = match.end()
    groups = match.groupdict()
    figure = match.group()
    if groups.get("repeated") or groups.get("going_on"):
        value = repeating_decimal(figure)
        if value is None:
            found.append(Token("word", figure, spaced, boxed))
        else:
            found.append(Token("number", "", spaced, boxed, value))
        return end
    if groups.get("european"):
        figure = figure.replace(".", "").replace(",", ".")
    figure = re.sub("[,'’_ ]", "", figure)
    if len(figure) > MAX_DIGITS:
        found.append(Token("word", figure, spaced, boxed))
        return end
    power = 0
    if exponent := _EXPONENT.match(text, end):
        sign, size = exponent.groups()
        # 2e-3 might be Euler's number: an exponent is told by a decimal or a 1 before it, two digits, or no sign
        if (text[end] == "E" or "." in figure or figure == "1" or len(size) > 1 or not sign) and int(
            size
        ) <= MAX_EXPONENT:
            power, end = int(sign + size), exponent.end()
    written = figure.replace(".", "").lstrip("0")
    value = Fraction(figure.rstrip(".") or 0) * Fraction(10) ** power
    if figure.endswith(".") and (end < len(text)):  # a full stop between sentences is no part
        end -= 1 if not power else 0
    found.append(Token("number", figure, spaced, boxed, value, len(written) if "." in figure or power < 0 else 0))
    return end


def _command(text: str, at: int, spaced: bool, boxed: bool, found: list[Token]) -> int:
    match = _COMMAND.match(text, at)
    if match is None:  # a last backslash
        return at + 1
    name, symbol = match.groups()
    end = match.end()
    if symbol is not None:
        found.append(
            Token("command" if symbol in "{}\\|" else "sign", {"|": "|"}.get(symbol, "\\" + symbol), spaced, boxed)
        )
        if symbol == "|":
            found[-1] = Token("sign", "|", spaced, boxed)
        return end
    if name in _TEXT:
        opening = re.compile(r"\s?\*?\s?\{").match(text, end)
        if opening is None:
            return end
        close = closing_brace(text, opening.end())
        inside, start = text[opening.end() : close], len(found)
        _tokenise(inside, found, boxed=name not in _LETTERS_ONLY)
        if start < len(found) and (spaced or inside[:1].isspace()):
            first = found[start]
            found[start] = Token(first.kind, first.text, True, first.boxed, first.value, first.digits)
        return min(close + 1, len(text))
    name = _SYNONYMS.get(name, name)
    if name in ("begin", "end") and (
        environment := re.compile(r"\s?\{([a-zA-Z]+\*?)\}(?:\{[clr|\s]*\})?").match(text, end)
    ):
        kind = environment[1].rstrip("*")
        found.append(Token("command", f"{name} {'vmatrix' if kind == 'vmatrix' else kind}", spaced, boxed))
        return environment.end()
    found.append(Token("sign" if len(name) == 1 and not name.isalpha() else "command", name, spaced, boxed))
    return end


def closing_brace(text: str, at: int) -> int:
    """Where the group that is open at `at` closes; the text's end if it does not."""
    depth = 1
    for found in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, at):
        depth += (found.group() == "{") - (found.group() == "}")
        if depth == 0:
            return found.start()
    return len(text)


_PRODUCT = frozenset("abcd")
_SHORT_WORDS = ("of", "is", "it", "no", "on", "if", "sq", "cu", "up")


def _run(letters: str, ahead: str, spaced: bool, boxed: bool, found: list[Token]) -> None:
    """A run of letters: a function, a name, a word, or a product of letters."""
    if CHINESE.fullmatch(letters) and (value := chinese_number(letters)) is not None:
        found.append(Token("number", "", spaced, boxed, value))
    elif (numeral := CHINESE.match(letters)) and unit_of(letters[numeral.end() :], marked=True):  # 六十度
        _run(numeral.group(), "", spaced, boxed, found)
        found.append(Token("word", letters[numeral.end() :], False, boxed))
    elif letters in ("min", "sec") and found and found[-1].kind == "number" and ahead not in ("(", "\\"):
        found.append(Token("word", letters, spaced, boxed))
    elif letters in FUNCTIONS or letters in _SPELLED:
        found.append(Token("command", _SPELLED.get(letters, letters), spaced, boxed))
    elif len(letters) == 1:
        found.append(Token("letter", letters, spaced, boxed))
    elif (
        boxed
        or is_word(letters)
        or (letters.lower() in _SHORT_WORDS and (spaced or not found))
        or ((spaced or (found and found[-1].kind == "number")) and unit_of(letters, marked=True))
    ):
        found.append(Token("word", letters, spaced, boxed))
    else:
        found += [Token("letter", letter, spaced and not i, boxed) for i, letter in enumerate(letters)]


def is_word(letters: str) -> bool:
    """Whether bare letters are a word, not a product: `dog`, `AB`, `Ben`, but not `xy` and `abc`."""
    if not letters.isascii() or letters in ("or", "and", "to", "mod") or (letters.isupper() and len(letters) > 1):
        return True
    if len(letters) > 4:
        return True
    return (
        len(letters) > 2
        and bool(set(letters.lower()) & set("aeiouy"))
        and not set(letters) <= _PRODUCT
        and not (set(letters) <= set("xyz"))
    )
