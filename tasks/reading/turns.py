"""A turn: what a model said to its reader, without its thoughts and without the turns it wrote for others."""

import re

from tasks.reading.thinking import behind_thinking

_TOKEN = re.compile(
    r"<\|[A-Za-z][A-Za-z0-9_]{2,40}\|>"  # <|im_end|>, <|eot_id|>, <|endoftext|>
    r"|<｜[^｜<>\n]{2,40}｜>|\[\|[A-Za-z]{3,20}\|\]"  # with full-width bars, in square brackets
    r"|</?s>|<(?:eos|bos|pad|eot|EOT|unk)>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|\[/?SYSTEM_PROMPT\]|\[EOS\]"
)
_ROLE = r"(?:user|assistant|system|model|human|bot|AI)"
_OPENING_ROLE = re.compile(rf"[\s#*]{{0,8}}{_ROLE}\b[*]{{0,2}}(?:[ \t]*:|[ \t]*(?=\n|$|<\|))", re.IGNORECASE)
_HEADER = re.compile(
    rf"^[ \t]*[#*]{{0,6}}[ \t]?{_ROLE}[*]{{0,2}}[ \t]*(?::[*]{{0,2}}|$)|(?<=[.?!。？！])(?:user|assistant)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


def own_turn(text: str) -> str:
    """What stands after the last closed thought, up to the first token or line that ends the model's turn.

    Empty if a thought is left open: nothing of it was meant for a reader. Tokens and role headers before the first
    word are passed over.
    """
    said = behind_thinking(text[_passed_over(text) :]) or ""
    start = _passed_over(said)
    ends = [found.start() for pattern in (_TOKEN, _HEADER) if (found := pattern.search(said, start))]
    return said[start : min(ends, default=len(said))]


def _passed_over(text: str) -> int:
    """Where the first word begins."""
    start = 0
    while True:
        while start < len(text) and text[start].isspace():
            start += 1
        found = _TOKEN.match(text, start) or _OPENING_ROLE.match(text, start)
        if not found or found.end() == start or behind_thinking(found.group() + "x") is None:  # a thought begins
            return start
        start = found.end()
