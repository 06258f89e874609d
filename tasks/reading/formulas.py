r"""Formulas: `$..$`, `\(..\)`, `$$..$$`, `\[..\]` and environments, and what a displayed one states."""

import re
from dataclasses import dataclass

_ENVIRONMENTS = "equation|align|alignat|gather|multline|eqnarray|displaymath|math|flalign"
_TOKEN = re.compile(
    rf"(?=[$\\\n])(?:\$\$?|\\[()\[\]]|\\(?P<edge>begin|end)\s?\{{(?P<name>{_ENVIRONMENTS})\*?\}}|\\."
    r"|\n(?:[ \t]*\n)?)",
    re.DOTALL,
)
_CLOSES = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_IS_PROSE = re.compile(r"[.!?] |(?<![\\A-Za-z])[a-z]{2,} [a-z]{2,}")
_IN_TEXT = re.compile(r"\\(?:text|mbox|textrm|mathrm)\s?\{[^{}]*\}")
_INNER = re.compile(r"\\(?:begin|end)\s?\{(?:aligned|split|gathered|alignedat)\}(?:\{\d\})?")
_NO_PART = re.compile(
    r"\\(?:tag|label)\*?\s?\{[^{}]*\}|\\(?:nonumber|notag|displaystyle)\b|&"
    r"|(?P<matrix>\\begin\s?\{(?P<name>\w+\*?)\}.*?\\end\s?\{(?P=name)\})",
    re.DOTALL,
)
_ROW = re.compile(r"\\(?P<edge>begin|end)\s?\{\w+\*?\}|\\\\(?:\s?\[[^\]]{0,9}\])?|\\.", re.DOTALL)
_AROUND = re.compile(r"\s+|=(?!=)|\\(?:q?quad\b|[,;:!])")
_BEHIND = re.compile(r"(?:[\s.,;]|\\(?:q?quad\b|[,;:!]))+$")


@dataclass(frozen=True)
class Formula:
    start: int
    end: int
    text: str
    display: bool


def formulas(text: str) -> list[Formula]:
    """All that close, in their order. A `$` that opens prose is money. Linear in the length."""
    found: list[Formula] = []
    opened: tuple[str, int, int] | None = None  # by what, where, and where its content begins
    for token in _TOKEN.finditer(text):
        here = token.group()
        sign = token["name"] or here
        if opened and (_CLOSES.get(opened[0]) == here or (token["edge"] == "end" and opened[0] == token["name"])):
            content = text[opened[2] : token.start()]
            if _is_formula(opened[0], content):
                found.append(_formula(opened, token, content))
                opened = None
            else:
                opened = (sign, *token.span())
        elif opened and opened[0] == "$" and here == "$$":  # $x$$y$
            found.append(_formula(opened, token, text[opened[2] : token.start()]))
            opened = ("$", token.start() + 1, token.end())
        elif opened and opened[0] == "$$" and here == "$":
            opened = ("$", *token.span())  # the other was an empty formula, or two prices
        elif here in _CLOSES or token["edge"] == "begin":
            if opened is None or opened[0] in ("$", sign) or "\\" in opened[0]:
                opened = (sign, *token.span())
        elif here[0] == "\n" and opened and (opened[0] == "$" or (opened[0] == "\\(" and here != "\n")):
            opened = None
    return found


def _is_formula(sign: str, content: str) -> bool:
    if not content.strip() or (sign == "$" and len(content) > 500):
        return False
    return sign != "$" or not _IS_PROSE.search(_IN_TEXT.sub("", content))


def _formula(opened: tuple[str, int, int], token: re.Match[str], content: str) -> Formula:
    display = opened[0] not in ("$", "\\(")
    return Formula(opened[1], token.end(), _last_row(content) if display else content.strip(), display)


def _last_row(content: str) -> str:
    """What a displayed formula states: of several rows the last, without its tag and full stop."""
    rows = [_NO_PART.sub(lambda part: part["matrix"] or "", row) for row in _rows(_INNER.sub("", content))]
    rows = [row for row in map(_trimmed, rows) if row]
    return rows[-1] if rows else ""


def _rows(content: str) -> list[str]:
    """Rows of the formula itself: those of a matrix in it stay together."""
    rows, begin, depth = [], 0, 0
    for token in _ROW.finditer(content):
        edge = token["edge"]
        depth = max(0, depth + (edge == "begin") - (edge == "end"))
        if token.group().startswith("\\\\") and depth == 0:
            rows.append(content[begin : token.start()])
            begin = token.end()
    return [*rows, content[begin:]]


def _trimmed(row: str) -> str:
    row = " ".join(row.split())
    while found := _AROUND.match(row):
        row = row[found.end() :]
    return _BEHIND.sub("", row)
