"""Copies: texts that are equal but for case, spaces and encoding, as short sums are where they are not new."""

from tasks.novelty.words import level


def copy_form(text: str) -> str:
    """What all copies of a text have in common."""
    return " ".join(level(text).split()).casefold()


class ExactIndex:
    """Texts so far, and which new text is a copy of one of them."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}  # form -> id of the first text that had it

    def add(self, text: str, id: str) -> None:
        """Store a text, new or not."""
        self._ids.setdefault(copy_form(text), id)

    def nearest(self, text: str) -> tuple[float, str | None]:
        """Return (1, id of the first copy), or (0, None)."""
        id = self._ids.get(copy_form(text))
        return (0.0, None) if id is None else (1.0, id)
