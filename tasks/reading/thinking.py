"""Thinking: what a model says to itself before it answers, and the chat tokens around what it says."""

import re

_NAMES = (
    "think|thinking|thought|thoughts|reason|reasoning|reflection|scratchpad|analysis|inner_monologue"
    "|seed:think|longcat_think|think_fast|think_faster"
)
_TAG = re.compile(
    rf"""(?P<opened>
        < \s? (?:{_NAMES}) (?:\s[^<>]{{0,80}})? > | \[think(?:ing)?\] | ◁think▷
        | <\|(?:begin_of_thought|start_thinking|inner_prefix|think|thinking)\|>
        | <\|channel\|>\s?(?:analysis|commentary) | <\|channel>\s?thought | <unused94> | \A\s*analysis(?=(?-i:[A-Z]))
    ) | (?P<closed>
        < \s? / \s? (?:{_NAMES}) \s? > | \[/think(?:ing)?\] | ◁/think▷
        | <\|(?:end_of_thought|end_thinking|inner_suffix|/think|/thinking)\|>
        | <\|channel\|>\s?final[^<>]{{0,20}}(?:<\|constrain\|>[^<>]{{0,20}})?<\|message\|> | <channel\|> | <unused95>
        | assistantfinal
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_IN_TAGS = (  # looked for first: the tags' own pattern is ten times slower
    *("think", "thought", "reason", "reflection", "scratchpad", "analysis", "monologue", "inner_", "channel"),
    *("unused9", "assistantfinal"),
)
_TURN_BEGINS = re.compile(
    r"(?:\s|<s>|<bos>|<\|begin_of_text\|>|<\|im_start\|>\s?assistant|<\|assistant\|>|<start_of_turn>\s?model"
    r"|<\|start_header_id\|>\s?assistant\s?<\|end_header_id\|>|<\|start\|>\s?assistant|<[|｜]Assistant[|｜]>)+"
)
_TURN_ENDS = re.compile(
    r"<[|｜](?:im_end|im_start|eot_id|eot|eom_id|eos|end_of_text|endoftext|end[▁_]of[▁_]sentence|end_of_turn|return"
    r"|start_header_id|user|User|system|observation|END_OF_TURN_TOKEN|END_RESPONSE|end_of_solution)[|｜]>"
    r"|<\|end\|>(?!\s*<\|start\|>)|</s>|<eos>|<end_of_turn>|<start_of_turn>|<turn\|>|\[/?INST\]"
)
_END_MARKS = ("<|", "<｜", "</s>", "<eos>", "_of_turn>", "<turn|>", "INST]")


def behind_thinking(text: str) -> str | None:
    """What a model says once it has thought: behind the last tag that closes a thought, up to the end of its turn.

    None if a thought was opened and not closed: then there is no answer yet.
    """
    begins = _TURN_BEGINS.match(text)
    start = begins.end() if begins else 0
    ends = _TURN_ENDS.search(text, start) if any(mark in text for mark in _END_MARKS) else None
    turn = text[start : ends.start() if ends else len(text)]
    lowered = turn.lower()
    if not any(word in lowered for word in _IN_TAGS):
        return turn
    said, thinking = 0, False
    for tag in _TAG.finditer(turn):
        thinking = tag["opened"] is not None
        said = tag.end()
    return None if thinking else turn[said:]
