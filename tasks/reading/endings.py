r"""Endings: the formula that a text without a box or a phrase ends with, and, at last, a number in its prose."""

import re

from tasks.reading.clauses import stated
from tasks.reading.formulas import Formula, formulas

BEHIND_DISPLAYED = 300
"""No more characters may follow a displayed formula that is the answer."""
BEHIND_INLINE = 60
"""Nor follow another formula; and no digit, no more than three words and no other sentence."""
MAX_LINE = 2_000

_STATES = re.compile(r"\d|\$|\\\(")
_COMMENT = re.compile(
    r"[\s.,;]*\(?(?:since|because|as|where|which|who|for|when|with|if|≈|or\b|(?i:to\s+(?:check|verify)|check|verif|indeed"
    r"|note))[^\n.!?]*(?:[.!?](?!\s)[^\n.!?]*)*"
)
_SYMBOL = re.compile(r"(?![A-H]$)[A-Za-z]{1,3}(?:_(?:\w|\{[^{}]*\}))?'*")  # no choice among options
_NO_UNIT = re.compile(
    r"[^\w\n]*(?:(?:in|on|at|to|by|from|with|as|for|is|was|are|has|here|now|left|each)\s|\()", re.IGNORECASE
)
_FEW_WORDS = re.compile(r"(?:[^\w\d\n]*[^\W\d_]+){0,3}[^\w]*")
_PIECE = re.compile(
    r"(?P<math>\\[A-Za-z]+|\\.|[A-Za-z]{1,12}(?=\s?\^)|[(\[{)\]}]|[\^_=+\-−*/<>≤≥≠≈±×·÷√∞π|!%°′'&~$€£,;½⅓¼¾⅔²³]"
    r"|\.?\d[\d.,:٫]*(?:[eE][-+]?\d+)?|(?<![A-Za-z])[A-Za-z](?![A-Za-z]))|(?P<joins>\s+(?:and|or)\s+|\s+)|(?P<word>[^\W\d_]+)|(?s:.)"
)
_LATEX = re.compile(r"\\[A-Za-z]|[\^_]|[√²³{}]")
_EDGE = " \t,.;:&~"


def final_formula(text: str) -> str | None:
    r"""The last displayed formula; else the formula that the last line ends with, with or without delimiters.

    A displayed one counts if at most 300 characters follow, without mathematics ("So she has 7.") but in a comment
    ("since 3 + 4 = 7").
    """
    found = formulas(text)
    shown = next((formula for formula in reversed(found) if formula.display), None)
    if shown and shown.text and len(text) - shown.end <= BEHIND_DISPLAYED:
        comment = _COMMENT.match(text, shown.end)
        if not _STATES.search(text, comment.end() if comment else shown.end):
            return shown.text
    if found and _ends_the_text(text, found[-1].end) and not (len(found) > 1 and _SYMBOL.fullmatch(found[-1].text)):
        return _with_its_unit(text, _first_in_a_row(text, found), found[-1].end)
    line, offset = _last_line(text)
    if found and found[-1].end > offset:
        return None
    begin, end = _last_chunk(line)
    chunk = line[begin:end]
    if _LATEX.search(chunk) and _is_whole(chunk) and _ends_the_text(line, end):
        return _with_its_unit(line, begin, end)
    return None


def _with_its_unit(text: str, begin: int, end: int) -> str | None:
    return stated(text[begin : end if _NO_UNIT.match(text, end) else len(text)])


def _ends_the_text(text: str, end: int) -> bool:
    return len(text) - end <= BEHIND_INLINE and _FEW_WORDS.fullmatch(text, end) is not None


_BETWEEN = re.compile(r"\s*(?:,\s*)?(?:(?:and|or)\s+)?")


def _first_in_a_row(text: str, found: list[Formula]) -> int:
    """Where the list of formulas begins that the last one ends: `$2$, $9$ and $11$`."""
    first = found[-1]
    for formula in reversed(found[-32:-1]):
        gap = text[formula.end : first.start] if first.start - formula.end <= 10 else "."
        if formula.display or not gap or not _BETWEEN.fullmatch(gap) or _SYMBOL.fullmatch(formula.text):
            break
        first = formula
    return first.start


def _last_line(text: str) -> tuple[str, int]:
    end = len(text.rstrip())
    start = max(text.rfind("\n", 0, end) + 1, end - MAX_LINE)
    return text[start:end], start


def _last_chunk(line: str) -> tuple[int, int]:
    """Where the last run of mathematics that holds a digit or a command begins and ends; braces hide words."""
    last, begin, end, depth, holds = (0, 0), -1, 0, 0, False
    for piece in _PIECE.finditer(line):
        sign = piece.group()
        if piece["math"] or depth:
            depth = max(0, depth + (sign == "{") - (sign == "}"))
            begin, end = piece.start() if begin < 0 else begin, piece.end()
            holds = holds or sign[0] == "\\" or any(c.isdigit() for c in sign)
            if holds:
                last = (begin, end)
        elif not piece["joins"]:
            begin, holds = -1, False
    begin, end = last
    while begin < end and line[begin] in _EDGE:
        begin += 1
    while end > begin and line[end - 1] in _EDGE:
        end -= 1
    return begin, end


def _is_whole(chunk: str) -> bool:
    plain = re.sub(r"\\[{}]", "", chunk)
    return all(
        plain.count(a) == plain.count(b)
        for a, b in ("{}", "()")
        if a == "{" or ("[" not in plain and "]" not in plain)
    )


_INTEGER = r"\d+(?:[,٬]\d{3}(?!\d))*"
_NUMBER = re.compile(
    rf"(?=[-−.\d])(?:(?<![\w)\]}}])[-−])?(?<![A-Za-z_])(?:{_INTEGER}(?:[.٫]\d+)?|\.\d+)(?:[eE][-+−]?\d+(?!\w))?"
    r"(?:\s\d+/\d+|\s?[½⅓⅔¼¾⅕⅛]|/\d+(?:,\d{3}(?!\d))*(?:\.\d+)?|(?::\d+)+)?"
    r"(?:\s?(?:×|x|\*|·)\s?10\s?(?:\^\s?[-+−]?\d+|\^\s?\{\s?[-+−]?\d+\s?\}|\*\*\s?[-+−]?\d+|[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))?(?:\s?\\?%)?"
)
_MARKER = re.compile(r"[^\w\n]{0,8}\d{1,3}[.)]\**[ \t]+\S")
_REFERENCE = re.compile(
    r"\b(?:steps?|cases?|parts?|eq(?:uation|n)?s?\.?|theorem|lemma|fig(?:ure)?\.?)\s?\(?$", re.IGNORECASE
)


def last_number(text: str) -> str | None:
    """The last number in prose; if it stands in a formula the formula, or nothing if that is not whole."""
    found = formulas(text)
    for number in reversed(list(_NUMBER.finditer(text))):
        formula = next((f for f in reversed(found) if f.start <= number.start() < f.end), None)
        if formula and _SYMBOL.fullmatch(formula.text):
            continue  # "subsets of $S_{12}$"
        if formula:
            return formula.text if _is_whole(formula.text) else None
        begin = text.rfind("\n", 0, number.start()) + 1
        if _MARKER.match(text, begin) and not text[begin : number.start()].strip(" \t*-#>([_"):
            continue
        if _REFERENCE.search(text, max(begin, number.start() - 20), number.start()):
            continue
        end = text.find("\n", number.end())
        end = len(text) if end < 0 else end
        begin = max(begin, number.start() - MAX_LINE // 2)
        line = text[begin : min(end, number.end() + MAX_LINE // 2)]
        return _chunk_or_number(line, number, begin)
    return None


def _chunk_or_number(line: str, number: re.Match[str], begin: int) -> str | None:
    chunk = slice(*_last_chunk(line))
    if not chunk.start <= number.start() - begin < chunk.stop or not _LATEX.search(_without(number, line[chunk])):
        return number.group()
    return line[chunk] if _is_whole(line[chunk]) else None


def _without(number: re.Match[str], chunk: str) -> str:
    """A chunk without the number, whose own power of ten is no formula."""
    return chunk.replace(number.group(), "", 1)
