"""A cursor over an answer's tokens, and what is read of them as it stands: names, subscripts, letters."""

from typing import Any

from tasks.answers.tokens import Token

Node = tuple[Any, ...]


MEMORISED = 200
"""Characters of a text, or nodes of a tree, up to which what was found is kept: long ones would fill the memory."""


def is_small(node: Any) -> bool:
    """Whether a tree has at most MEMORISED nodes."""
    left, waiting = MEMORISED, [node]
    while waiting and left >= 0:
        left -= 1
        inner = waiting.pop()
        if isinstance(inner, tuple):
            waiting += inner
    return left >= 0


class NotMathematics(ValueError):
    """The tokens are no expression that is known here."""


class Cursor:
    """place: index of the next token; depth: brackets and groups that are open; bars: whether a bar would close."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.place, self.depth, self.bars = tokens, 0, 0, 0

    def next(self, ahead: int = 0) -> Token | None:
        return self.tokens[self.place + ahead] if self.place + ahead < len(self.tokens) else None

    def sees(self, *texts: str) -> bool:
        token = self.next()
        return token is not None and token.text in texts and token.kind != "number"

    def take(self, *texts: str) -> Token | None:
        if not self.sees(*texts):
            return None
        self.place += 1
        return self.tokens[self.place - 1]

    def must(self, *texts: str) -> Token:
        token = self.take(*texts)
        if token is None:
            raise NotMathematics(f"no {texts[0]}")
        return token

    def subscript(self) -> str:
        if not self.take("_"):
            return ""
        if not self.take("{"):
            token = self.next()
            if token is None or token.kind not in ("number", "letter", "word", "command"):
                raise NotMathematics("subscript")
            self.place += 1
            return f"_{{{token.text}}}"
        inside: list[str] = []
        depth = 1
        while (token := self.next()) is not None:
            self.place += 1
            depth += (token.text == "{") - (token.text == "}")
            if not depth:
                return f"_{{{''.join(inside)}}}"
            inside.append(("\\" if token.kind == "command" and token.text.isalpha() else "") + token.text)
        raise NotMathematics("subscript")

    def primes(self) -> str:
        primes = ""
        while len(primes) < 4 and (self.take("'", "prime", "’", "′") is not None):
            primes += "'"
        if not primes and self.sees("^") and (ahead := self.next(1)) is not None and ahead.text == "prime":
            self.place += 2
            primes = "'"
        return primes

    def rest(self) -> list[Token]:
        rest: list[Token] = []
        while (token := self.next()) is not None and token.text not in (",", ";"):
            rest.append(token)
            self.place += 1
        return rest

    def raw(self) -> str:
        """The letters of a command's argument, as they stand."""
        if not self.take("{"):
            names: list[str] = []
            while (token := self.next()) is not None and token.kind in ("letter", "word") and len(names) < 4:
                names.append(token.text)
                self.place += 1
            if not names:
                raise NotMathematics("argument")
            return "".join(names)
        inside = []
        while (token := self.next()) is not None and token.text != "}":
            inside.append(token.text)
            self.place += 1
        self.must("}")
        return "".join(inside)

    def raw_sign(self) -> str:
        braced = self.take("{")
        token = self.next()
        self.place += 1
        if braced:
            self.must("}")
        return token.text if token else ""
