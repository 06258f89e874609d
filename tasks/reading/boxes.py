r"""Boxes: the content of the last `\boxed{}`, in any dress, and of those that stand in a row with it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_COMMAND = r"\\(?:boxed|fbox|framebox|Boxed)"
_NAMES = rf"(?:{_COMMAND}|(?<![A-Za-z])boxed|\x08oxed|\x0c(?:box|ramebox))"  # the last two: \b and \f unescaped
_WIDTH = r"(?:\s?\[[^\[\]{}]{0,20}\]){0,2}"
_VALUE = (
    r"\\\{(?P<escaped>[^{}\\]{1,200})\\\}"
    r"|(?P<bare>[-+−]?\\?\$?\.?\d[\d,./]{0,200}(?<![,.])(?:\\?%)?|(?-i:[A-Za-z])(?![A-Za-z])|\([^()\n]{1,80}\)"
    r"|-?\\[dt]?frac\s?(?:\d\s?\d|\{[^{}]{1,80}\}\s?\{[^{}]{1,80}\})"
    r"|\\(?:text(?:bf)?|math(?:rm|bf))\s?\{[^{}]{1,80}\}|-?\d{0,9}\\(?:sqrt\s?(?:\d|\{[^{}]{1,80}\})|pi\b))"
)
_TOKEN = re.compile(
    rf"(?=[\\{{}}b\x08\x0c])(?:(?P<box>{_NAMES}{_WIDTH}\s{{0,4}}\{{)|{_COMMAND}\s{{0,2}}(?:{_VALUE})|\\.|[{{}}])",
    re.DOTALL,
)
_ANY_BOX = re.compile(_NAMES)
_IN_BOXES = ("box", "Boxed", "\x08oxed", "\x0cramebox")  # looked for first: a pattern is many times slower
_NOT_BLANK = re.compile(r"\S")
_BLANK = re.compile(r"(?:[\s$*.,;:…?_{}]|\\(?:[,;:! _]|q?quad|l?dots|cdots|text))*")
_LABEL = r"(?:[A-Za-z](?:_\{?\w{1,3}\}?)?)"
_LABELLED = re.compile(rf"(?<![A-Za-z\\])({_LABEL})\s?=\s?\$?\s?$")
_WORD = r"and|or|und|oder|et|ou|y|e|o|и|или|och|en|和|或|及|と|または"
_BETWEEN = re.compile(
    rf"""(?: [\s,;$&*、，；~] | \\[,;:! ()\[\]] | \\q?quad\b | \\text\{{\s*,?\s*(?:{_WORD})?\s*,?\s*\}}
         | (?<![^\W\d_])(?:{_WORD})(?![^\W\d_]) )* (?:({_LABEL})\s?=\s?\$?\s?)?""",
    re.VERBOSE,
)
_JOINS = re.compile(rf"[,;、，；]|quad|(?<![^\W\d_])(?:{_WORD})(?![^\W\d_])")
_MOST = 64
_UNCLOSED = re.compile(r"([^\n$]{1,500}?)(?:\\?\\[)\]]|\$|\n)")


@dataclass(frozen=True)
class _Box:
    start: int
    content: tuple[int, int]
    end: int


def last_box(text: str) -> str | None:
    """Content of the box that closes last and is not blank; of boxes joined by commas, "and" or the like, a list.

    One pass, one stack, however unbalanced. A box that never closes counts only where its formula or line does.
    """
    begins = [at for name in _IN_BOXES if (at := text.find(name)) >= 0]
    first = _ANY_BOX.search(text, max(0, min(begins) - len("\\frame"))) if begins else None
    if not first:
        return None
    boxes, unclosed = _boxes(text, first.start())
    while boxes and _is_blank(text, boxes[-1]):
        boxes.pop()
    if boxes:
        return _in_a_row(text, boxes)
    return _up_to_the_formulas_end(text, unclosed)


def _boxes(text: str, start: int) -> tuple[list[_Box], int]:
    """Boxes in the order in which they close, and where the content of one that never does begins (-1: none)."""
    while start and text[start - 1] == "\\":
        start -= 1  # \\ is a line break, and so no part of the command
    boxes: list[_Box] = []
    opened: list[tuple[int, int]] = []  # where each open brace's box and its content begin; -1 for one that is no box
    for token in _TOKEN.finditer(text, start):  # braces before the first box match none of its
        if token.lastgroup in ("escaped", "bare"):
            boxes.append(_Box(token.start(), token.span(token.lastgroup), token.end()))
        elif token.group() == "}":
            begin, content = opened.pop() if opened else (-1, -1)
            if content >= 0 and _NOT_BLANK.search(text, content, token.start()):
                boxes.append(_closed(text, begin, (content, token.start()), boxes))
        elif token.lastgroup == "box":
            opened.append((token.start(), token.end()))
        elif token.group() == "{":
            opened.append((-1, -1))
    left = [content for _, content in opened if content >= 0]
    return boxes, left[-1] if left else -1


def _closed(text: str, begin: int, content: tuple[int, int], before: Sequence[_Box]) -> _Box:
    """The box; of one that holds nothing but another box, with the inner one's content."""
    end = content[1] + 1
    if before and before[-1].start >= content[0]:
        inner = before[-1]
        around = ((content[0], inner.start), (inner.end, content[1]))
        if not any(_NOT_BLANK.search(text, *gap) for gap in around):
            content = inner.content
    return _Box(begin, content, end)


def _is_blank(text: str, box: _Box) -> bool:
    begin, end = box.content
    return end - begin < 200 and _BLANK.fullmatch(text, begin, end) is not None


def _in_a_row(text: str, boxes: Sequence[_Box]) -> str:
    row = [boxes[-1]]
    labels: list[str | None] = []
    for box in reversed(boxes[-_MOST:-1]):
        here = row[0]
        if box.start >= here.start:
            continue  # inside it
        joined = _BETWEEN.fullmatch(text, box.end, here.start) if 0 <= here.start - box.end <= 60 else None
        if not joined or ("\n" in joined.group() and not _JOINS.search(joined.group())):
            break
        row.insert(0, box)
        labels.insert(0, joined[1])
    items = [text[slice(*box.content)].strip() for box in row]
    if len(set(items)) == 1:
        return items[0]
    before = _LABELLED.search(text, max(0, row[0].start - 20), row[0].start)
    names = [before and before[1], *labels]
    if all(names) and len(set(names)) == len(names):
        items = [f"{name} = {item}" for name, item in zip(names, items, strict=True)]
    return ", ".join(items)


def _up_to_the_formulas_end(text: str, start: int) -> str | None:
    found = _UNCLOSED.match(text, start) if start >= 0 else None
    content = found[1].strip(" .") if found else ""
    return content if content.count("{") == content.count("}") and not _BLANK.fullmatch(content) else None
