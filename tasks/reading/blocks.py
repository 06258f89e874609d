r"""Blocks: the parts of a text in which line breaks mean something, and the text with all others levelled.

Line breaks stay in fences of code, in figures (`[asy]`), in displayed mathematics (`$$`, `\[`, `\begin`), and before
rows of tables and choices. Time is linear: each mark is looked at once.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

MAX_PASSES = 4


class Block(NamedTuple):
    start: int
    end: int
    is_code: bool


_MARK = re.compile(
    r"^[ \t]{0,8}(?P<fence>`{3,}|~{3,})(?P<info>[^\n`]{0,80})$|(?P<blank>\n[ \t]*(?=\n))|(?P<dollars>\$\$)"
    r"|(?<!\\)\\(?P<bracket>[\[\]])|\\(?P<edge>begin|end)\{(?P<name>[A-Za-z]{1,20}\*?)\}|\[(?P<asy>/?asy)\]",
    re.MULTILINE,
)


def blocks(text: str) -> list[Block]:
    """Closed fences, figures and displayed mathematics, in order, none inside another."""
    return [block for block in _blocks(text) if block.end >= 0]


def inside(found: list[Block], place: int, strictly: bool = False) -> bool:
    """Whether a place lies within one of the blocks; strictly: and is not where it begins."""
    before = bisect_right(found, (place, len(found) and found[-1].end, True)) - 1
    return before >= 0 and place < found[before].end and not (strictly and place == found[before].start)


def _blocks(text: str) -> Iterator[Block]:
    """The same, and last, with the end -1, the first fence that is never closed. Mathematics ends at a blank line."""
    marks = list(_MARK.finditer(text))
    closing = {found["fence"][0]: found.start() for found in marks if found["fence"] and not found["info"].strip()}
    last_figure, open_fence = text.rfind("[/asy]"), -1
    opened: re.Match[str] | None = None
    for found in marks:
        if opened is None:
            if found["fence"]:
                if closing.get(found["fence"][0], -1) > found.start():
                    opened = found
                elif open_fence < 0:
                    open_fence = found.start()
            elif (
                (found["asy"] == "asy" and last_figure > found.start())
                or found["dollars"]
                or found["bracket"] == "["
                or found["edge"] == "begin"
            ):
                opened = found
        elif _closes(opened, found):
            yield Block(opened.start(), found.end(), bool(opened["fence"] or opened["asy"]))
            opened = None
        elif found["blank"] and not (opened["fence"] or opened["asy"]):
            opened = None
    if open_fence >= 0:
        yield Block(open_fence, -1, True)


def _closes(opened: re.Match[str], found: re.Match[str]) -> bool:
    if opened["fence"]:
        return bool(found["fence"] and found["fence"].startswith(opened["fence"]) and not found["info"].strip())
    if opened["edge"]:
        return found["edge"] == "end" and found["name"] == opened["name"]
    return bool(
        (opened["dollars"] and found["dollars"])
        or (opened["bracket"] and found["bracket"] == "]")
        or (opened["asy"] and found["asy"] == "/asy")
    )


def levelled(text: str) -> str:
    """Single spaces, and only the line breaks that mean something; levelling it again changes nothing. A fence
    that is never closed goes on to the end."""
    for _ in range(MAX_PASSES):  # a break that goes may make a fence of what was none
        before, text = text, _levelled(text)
        if text == before:
            break
    return text


def _levelled(text: str) -> str:
    parts: list[str] = []
    gap, after_code = "", False
    for raw, is_code, is_block in _segments("\n".join(text.splitlines())):
        body = raw.strip()
        if not body:
            gap += raw
            continue
        gap += raw[: len(raw) - len(raw.lstrip())]
        breaks = is_code or after_code or "\n" in gap
        if parts and gap + "\n" * breaks:
            parts.append("\n" if breaks else " ")
        parts.append(_with_breaks(body, is_code) if is_block else _without_breaks(body))
        gap, after_code = raw[len(raw.rstrip()) :], is_code
    return "".join(parts)


def _segments(text: str) -> Iterator[tuple[str, bool, bool]]:
    """The whole text in parts: (part, is it code, is it a block of several lines)."""
    place = 0
    for start, end, is_code in _blocks(text):
        if start < place or (not is_code and "\n" not in text[start:end]):  # on one line it reads like words
            continue
        yield text[place:start], False, False
        place = end if end >= 0 else len(text)
        if end >= 0 or "\n" in text[start:].strip():  # a fence behind the last line is none
            yield text[start:place], is_code, True
    yield text[place:], False, False


def _with_breaks(block: str, is_code: bool) -> str:
    lines = block.split("\n")
    return "\n".join([line.rstrip() if is_code else " ".join(line.split()) for line in lines])


_ROW = re.compile(r"\|.*\|")
_CHOICE = re.compile(r"(?:[-*•] )?[*_]{0,2}(?:\(([A-Ha-h])\)|([A-Ha-h])[*_]{0,2}[.):：、．])")


def _without_breaks(text: str) -> str:
    lines = [" ".join(line.split()) for line in text.split("\n") if line.strip()]
    choices = choice_lines(lines)
    joined: list[list[str]] = []
    apart = True
    for number, line in enumerate(lines):
        alone = number in choices or bool(_ROW.fullmatch(line))
        if apart or alone:
            joined.append([line])
        else:
            joined[-1].append(line)
        apart = alone
    return "\n".join([" ".join(words) for words in joined])


def choice_lines(lines: list[str]) -> set[int]:
    """Which lines are choices: each begins with a letter, and the letters count on from A."""
    found: set[int] = set()
    run: list[int] = []
    for number, line in enumerate(lines):
        if not (choice := _CHOICE.match(line)):
            continue
        letter = (choice[1] or choice[2]).upper()
        if letter != chr(ord("A") + len(run)):
            run = []
        if letter == chr(ord("A") + len(run)):
            run.append(number)
        if len(run) > 1:
            found.update(run[-2:])
    return found
