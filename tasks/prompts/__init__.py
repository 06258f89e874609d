"""The words for the model, one jinja file a role, and the function that fills them in.

A template without blocks is a raw prompt. One with blocks is a chat, to which the tokenizer's chat template is
applied: a block a message, in their order, named for its role (`system`, `user`, `assistant`; a second one of a role
`user_2`). It ends with what the user says.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import BadInput
from tasks.engines.engine import Message, Text

if TYPE_CHECKING:
    from jinja2 import Template

HERE = Path(__file__).parent
OPEN, CLOSE = "\ue001", "\ue002"  # for private use: around each value, while it is looked where values stand
CHAT = re.compile(r"(?:system )?(?:user(?:_\d+)? assistant(?:_\d+)? )*user(?:_\d+)?")
"""Names of a chat's blocks."""


@dataclass(frozen=True)
class Prompt:
    """A template's text; its digest is part of a stage's key."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def render(self, **values: object) -> str | tuple[Message, ...]:
        """Fill in the values, as they are: model text is a value, never a template. Raises BadInput for a value that
        the template wants and is not given."""
        from jinja2 import TemplateError

        template = _compiled(self.text)
        try:
            if not template.blocks:
                return _with_rows(template.render(values), _compiled(self.text, marks=True).render(values))
            said = [("".join(block(template.new_context(values))), name) for name, block in template.blocks.items()]
        except (TemplateError, TypeError) as error:
            raise BadInput(f"prompt = '{self.name}': {error}; it is given {', '.join(values)}") from error
        return tuple(Message(name.partition("_")[0], text.strip()) for text, name in said)


@cache  # compiling takes far longer than filling in
def _compiled(text: str, marks: bool = False) -> "Template":
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    finalize = (lambda value: f"{OPEN}{value}{CLOSE}") if marks else None
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True, finalize=finalize
    )
    del environment.filters["random"], environment.globals["lipsum"]  # a prompt is a function of its values
    return environment.from_string(text)


def _with_rows(plain: str, marked: str) -> Text:
    """A raw prompt that says where values stand in it; all of it, where that cannot be seen."""
    rows, reached, depth, first = [], 0, 0, 0
    for piece in re.split(f"([{OPEN}{CLOSE}])", marked):
        if piece == OPEN:
            depth, first = depth + 1, first if depth else reached
        elif piece == CLOSE:
            depth -= 1
            rows += [] if depth else [(first, reached)]
        else:
            reached += len(piece)
    prompt = Text(plain)
    unseen = OPEN in plain or CLOSE in plain or re.sub(f"[{OPEN}{CLOSE}]", "", marked) != plain
    prompt.rows = ((0, len(plain)),) if unseen else tuple(rows)
    return prompt


def load_prompt(name: str, beside: Path) -> Prompt:
    """A template by its name in this folder, or by its path from the recipe's folder. Raises BadInput."""
    from jinja2 import TemplateSyntaxError

    path = beside / name if name.endswith(".jinja") else HERE / f"{name}.jinja"
    try:
        text = path.read_text(encoding="utf-8")
        blocks = [*_compiled(text).blocks]
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(sorted(p.stem for p in HERE.glob("*.jinja")))
        raise BadInput(f"prompt = '{name}': no such template; there are {known}, or a .jinja path") from error
    except TemplateSyntaxError as error:
        raise BadInput(f"{path}:{error.lineno}: not a valid template: {error.message}") from error
    if blocks and not CHAT.fullmatch(" ".join(blocks)):
        raise BadInput(
            f"{path}: blocks {', '.join(blocks)}: expected system, if any, then user and assistant in turns, "
            "user last (user, assistant, user_2)"
        )
    return Prompt(name, text)
