"""LaTeX levelled: what only dresses an answer taken off, money told from formulas."""

import re

_DRESS = re.compile(
    r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|scriptstyle|limits|nolimits|checkmark|cancel|nonumber"
    r"|phantom\{[^{}]*\}|hspace\*?\{[^{}]*\}|(?:text)?color\{[^{}]*\}|square|blacksquare)"
    r"(?![a-zA-Z])\.?"
)


_ROMAN = re.compile(r"\{\\rm\s?([^{}]*)\}")
_MICRO = re.compile(r"\\mu\s?\\(?:text|mathrm)\s?\{\s?")
_SPACE = re.compile(r"(?<!\\)\\[,;: ]|\\(?:q?quad|thinspace|medspace|enspace)(?![a-zA-Z])|~")


_JOINED = re.compile(r"(?<=\d),\\[!,]\s?(?=\d{3}(?!\d))|(?<=\d)\{,\}(?=\d{3}(?!\d))")


_TIMES_TEN = re.compile(r"(?<=\d)\s?[xX]\s?(?=10\s?(?:\^|\*\*))")


_SCRIPT_TIMES = re.compile(r"(?<=[\w)}\]])\s?\*\*\s?(?=[\w({\\-])")


_SIGNS = {
    "RS": "₹",
    "INR": "₹",
    "USD": "\\$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "US": "",
    "U.S.": "",
    "HK": "",
    "CA": "",
}


_CURRENCY = re.compile(
    r"(?<![a-zA-Z\\])(Rs|INR|USD|EUR|GBP|JPY)\.?\s?(?=[\d.])|(?<![a-zA-Z\\])(US|U\.S\.)\s?(?=\\?\$)", re.I
)


_FRAC = r"(\\(?:[dtc]|nice|s)?(?:frac|binom))"


_ONE_DIGIT = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (_FRAC + r"\s?(\d)\s?(\d)", r"\1{\2}{\3}"),
        (_FRAC + r"\s?(\d)\s?(?=[{\\a-zA-Z])", r"\1{\2}"),
        (_FRAC + r"\s?(\{[^{}]*\})\s?(\d)", r"\1\2{\3}"),
        (r"(\\sqrt)\s?(\d)", r"\1{\2}"),
        (r"(\\frac)\{\}", r"\1{1}"),
    )
)


def plain_latex(text: str) -> str:
    """LaTeX without what only dresses it: sizes, colours, thin spaces, delimiters of formulas."""
    text = _JOINED.sub("", text.replace("$$", " ").replace("per cent", "percent"))
    text = re.sub(r"(?<=\d)\{,\}(?=\d)", ".", text).replace("\\!", "")
    text = _MICRO.sub(r"\\text{μ", _ROMAN.sub(r"\\text{\1}", text))
    text = _SPACE.sub(" ", text)
    text = _CURRENCY.sub(lambda found: _SIGNS[(found[1] or found[2]).upper()], _DRESS.sub(" ", text))
    text = _without_dollar_signs(text)
    text = re.sub(r"(?<!\\)\\[()\[\]]", " ", text).replace("\\%", "%")
    text = _SCRIPT_TIMES.sub("^", _TIMES_TEN.sub(r"\\times ", text))
    for pattern, new in _ONE_DIGIT:  # LaTeX takes one digit where no brace stands
        text = pattern.sub(new, text)
    return text


_MONEY, _PRICE = re.compile(r"\\\$|\$"), re.compile(r"\$\s?\d")


def _without_dollar_signs(text: str) -> str:
    r"""`\$5` and `$5` are dollars, `$x$` a formula: a sign that nothing closes, or that closes before a digit, is
    money."""
    signs = [found.start() for found in _MONEY.finditer(text) if found.group() == "$"]
    money = len(signs) % 2 == 1 or any(_PRICE.match(text, at) for at in signs[1::2])
    return _MONEY.sub(lambda found: "\\dollar " if money or found.group() != "$" else " ", text)
