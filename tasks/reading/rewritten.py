"""What a proposer wrote when it was asked to rewrite a question."""

from schemas.pattern import first_groups
from tasks.reading.blocks import levelled
from tasks.reading.turns import own_turn


def read_rewritten(text: str, finish_reason: str, pattern: str) -> tuple[str, str]:
    """The question, and ""; or all of the text, and why there is none: `truncated`, `unreadable`. `pattern`: its
    first match has the question in group 1."""
    if finish_reason == "length":
        return text, "truncated"
    found = first_groups(pattern, own_turn(text))
    question = levelled(found[0]) if found else ""
    return (question, "") if question else (text, "unreadable")
