"""Proposals: the questions in what the proposer wrote, and SeRL's rules for them (arXiv 2505.20347)."""

import re
import string
from collections.abc import Iterator
from functools import lru_cache

from schemas.pattern import full_match
from schemas.settings import RuleFilters
from tasks.novelty.words import num_words
from tasks.reading.asked import opens_answer, question_alone
from tasks.reading.blocks import blocks, inside, levelled
from tasks.reading.numbering import numbered
from tasks.reading.preambles import without_preamble
from tasks.reading.turns import own_turn
from tasks.rules import Rule, outcome

MAX_ITEMS = 64
"""Most questions read from one completion; a model that counts on for ever gives no more."""
MAX_LINES = 1_000
"""Lines of an item in which a solution is looked for; a longer one is no question."""


def parse_numbered_list(text: str, first: int) -> list[str]:
    """Split a completion into its questions; the prompt ended with an open "`first`.".

    Read is the model's own turn behind its thoughts. A new item begins only where a line starts with the number
    that is next, in any dress, outside code and displayed mathematics; the steps of a solution begin none.
    Preambles, and what follows a question (its answer, another task), are no part of it. Spaces and line breaks
    become single spaces, but for the breaks that mean something. A number with nothing behind it is an empty item; a
    blank completion has none.

    SeRL splits at every "number-dot-space" and so loses an item that begins without its number, and breaks
    an item that has, say, "3. " in it. Here the unnumbered start is item `first`, and other numbers split
    nothing. A completion that does repeat "`first`." begins there, and what stood before it is taken for a
    preamble; one that begins with "1." counts from there.
    """
    text = "\n".join(own_turn(text).splitlines())
    if not text.strip():
        return []
    text = without_preamble(text)
    if (whole := _IN_A_FENCE.fullmatch(text)) and "```" not in whole[1]:
        text = without_preamble(whole[1])
    return [levelled(question_alone(without_preamble(item))) for item in _split(text, first)]


_IN_A_FENCE = re.compile(r"```(?:text|txt|plaintext|markdown|md|latex|tex)?[ \t]*\n(.*)\n[ \t]*```\s*", re.DOTALL)


def _split(text: str, first: int) -> list[str]:
    protected = blocks(text)
    items: list[list[str]] = [[]]
    place, step = 0, -1  # step: the last of a solution's, 0 before the first, -1 outside a solution
    opening = numbered(text.partition("\n")[0])
    if opening and opening[0] == 1:
        first = 1
    for line in text.split("\n"):
        found = None if inside(protected, place) else numbered(line)
        if found and step >= 0 and found[0] == step + 1:
            items[-1].append(line)
            step += 1
        elif found and found[0] == first and len(items) == 1:
            items[0], step = [found[1]], -1
        elif found and found[0] == first + len(items):
            if len(items) == MAX_ITEMS:
                break
            items.append([found[1]])
            step = -1
        else:
            items[-1].append(line)
            if step < 0 and line and len(items[-1]) < MAX_LINES and opens_answer(line[:200]):
                step = 0
        place += len(line) + 1
    return ["\n".join(lines) for lines in items]


def tidy(text: str, filters: RuleFilters) -> str:
    """Level spaces and, with SeRL's switch, capitalise: that lower-cases all but the first letter."""
    text = levelled(text)
    return text.capitalize() if filters.capitalise else text


def form_rules(text: str, filters: RuleFilters) -> Iterator[Rule]:
    """In their order: empty, answered (its answer stands in it), too_short and too_long (words against the bound),
    keyword (how often), program, punctuation, nonascii, pattern (1 for a break, against 0)."""
    words, opening = num_words(text), text.lstrip()[:40]
    yield Rule("empty", words, 1, outcome(words == 0))
    yield _broken("answered", bool(_ANSWERED.search(text)))
    yield Rule("too_short", words, filters.min_words, outcome(words < filters.min_words))
    yield Rule("too_long", words, filters.max_words, outcome(words > filters.max_words))
    if filters.keywords:
        hits = len(_keyword_pattern(filters.keywords).findall(text))
        yield Rule("keyword", hits, 0, outcome(hits > 0))
    if filters.forbid_programs:
        yield _broken("program", opening.casefold().startswith("write a program"))
    if filters.forbid_leading_punctuation:
        yield _broken("punctuation", opening[:1] in set(string.punctuation))
    if filters.forbid_leading_nonascii:
        yield _broken("nonascii", not opening[:1].isascii())
    if filters.pattern is not None:
        yield _broken("pattern", not full_match(filters.pattern, text))


def _broken(name: str, breaks: bool) -> Rule:
    return Rule(name, int(breaks), 0, outcome(breaks))


_ANSWERED = re.compile(
    r"\\boxed\s?\{(?![\s_?~.\\]{0,20}(?:\}|\\phantom|\\q?quad|\\hspace|\\square))|<<[^<>\n]{0,100}=[^<>\n]{0,100}>>"
    r"|####[ \t]*[-$]?\d"
)


@lru_cache(maxsize=8)
def _keyword_pattern(keywords: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, keywords))})\b", re.IGNORECASE)
