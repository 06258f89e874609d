"""Which move a text makes. Text is what a model wrote: whatever it says, the answer takes linear time."""

from schemas.games import Games
from schemas.pattern import last_match


def move_in(text: str, settings: Games) -> str | None:
    """The action that a text names, legal now or not; None if it names none."""
    said = text if settings.pattern is None else last_match(settings.pattern, text)
    return None if said is None else settings.moves.get(said.strip())


def words_for(actions: tuple[str, ...], settings: Games) -> list[str]:
    """What may be written to take one of these actions."""
    return [word for word, action in settings.moves.items() if action in actions]
