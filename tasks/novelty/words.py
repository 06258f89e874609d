r"""Words of any script: what novelty, contamination and the alarms take for one word of a text.

ASCII text has the words that `\w+` finds in it. In other text a word is a run of letters, digits and their accents,
after NFKC and case folding: widths, ligatures, mathematical letters and digits of any script are levelled, characters
that nobody sees (zero-width, direction marks) are passed over, an accented letter is another letter than the bare
one, and however it is encoded it is one. A script without spaces has no such runs: each of its characters, with its
accents, is a word. The text may be hostile: nothing here raises, and time grows linearly with its length.
"""

import re
import unicodedata
from bisect import bisect_left
from functools import cache

QUARTERS = 4
"""A word between spaces, in the unit of `quarters_of`."""

_ASCII_WORD = re.compile(r"\w+")
_ASCII_WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")

# two characters a word: Chinese has 1.5 to 1.7, Japanese 2 to 2.5, by what translators charge
_TWO_A_WORD = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\ua4cf\uf900-\ufaff\U00016fe0-\U00018d8f\U0001aff0-\U0001b2ff\U00020000-\U0003ffff"
)  # Han, Hiragana, Katakana, Bopomofo, Yi, Tangut
# four: letters rather than syllables. Thai, Lao, Tibetan, Myanmar, Khmer, Tai Le, New Tai Lue, Tai Tham, Tai Viet
_FOUR_A_WORD = "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
_SPACELESS = _TWO_A_WORD + _FOUR_A_WORD
_FOUR = re.compile(f"[{_FOUR_A_WORD}]")
_ANY_SPACELESS = re.compile(f"[{_SPACELESS}]")


def words_of(text: str) -> list[str]:
    """The words, case folded. `_` is a letter, as in `\\w`."""
    text = _levelled(text, _LETTERS).casefold()
    return (_ASCII_WORD if text.isascii() else _patterns().word).findall(text)


def words_and_signs_of(text: str) -> list[str]:
    """The words and, each by itself, the signs between them."""
    text = level(text).casefold()
    return (_ASCII_WORD_OR_SIGN if text.isascii() else _patterns().word_or_sign).findall(text)


def spans_of(text: str) -> list[tuple[int, int]]:
    """Where in the text each of its words stands."""
    if text.isascii():
        return [word.span() for word in _ASCII_WORD.finditer(text)]
    marks = {found.start(): _mark(found) for found in _PARTED.finditer(text)}
    pieces, origins = [], []
    for place, character in enumerate(text):
        pieces.append((marks.get(place, "") + character.translate(_LEVEL)).casefold())
        origins += [place] * len(pieces[-1])
    # as in `words_of`, but for accents that are not composed, which part no words
    found = [word.span() for word in _patterns().word.finditer("".join(pieces))]
    return [(origins[start], origins[end - 1] + 1) for start, end in found]


def quarters_of(word: str) -> int:
    """How much of a word between spaces a word is worth, in quarters: half of one for a character of Han or kana, a
    quarter for one of the other scripts without spaces."""
    if word.isascii() or not _ANY_SPACELESS.match(word):
        return QUARTERS
    return 1 if _FOUR.match(word) else 2


def num_words(text: str) -> int:
    """How many words there are between spaces; in a text of a script without spaces, as many as it is worth."""
    if text.isascii() or not _ANY_SPACELESS.search(text := level(text)):
        return len(text.split())
    worth = 0

    def counted(found: re.Match[str]) -> str:
        nonlocal worth
        worth += quarters_of(found.group())
        return " "

    rest = _patterns().spaceless.sub(counted, text).split()
    return sum(any(map(str.isalnum, word)) for word in rest) + -(-worth // QUARTERS)


def level(text: str) -> str:
    """The text in NFKC, with ASCII digits, without characters that nobody sees. What is raised is marked: 5² is 5^2
    and not 52, and 1½ is 1 1/2. Case and spaces stay."""
    return _levelled(text, _LEVEL)


def _levelled(text: str, table: "_Level") -> str:
    if text.isascii():
        return text
    text = _BEYOND_ASCII.sub(lambda run: _marked(run.group()).translate(table), text)
    return text if text.isascii() else unicodedata.normalize("NFC", _patterns().accents.sub(r"\1", text))


_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")


_PARTED = re.compile(
    "[\u00bc-\u00be\u2150-\u215f\u2189]|[\u00b2\u00b3\u00b9\u2070\u2071\u2074-\u207f]+|[\u2080-\u208e\u2090-\u209c]+"
)


def _marked(text: str) -> str:
    return _PARTED.sub(lambda found: _mark(found) + found.group(), text)


def _mark(found: re.Match[str]) -> str:
    kind = unicodedata.decomposition(found.group()[0]).partition(" ")[0]
    return {"<super>": "^", "<sub>": "_"}.get(kind, " ")


_UNSEEN = re.compile(  # beside Unicode's class Cf: joiners, fillers, variation selectors
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)


class _Level(dict[int, str]):
    """Table for `str.translate`, filled as characters are met; no larger than Unicode's assigned characters."""

    def __init__(self, signs: bool) -> None:
        """signs: keep what is no letter, digit or accent; else it is a space."""
        self._signs = signs

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Cn", "Co", "Cs"):
            return character if self._signs else " "
        plain = _level_character(character, category)
        if not self._signs:
            plain = "".join(c if c.isalnum() or c == "_" or _is_accent(c) else " " for c in plain)
        self[code] = plain
        return plain


def _level_character(character: str, category: str) -> str:
    if category in ("Cf", "Me") or _UNSEEN.match(character):
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return unicodedata.normalize("NFKC", character).replace("\u2044", "/")


def _is_accent(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc")


_LEVEL, _LETTERS = _Level(signs=True), _Level(signs=False)


class _Patterns:
    """What needs to know every accent: some hundredths of a second, spent at the first text that is not ASCII."""

    def __init__(self) -> None:
        codes = [code for code in range(0x20000) if _is_accent(chr(code))]
        first = bisect_left(codes, 0x10000)  # a class of both would be searched from end to end for each character
        near, far = ("".join(map(chr, part)) for part in (codes[:first], codes[first:]))
        accent = rf"(?:[{near}]|(?=[\U00010000-\U000e1000])[{far}])"
        spaceless = rf"(?=\w)[{_SPACELESS}]{accent}*"
        spaced = rf"[^\W{_SPACELESS}]+(?:{accent}+[^\W{_SPACELESS}]*)*"
        self.word = re.compile(f"{spaceless}|{spaced}")
        self.word_or_sign = re.compile(rf"{spaceless}|{spaced}|[^\w\s]")
        self.spaceless = re.compile(spaceless)
        # putting accents in order takes the square of how many there are in a row; no language has 30
        self.accents = re.compile(rf"((?:{accent}){{30}}){accent}+")


_patterns = cache(_Patterns)
