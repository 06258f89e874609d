"""Preambles: what a model says before its question, such as "Sure! Here is a new one:", and the label on it."""

import re

from tasks.reading.numbering import LABELS

LONGEST = 240
"""Characters in which a remark must end to be looked for."""

_BOLD = r"[*_\"“”]{0,3}"
_AGREES = re.compile(
    r"(?:sure(?: thing)?|certainly|of course|absolutely|definitely|okay|ok|great|alright|all right|got it|understood|"
    r"no problem|gladly|with pleasure|happy to help|yes|claro(?: que sí)?|por supuesto|vale|bien sûr|d'accord"
    r"|natürlich|"
    r"gerne|klar|certo|конечно|хорошо|好的|好|当然(?:可以)?|當然(?:可以)?|没问题|はい|もちろん(?:です)?|네|물론입니다)",
    re.IGNORECASE,
)
_THING = (
    r"(?:questions?|problems?|exercises?|tasks?|puzzles?|challenges?|continuation|preguntas?|problemas?|ejercicios?|"
    r"exercices?|problèmes?|fragen?|aufgaben?|domand[ae]|problem[ai]|esercizi[o]?|вопрос\w*|задач\w*|问题|問題|题目|題目|题"
    r"|題|문제)"
)
_OFFER = re.compile(
    r"(?:here(?:'s|’s| is| are| it is| they are| you go| comes?)\b|below (?:is|are)\b|this is (?:a|an|my|the"
    r"|another)\b|"
    r"i(?:'ll|’ll| will|'ve|’ve| have| can|'d|’d| would)\b|let me\b|as requested\b|aquí|voici|voilà|"
    r"hier (?:ist|sind|kommt)|ecco|вот|这是|这里是|以下是|下面是|以下は|次の|다음)",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:(?:the|my|a|an|your) )?(?:following|new|next|original|another|one more|新的?|下一)\b", re.IGNORECASE
)
_AT_END = re.compile(rf"(?:{_THING}|\bone)$", re.IGNORECASE)
_OFFERED = re.compile(rf"(?:{_THING}|\bones?\b|\bthey are\b|\byou go\b|\bit is\b)[^\n:：]{{0,80}}$", re.IGNORECASE)
_ASKED = re.compile(r"[?？؟]")
_LABEL = re.compile(
    rf"{_BOLD}(?:#{{1,6}}[ \t])?{_BOLD}(?:(?:new|next|another|original|math|maths|your|the)\s){{0,3}}(?:{LABELS}|q)"
    rf"(?:[ \t]?(?:statement|text|\d{{1,3}}))?{_BOLD}[ \t]?[:：]{_BOLD}[ \t]*",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"[*_]{0,3}(?:(?:new|next|another)\s)?(?:math\s)?(?:problem|question|exercise|task)[*_]{0,3}[ \t]*\n",
    re.IGNORECASE,
)
_DECORATION = re.compile(r"\s*(?:[-*_=]{3,}[ \t]*(?:\n|$)|#{1,6}[ \t]+|>[ \t])?\s*")


def without_preamble(text: str) -> str:
    """The text from its question on: agreement, an offer (to a colon or its line's end) and a label are cut."""
    place = 0
    for _ in range(6):  # a remark, another, a label
        start = place = _past(_DECORATION, text, place)
        for past in (_agreement, _offer, _label):
            place = past(text, place)
        if place == start:
            return text[place:]
    return text[place:]


def _past(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    return found.end() if found else place


def _agreement(text: str, place: int) -> int:
    """Behind "Sure!" and the like; behind "Sure," only if an offer follows."""
    found = _AGREES.match(text, place)
    if not found:
        return place
    behind = re.compile(r"[*_]{0,2}(?:[ \t]?([!.:！。：]+|[,，、—–-])[*_]{0,2}[ \t]*|[ \t]*(?=\n|$))").match(
        text, found.end()
    )
    if not behind:
        return place
    is_whole = not behind[1] or behind[1][0] in "!.:！。："
    return behind.end() if is_whole or _offer(text, behind.end()) > behind.end() else place


def _offer(text: str, place: int) -> int:
    """Behind an offer of a question, "Here are three more problems:"; what asks itself is none."""
    start = _past(re.compile(r"\s*[*_]{0,3}"), text, place)
    if not (is_offer := bool(_OFFER.match(text, start))) and not _NAMED.match(text, start):
        return place
    offered = _OFFERED if is_offer else _AT_END
    line = text[start : start + LONGEST].partition("\n")[0]
    at_end = start + len(line) == len(text) or text[start + len(line) : start + len(line) + 1] == "\n"
    for end in (found.end() for found in re.finditer(r"[:：]", line)):
        if offered.search(line[: end - 1].rstrip("*_ ")) and not _ASKED.search(line[:end]):
            return _past(re.compile(r"[*_]{0,3}[ \t]*"), text, start + end)
    said = line.rstrip("*_ \t")
    if at_end and said.endswith((".", "!", "。", "！")) and offered.search(said[:-1]) and not _ASKED.search(said):
        return start + len(line)
    sentence = re.match(r"[^.!?\n]{1,100}(?=[.!]\s)", line)
    return start + sentence.end() + 1 if is_offer and sentence and _AT_END.search(sentence.group()) else place


def _label(text: str, place: int) -> int:
    """Behind "Question:", or a heading "New problem"."""
    return _past(_LABEL, text, _past(_HEADING, text, place))
