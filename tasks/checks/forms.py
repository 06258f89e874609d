"""The normal form of an answer's mathematics: spellings levelled, then numbers, intervals, sets, lists, matrices."""

import re

from tasks.checks.characters import plain_characters
from tasks.checks.latex import bare, last_of_chain, plain_latex
from tasks.checks.numbers import number_form
from tasks.checks.units import split_unit

MAX_DEPTH = 4
"""Brackets within brackets that are looked into."""


def normal_form(text: str, depth: int = 0) -> str:
    """One pass of levelling. Time is linear in the text's length, times MAX_DEPTH."""
    text = bare(plain_characters(text))
    if found := _CHOSEN.match(text):
        return found.group(1).upper()
    text, _ = split_unit(_PERCENT.sub("%", _SCALE.sub(_power_of_ten, last_of_chain(text))))
    text = bare(plain_latex(text))
    whole = _choice(text) or number_form(text)
    if whole or depth == MAX_DEPTH or not text:
        return whole or text
    return _interval(text, depth) or _collection(text, depth) or text


_CHOSEN = re.compile(r"\(([A-E])\) (?!or\b|and\b)[\w$]")  # a letter, then what stands at it in the list of choices
_PERCENT = re.compile(r"(?<=[\d}]) ?percent\b")
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SCALE = re.compile(rf"(?<=\d) ?({'|'.join(_SCALES)})\b")


def _power_of_ten(found: re.Match[str]) -> str:
    return f"\\times10^{{{_SCALES[found.group(1)]}}}"


def _choice(text: str) -> str | None:
    found = re.fullmatch(r"(?:(?i:graph|option|choice|answer) ?)?\(?([A-Za-z])\)", text) or re.fullmatch(
        r"(?i:graph|option|choice|answer) ?\(?([A-Za-z])\)?", text
    )
    return found.group(1).upper() if found else None


_END = r"((?:[^<>=\\a-zA-Z]|\\(?!le|ge|in(?![f])|ne)[a-zA-Z]+)+)"
_NAME = r"(?:[a-zA-Z]|\\(?:lambda|theta|alpha|beta|mu|phi|omega|rho|sigma))"
_LESS, _MORE = r"(<|\\le(?![a-z]))", r"(>|\\ge(?![a-z]))"
_BETWEEN = re.compile(rf"{_END}{_LESS} ?{_NAME} ?{_LESS} ?{_END}")
_BETWEEN_DOWN = re.compile(rf"{_END}{_MORE} ?{_NAME} ?{_MORE} ?{_END}")
_ABOVE = re.compile(rf"{_NAME} ?{_MORE} ?{_END}|{_END}{_LESS} ?{_NAME}")
_BELOW = re.compile(rf"{_NAME} ?{_LESS} ?{_END}|{_END}{_MORE} ?{_NAME}")
_IN = re.compile(rf"{_NAME}\\in ?(?=[(\[\\])")


def _interval(text: str, depth: int) -> str | None:
    """`2 < x \\le 5` as (2,5], `x > 2` as (2,\\infty), and `x \\in (1,2)` as (1,2)."""
    if found := _IN.match(text):
        return normal_form(text[found.end() :], depth + 1)
    if len(text) > 200 or not ("<" in text or ">" in text or "\\le" in text or "\\ge" in text):
        return None
    if found := _BETWEEN.fullmatch(text):
        low, opens, closes, high = found.groups()
    elif found := _BETWEEN_DOWN.fullmatch(text):
        high, closes, opens, low = found.groups()
    elif found := _ABOVE.fullmatch(text):
        opens, low = found.group(1) or found.group(4), found.group(2) or found.group(3)
        closes, high = "<", "\\infty"
    elif found := _BELOW.fullmatch(text):
        closes, high = found.group(1) or found.group(4), found.group(2) or found.group(3)
        opens, low = "<", "-\\infty"
    else:
        return None
    left, right = "(" if opens in "<>" else "[", ")" if closes in "<>" else "]"
    return f"{left}{normal_form(low, depth + 1)},{normal_form(high, depth + 1)}{right}"


_MATRIX = re.compile(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}", re.DOTALL)
_NESTED = re.compile(r"\[(\[[^\[\]]*\](?:,\[[^\[\]]*\])*)\]")
_NAMED_POINT = re.compile(rf"\(({_NAME},)+{_NAME}\)=(?=\()")
_ASSIGNED = re.compile(rf"({_NAME})=(.+)", re.DOTALL)


def _collection(text: str, depth: int) -> str | None:
    """Points and intervals, sets and lists of solutions (unordered), matrices: their parts in normal form."""
    if found := _MATRIX.fullmatch(text):
        return _matrix([row.split("&") for row in found.group(1).split("\\\\")], depth)
    if found := _NESTED.fullmatch(text):
        return _matrix([row.split(",") for row in found.group(1)[1:-1].split("],[")], depth)
    if text.startswith("\\{") and text.endswith("\\}"):
        return _unordered(parts_of(text[2:-2]), depth)
    if text[0] in "([{" and text[-1] in ")]}" and _closes_last(text):
        inside = parts_of(text[1:-1])
        if text[0] == "{":
            return _unordered(inside, depth) if len(inside) > 1 else normal_form(inside[0], depth + 1)
        if len(inside) > 1:
            return f"{text[0]}{','.join(normal_form(part, depth + 1) for part in inside)}{text[-1]}"
    if found := _NAMED_POINT.match(text):
        return normal_form(text[found.end() :], depth + 1)
    listed = parts_of(text)
    if all(listed) and (len(listed) > 1 or text.count("\\pm") == 1):
        return _unordered(listed, depth)
    if "\\cup" in text:
        return "\\cup".join(sorted(normal_form(part, depth + 1) for part in text.split("\\cup")))
    if found := _ASSIGNED.fullmatch(text):
        return f"{found.group(1)}={normal_form(found.group(2), depth + 1)}"
    return None


def _unordered(parts: list[str], depth: int) -> str:
    assigned = [_ASSIGNED.fullmatch(part) for part in parts]
    names = {found.group(1) for found in assigned if found}
    if len(names) == 1:  # x=1, x=2 and x=1,2 are 1 and 2
        parts = [found.group(2) if found else part for found, part in zip(assigned, parts, strict=True)]
    signed = [part.replace("\\pm", sign) for part in parts for sign in ("+-" if part.count("\\pm") == 1 else "+")]
    forms = sorted({normal_form(part, depth + 1) for part in signed})
    if any(mark in part for part in parts for mark in ("<", ">", "\\le", "\\ge")) and all(
        f[:1] in "([" for f in forms
    ):
        return "\\cup".join(forms)  # x < 1 or x > 2
    return f"\\{{{','.join(forms)}\\}}" if forms != [""] else "\\emptyset"


def _matrix(rows: list[list[str]], depth: int) -> str:
    while len(rows) > 1 and not any(rows[-1]):
        rows = rows[:-1]  # a line break at the end
    lines = ("&".join(normal_form(entry, depth + 1) for entry in row) for row in rows)
    return "\\begin{pmatrix}" + "\\\\".join(lines) + "\\end{pmatrix}"


_BRACKETS = re.compile(r"\\[{}]|\\.|[()\[\]{},]", re.DOTALL)


def parts_of(text: str) -> list[str]:
    """Split at the commas that no bracket holds."""
    parts, depth, start = [], 0, 0
    for token in _BRACKETS.finditer(text):
        mark = token.group()
        if mark in ("(", "[", "{", "\\{"):
            depth += 1
        elif mark in (")", "]", "}", "\\}"):
            depth -= 1
        elif mark == "," and depth == 0:
            parts.append(text[start : token.start()])
            start = token.end()
    return [*parts, text[start:]]


def _closes_last(text: str) -> bool:
    """Whether the bracket that opens the text is closed by its last character."""
    depth = 0
    for token in _BRACKETS.finditer(text):
        depth += (token.group() in "([{") - (token.group() in ")]}")
        if depth == 0 and token.end() < len(text):
            return False
    return depth == 0
