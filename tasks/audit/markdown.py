"""Markdown around text that nobody vouches for."""

import html
import re

LONGEST_TEXT = 2000


def as_markdown(text: str) -> str:
    """Text as one line that Markdown and HTML show as it is: nothing in it becomes a link, an image or a tag, and
    nothing turns the line around or hides in it."""
    line = " ".join(text.split())
    line = line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]}..."
    return re.sub(r"([\\`*_{}\[\]()#+!|~:.@$-])", r"\\\1", html.escape(as_printable(line), quote=False))


def as_code(text: str, language: str) -> str:
    """Text as a fenced block, whose fence is longer than any in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    lines = "\n".join(as_printable(line) for line in text.split("\n"))
    return f"{fence}{language}\n{lines.rstrip()}\n{fence}"


def as_printable(line: str) -> str:
    """The line with a ? for each control, direction and zero-width character; a tab is a space."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "?" for c in line)
