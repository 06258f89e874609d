"""Which move a text makes. Text is what a model wrote: whatever it says, the answer takes linear time."""

from schemas.games import Games
from schemas.settings import Answers
from tasks.answers.canonical import answer_of, canonical


def move_in(text: str, settings: Games, checks: Answers) -> str | None:
    """The action that a text's answer names, legal now or not; None if it names none."""
    return forms(settings).get(_form(answer_of(text, checks).text))


def forms(settings: Games) -> dict[str, str]:
    """Normal form of a word, in lower case -> the action."""
    return {_form(word): action for word, action in settings.moves.items()}


def words_for(actions: tuple[str, ...], settings: Games) -> list[str]:
    """What may be answered to take one of these actions."""
    return [word for word, action in settings.moves.items() if action in actions]


def _form(answer: str | None) -> str:
    return canonical(answer).lower()
