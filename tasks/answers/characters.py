"""Plain characters: digits, signs and letters of any script and width, as LaTeX and ASCII would have them."""

import re
import unicodedata


def plain_characters(text: str) -> str:
    """Level spaces, digits and symbols; controls and direction marks go, currency signs that have no unit here too.
    For texts of bounded length: Unicode's own ordering of accents takes the square of their number."""
    text = unicodedata.normalize("NFKC", plain_digits_and_signs(_ROOT.sub(_root, text)))
    return plain_digits_and_signs(text)


def plain_digits_and_signs(text: str) -> str:
    """The same, character by character: linear in the length."""
    text = text.translate(_PLAIN)
    if _RAISED[0] in text or _LOWERED[0] in text:  # x¹² has one exponent, 12
        for (opening, closing), mark in ((_RAISED, "^{"), (_LOWERED, "_{")):
            text = text.replace(closing + opening, "").replace(opening, mark).replace(closing, "}")
    return " ".join(text.split())


def _root(found: re.Match[str]) -> str:
    return f"\\sqrt{'[3]' if found[1] == '∛' else ''}{{{found[2]}}}"


_ROOT = re.compile(r"([√∛])\s?(\d+(?:\.\d+)?)")  # √13 is the root of 13, though \sqrt13 is that of 1, times 3

_RAISED, _LOWERED = ("\ue000", "\ue001"), ("\ue002", "\ue003")  # around raised and lowered characters

MOST_LETTERS = 4
MONEY = "€£¥₹₩₽"
_SYMBOLS = {
    "−": "-", "–": "-", "—": "-", "×": "\\times ", "·": "\\cdot ", "⋅": "\\cdot ", "÷": "/", "√": "\\sqrt ",
    "∛": "\\sqrt[3]", "≤": "\\le ", "≥": "\\ge ", "≠": "\\ne ", "∪": "\\cup ", "∩": "\\cap ", "π": "\\pi ",
    "∞": "\\infty ", "⁄": "/", "∶": ":", "∣": "|", "≦": "\\le ", "⩽": "\\le ", "≧": "\\ge ", "⩾": "\\ge ",
    "≡": "\\equiv ", "∓": "\\mp ", "∖": "\\setminus ", "⟨": "\\langle ", "⟩": "\\rangle ", "∅": "\\emptyset ",
    "ℝ": "\\mathbb{R}", "ℤ": "\\mathbb{Z}", "ℕ": "\\mathbb{N}", "ℚ": "\\mathbb{Q}", "ℂ": "\\mathbb{C}",
    "∑": "\\sum ", "∏": "\\prod ", "∫": "\\int ", "→": "\\rightarrow ", "∠": "\\angle ", "△": "\\triangle ",
    "′": "'", "″": '"', "°": "^\\circ ", "º": "^\\circ ", "±": "\\pm ", "∈": "\\in ", "٪": "%", "٫": ".", "٬": ",",
    "،": ",", "¢": " cents",
}  # fmt: skip


class _Plain(dict[int, str]):
    """Table for `str.translate`, filled as characters are met: each becomes plain mathematics if it can."""

    def __missing__(self, code: int) -> str:
        self[code] = plain = _plain_character(chr(code))
        return plain


def _plain_character(character: str) -> str:
    if character in _SYMBOLS:
        return _SYMBOLS[character]
    if character.isspace():
        return " "
    if character.isascii():
        return character if character.isprintable() else ""
    if character in MONEY:
        return character
    category = unicodedata.category(character)
    if category in ("Cc", "Cf", "Co", "Cs"):
        return ""  # controls, direction marks, private characters, lone surrogates
    if category == "Nd":
        return str(unicodedata.decimal(character))
    plain = unicodedata.normalize("NFKC", character)
    if len(plain) > MOST_LETTERS:
        return ""  # a whole sentence in one character
    plain = "".join(_SYMBOLS.get(part, part) for part in plain)  # ℃ has a degree sign
    kind = unicodedata.decomposition(character).partition(" ")[0]
    if kind in ("<super>", "<sub>"):
        return plain.join(_RAISED if kind == "<super>" else _LOWERED)
    if kind == "<fraction>":
        return " " + plain.replace("⁄", "/")  # 1½ is 1 1/2, not 11/2
    return plain


_PLAIN = _Plain()
