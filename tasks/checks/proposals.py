"""Proposals: the questions in what the proposer wrote, and SeRL's rules for them (arXiv 2505.20347)."""

import re
import string
from functools import lru_cache

from schemas.pattern import full_match
from schemas.settings import RuleFilters

MAX_ITEMS = 64
"""Most questions read from one completion; a model that counts on for ever gives no more."""

_NUMBERED = re.compile(r"[ \t]*([0-9]{1,9})\.(?:[ \t]+|$)")


def parse_numbered_list(text: str, first: int) -> list[str]:
    """Split a completion into its questions; the prompt ended with an open "`first`.".

    A new item begins only where a line starts with the number that is next, a dot and a space. Spaces and
    line breaks within an item become single spaces. A number with nothing behind it is an empty item; a
    blank completion has none.

    SeRL splits at every "number-dot-space" and so loses an item that begins without its number, and breaks
    an item that has, say, "3. " in it. Here the unnumbered start is item `first`, and other numbers split
    nothing. A completion that does repeat "`first`." begins there, and what stood before it is taken for a
    preamble.
    """
    if not text.strip():
        return []
    items: list[list[str]] = [[]]
    for line in text.splitlines():
        found = _NUMBERED.match(line)
        number = int(found.group(1)) if found else None
        if found and number == first and len(items) == 1:
            items[0] = [line[found.end() :]]
        elif found and number == first + len(items):
            if len(items) == MAX_ITEMS:
                break
            items.append([line[found.end() :]])
        else:
            items[-1].append(line)
    return [" ".join(" ".join(lines).split()) for lines in items]


def tidy(text: str, filters: RuleFilters) -> str:
    """Collapse spaces and, with SeRL's switch, capitalise: that lower-cases all but the first letter."""
    text = " ".join(text.split())
    return text.capitalize() if filters.capitalise else text


def rule_violation(text: str, filters: RuleFilters) -> tuple[str, float, float] | None:
    """Return the first rule that a question breaks as (reason, figure, threshold); None if it passes all.

    Reasons, in the order they are tried: empty, too_short and too_long (words against the bound), keyword
    (how often), program, punctuation, nonascii, pattern (1 for a break, against 0).
    """
    words = len(text.split())
    if words == 0:
        return "empty", 0.0, 1.0
    if words < filters.min_words:
        return "too_short", float(words), float(filters.min_words)
    if words > filters.max_words:
        return "too_long", float(words), float(filters.max_words)
    hits = len(_keyword_pattern(filters.keywords).findall(text)) if filters.keywords else 0
    if hits:
        return "keyword", float(hits), 0.0
    opening = text.lstrip()
    if filters.forbid_programs and opening.casefold().startswith("write a program"):
        return "program", 1.0, 0.0
    if filters.forbid_leading_punctuation and opening[0] in string.punctuation:
        return "punctuation", 1.0, 0.0
    if filters.forbid_leading_nonascii and not opening[0].isascii():
        return "nonascii", 1.0, 0.0
    if filters.pattern is not None and not full_match(filters.pattern, text):
        return "pattern", 1.0, 0.0
    return None


@lru_cache(maxsize=8)
def _keyword_pattern(keywords: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, keywords))})\b", re.IGNORECASE)
