r"""Reading: where an attempt states its final answer.

The text is a model's and may be hostile: nothing here raises, and time grows linearly with its length.
"""

import re
from dataclasses import dataclass

from schemas.pattern import last_match
from tasks.reading.boxes import last_box
from tasks.reading.endings import final_formula, last_number
from tasks.reading.statements import last_statement
from tasks.reading.thinking import behind_thinking

NEAR_THE_END = 20_000
"""So many of the last characters are searched for what is no box and no `####`."""


@dataclass(frozen=True)
class Answer:
    """What an attempt answered, as written, and where it stood.

    `source` is "pattern", "boxed", "hash", "tag", "line", "phrase", "formula", "last_number" (a last resort, which
    an alarm watches) or "none".
    """

    text: str | None
    source: str


def final_answer(text: str, pattern: str | None = None) -> Answer:
    r"""Read the final answer from an attempt: from what stands behind its thinking.

    A thought without an end has none. With a recipe's own `pattern` its last match decides alone: group 1 if it has
    one, else all of it. Without one, the first that is found of: the last box, or the last boxes in a row; the last
    `#### n`; what is announced last by a tag, an answer line or "the answer is"; the last displayed formula, or the
    formula that ends the text; the last number. Blank answers count as not found. docs/answers.md has examples.
    """
    said = behind_thinking(text)
    if said is None:
        return Answer(None, "none")
    if pattern is not None:
        return _answer(last_match(pattern, said), "pattern")
    answer = _answer(last_box(said), "boxed")
    if answer.text is None:
        answer = _answer(_last_hash(said), "hash")
    end = said[-NEAR_THE_END:]
    if answer.text is None:
        answer = _answer(*last_statement(end))
    if answer.text is None:
        answer = _answer(final_formula(end), "formula")
    if answer.text is None:
        answer = _answer(last_number(end), "last_number")
    return answer


def _answer(text: str | None, source: str) -> Answer:
    text = text.strip() if text is not None else ""
    return Answer(text, source) if text.strip("$*.,;:{}\\ ") or "\\{" in text else Answer(None, "none")


_HEADING = re.compile(r"[\s*]*(?:[A-Za-z]{2}|\d{1,2}[.):]\s+\S)")


def _last_hash(text: str) -> str | None:
    """What follows the last `####` that an answer follows on its line; `#### Step 1`, `#### 1. Add` are headings."""
    for line in reversed(text.splitlines()) if "####" in text else ():
        _, mark, rest = line.rstrip("# \t").rpartition("####")
        if mark and rest.strip() and not _HEADING.match(rest):
            return rest
    return None
