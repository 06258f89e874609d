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
    text, unit = split_unit(with_plain_scale(text))
    text = bare(plain_latex(text))
    form = _choice(text) or number_form(text)
    if not form and text and depth < MAX_DEPTH:
        form = _interval(text, depth) or _collection(text, depth)
    return f"{form or text} {unit.name}" if unit and unit.name else form or text


def with_plain_scale(text: str) -> str:
    """The last term of a chain of sums, `million` and the like as powers of ten, `percent` as its sign."""
    return _PERCENT.sub("%", _SCALE.sub(_power_of_ten, last_of_chain(text)))


_CHOSEN = re.compile(r"\(([A-E])\) (?!or\b|and\b)[\w$]")  # a letter, then what stands at it in the list of choices
_PERCENT = re.compile(r"(?<=[\d}]) ?(?:\\text ?\{ ?)?per ?cent\b\}?")
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_NAMES = "|".join(_SCALES)
_SCALE = re.compile(rf"(?<=\d)[ ~]?(?:\\(?:text|mbox|mathrm) ?\{{ ?(?P<boxed>{_NAMES}) ?\}}|(?P<plain>{_NAMES})\b)")


def _power_of_ten(found: re.Match[str]) -> str:
    return f"\\times10^{{{_SCALES[found['boxed'] or found['plain']]}}}"


def _choice(text: str) -> str | None:
    found = re.fullmatch(r"(?:(?i:graph|option|choice|answer) ?)?\(?([A-Ha-h])\)", text) or re.fullmatch(
        r"(?i:graph|option|choice|answer) ?\(?([A-Ha-h])\)?", text
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
_NAMED_POINT = re.compile(rf"\(((?:{_NAME},)+{_NAME})\)=(?=\()")
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
    if (found := _NAMED_POINT.match(text)) and sorted(names := found.group(1).split(",")) == names:
        return normal_form(text[found.end() :], depth + 1)
    if (found := _ASSIGNED.fullmatch(text)) and (number := number_form(found.group(2))):
        return f"{found.group(1)}={number}"
    for mark in ("\\lor", "\\cup"):
        if mark in text and (union := _union(text.split(mark), mark, depth)):
            return union
    listed = parts_of(text.replace("\\lor", ","))
    if all(listed) and (len(listed) > 1 or len(_PM.findall(text)) == 1) and not _RELATION.search(text):
        return _unordered(listed, depth, is_set=False)
    if found := _ASSIGNED.fullmatch(text):
        return f"{found.group(1)}={normal_form(found.group(2), depth + 1)}"
    return None


_PM = re.compile(r"\\pm(?![a-zA-Z])")
_RELATION = re.compile(r"[<>]|\\(?:le|ge|ne)(?![a-zA-Z])")


def _union(parts: list[str], mark: str, depth: int) -> str | None:
    """`A \\cup B` in a fixed order; `x < 1 or x > 2` too, if all parts are of one name."""
    forms = sorted(normal_form(part, depth + 1) for part in parts)
    if mark == "\\lor":
        names = {name for part in parts for name in re.findall(rf"(?<!\\)(?<![a-zA-Z]){_NAME}(?![a-zA-Z])", part)}
        if (
            len(names) != 1
            or not all(_RELATION.search(part) for part in parts)
            or any(f[:1] not in "([" for f in forms)
        ):
            return None
    return forms[0] + "".join(f"\\cup{' ' if form[:1].isalpha() else ''}{form}" for form in forms[1:])


def _unordered(parts: list[str], depth: int, is_set: bool = True) -> str:
    """Sorted; a set has each part once, and so has a list without repeats: 3,3,4 are three sides."""
    assigned = [_ASSIGNED.fullmatch(part) for part in parts]
    names = {found.group(1) for found in assigned if found}
    if len(names) == 1:  # x=1, x=2 and x=1,2 are 1 and 2
        parts = [found.group(2) if found else part for found, part in zip(assigned, parts, strict=True)]
    signed = [_PM.sub(sign, part) for part in parts for sign in ("+-" if len(_PM.findall(part)) == 1 else "+")]
    forms = sorted(normal_form(part, depth + 1) for part in signed)
    if not is_set and len(set(forms)) < len(forms):
        return ",".join(forms)
    forms = sorted(set(forms))
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
