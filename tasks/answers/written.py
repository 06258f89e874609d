"""Written: the normal form of what an answer says, as text that reads as the same tree again."""

from fractions import Fraction
from typing import Any

from tasks.answers.cursor import Node
from tasks.answers.phrases import MONTHS
from tasks.answers.tokens import FUNCTIONS
from tasks.answers.units import Unit

HALF = Fraction(1, 2)


def written(node: Node) -> str:
    """A node of `forms` as text."""
    kind = node[0]
    if kind in ("words", "raw"):
        return str(node[1])
    if kind == "choice":
        return str(node[1])
    if kind == "num":
        return number(node[1], bool(node[2]))
    if kind == "amount":
        unit = node[2].name if isinstance(node[2], Unit) else node[2]
        value = _term(node[1]) if node[1][0] != "num" else written(node[1])
        return f"{value}%" if unit == "percent" else f"{value} {unit}"
    if kind == "named":
        return ", ".join(f"{written(name)}={written(value)}" for name, value in node[1])
    if kind == "set":
        return "\\{" + ",".join(sorted(written(item) for item in node[1])) + "\\}"
    if kind == "several":
        return ", ".join(sorted(written(item) for item in node[1]))
    if kind == "sequence":
        return ", ".join(written(item) for item in node[1])
    if kind == "empty":
        return "\\emptyset"
    if kind == "seq":
        return f"{node[1]}{','.join(written(item) for item in node[3])}{node[2]}"
    if kind == "reals":
        return _reals(node)
    if kind == "rel":
        return _relation(node)
    if kind == "matrix":
        rows = "\\\\".join("&".join(written(entry) for entry in row) for row in node[1])
        return f"\\begin{{pmatrix}}{rows}\\end{{pmatrix}}"
    if kind == "mod":
        return f"{written(node[1])}\\pmod{{{written(node[2])}}}"
    if kind == "ratios":
        return ":".join(_factor(part) for part in node[1])
    if kind == "family":
        return f"{written(node[1])}, {written(node[2])}"
    if kind == "builder":
        return f"\\{{{written(node[1])}\\mid {written(node[2])}\\}}"
    if kind == "clock":
        hours, rest = divmod(node[1], 3600)
        seconds = f":{rest % 60:02d}" if rest % 60 else ""
        return f"{hours or 12}:{rest // 60:02d}{seconds}" + (f" {node[2]}m" if node[2] else "")
    if kind == "date":
        day = f" {node[3]}" if node[3] else ""
        year = f"{',' if day else ''} {node[1]}" if node[1] else ""
        return f"{MONTHS[node[2] - 1].capitalize()}{day}{year}"
    if kind == "based":
        return f"{_digits(node[1], node[2])}_{{{node[2]}}}"
    if kind == "quotient":
        return f"{node[1]} R {node[2]}"
    if kind == "all":
        return f"\\mathbb{{{node[1][0]}}}" + (f"^{{{node[1][1:]}}}" if node[1][1:] else "")
    return _sum(node)


def number(value: Fraction, decimal: bool = False) -> str:
    """An exact number: a decimal only if it was one."""
    if value.denominator == 1:
        return str(value.numerator)
    if not decimal:
        return f"{value.numerator}/{value.denominator}"
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = str(abs((value * 10**places).numerator)).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def _digits(value: int, base: int) -> str:
    digits = ""
    while value or not digits:
        value, digit = divmod(value, base)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + digits
    return digits


def _reals(node: Node) -> str:
    pieces = []
    for low, closed_low, high, closed_high in node[2]:
        if low is not None and low == high:
            pieces.append(f"\\{{{written(low)}\\}}")
            continue
        left = "-\\infty" if low is None else written(low)
        right = "\\infty" if high is None else written(high)
        pieces.append(f"{'[' if closed_low else '('}{left},{right}{']' if closed_high else ')'}")
    text = "\\cup".join(pieces) or "\\emptyset"
    return f"{node[1]}\\in{text}" if node[1] else text


_SIGNS = {"=": "=", "<": "<", ">": ">", "<=": "\\le ", ">=": "\\ge ", "!=": "\\ne ", "in": "\\in "}


def _relation(node: Node) -> str:
    text = written(node[2][0])
    for sign, side in zip(node[1], node[2][1:], strict=True):
        text += _SIGNS[sign] + written(side)
    return text


def _sum(node: Node) -> str:
    if node[0] != "+":
        return _term(node)
    text = ""
    for term in node[1]:
        piece = _term(term)
        text += piece if not text or piece.startswith("-") else f"+{piece}"
    return text


def _term(node: Node) -> str:
    if node[0] == "neg":
        return f"-{_term(node[1])}" if node[1][0] not in ("+", "neg") else f"-({_sum(node[1])})"
    if node[0] == "*":
        return _product(node[1])
    if node[0] == "num":
        return _fraction(node)
    return f"({_sum(node)})" if node[0] == "+" else _factor(node)


def _product(factors: tuple[Node, ...]) -> str:
    text = ""
    for place, factor in enumerate(factors):
        piece = _fraction(factor) if factor[0] == "num" and not place else _factor(factor)
        if text and (piece[:1].isdigit() or piece[:1] == "."):
            text += "\\cdot "
        elif text and piece[:1].isalpha() and _ends_in_command(text):
            text += " "
        text += piece
    return text


def _ends_in_command(text: str) -> bool:
    return text[text.rfind("\\") + 1 :].isalpha() and "\\" in text


def _fraction(node: Node) -> str:
    value = node[1]
    if value.denominator == 1 or node[2]:
        return written(node)
    return f"{'-' if value < 0 else ''}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _factor(node: Node) -> str:
    """As a factor or the base of a power: brackets around all that is no unit by itself."""
    kind = node[0]
    if kind == "num":
        return _fraction(node) if node[1] >= 0 else f"({_fraction(node)})"
    if kind == "sym":
        return str(node[1])
    if kind == "const":
        return {"pi": "\\pi", "e": "e", "i": "i", "infty": "\\infty"}[node[1]]
    if kind == "/":
        return f"\\frac{{{_sum(node[1])}}}{{{_sum(node[2])}}}"
    if kind == "^":
        return _power(node)
    if kind == "!":
        return f"{_base(node[1])}!"
    if kind == "call":
        return _call(node)
    if kind == "opaque":
        return _opaque(node[1])
    if kind == "amount":
        return f"{_base(node[1])}^\\circ" if node[2] == "degree" else f"{_base(node[1])}%"
    if kind == "big":
        low, high = f"{_factor(node[2])}={_sum(node[3])}", _sum(node[4])
        return f"\\{node[1]}_{{{low}}}^{{{high}}}({_sum(node[5])})"
    if kind == "det":
        rows = "\\\\".join("&".join(_sum(entry) for entry in row) for row in node[1])
        return f"\\begin{{vmatrix}}{rows}\\end{{vmatrix}}"
    if kind in ("+", "*", "neg"):
        return f"({_sum(node)})"
    return f"({written(node)})"


def _power(node: Node) -> str:
    base, exponent = node[1], node[2]
    if exponent[0] == "num" and exponent[1].numerator == 1 and 1 < exponent[1].denominator < 100 and not exponent[2]:
        index = "" if exponent[1] == HALF else f"[{exponent[1].denominator}]"
        return f"\\sqrt{index}{{{_sum(base)}}}"
    return f"{_base(base)}^{{{_sum(exponent)}}}"


def _base(node: Node) -> str:
    simple = node[0] in ("sym", "const") or (
        node[0] == "num" and node[1] >= 0 and (node[1].denominator == 1 or node[2])
    )
    text = _factor(node)
    return text if simple or (text.startswith("(") and node[0] in ("+", "*", "neg", "num")) else f"({text})"


def _call(node: Node) -> str:
    name, arguments = node[1], [_sum(argument) for argument in node[2]]
    if name == "abs":
        return f"|{arguments[0]}|"
    if name in ("floor", "ceil"):
        return f"\\l{name}{{}}".replace("{}", " ") + f"{arguments[0]}\\r{name} "
    if name == "binom":
        return f"\\binom{{{arguments[0]}}}{{{arguments[1]}}}"
    if name == "log" and len(arguments) == 2:
        return f"\\log_{{{arguments[1]}}}({arguments[0]})"
    return f"\\{name}({','.join(arguments)})" if name in FUNCTIONS else f"{name}({','.join(arguments)})"


def _opaque(text: Any) -> str:
    if text == "...":
        return "\\ldots"
    name, _, inside = str(text).partition(" ")
    return f"\\{name}{{{inside}}}"
