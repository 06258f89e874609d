"""Novelty: how near a text is to any text before it, by ROUGE-L, as in arXiv 2212.10560."""

import hashlib
import io
import json
import sys
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unicodedata import unidata_version

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import LCSseq

from tasks.novelty import words
from tasks.novelty.words import words_of
from tasks.store.objects import digest_of, file_digest, write_whole

# a saved index is read by the code that wrote it only, and where characters are the same letters
CODE = digest_of(
    {"unicode": unidata_version, **{name: file_digest(Path(name)) for name in (__file__, words.__file__)}}
)
MATCHES = 5  # words that texts must share of those looked up: more look up more words, and compare fewer texts
CHARACTERS = f"utf-32-{sys.byteorder[0]}e"
SPACED = bytes(byte if chr(byte) in "abcdefghijklmnopqrstuvwxyz0123456789" else 32 for byte in range(256))


def rouge_l_f1(a: str, b: str) -> float:
    """Return the F-measure of the longest common subsequence of words: rouge_score's rougeL, no stemming.

    For ASCII texts this is rouge_score's figure: words are runs of a-z and 0-9 after lower-casing, signs are not
    seen. Other letters, which rouge_score does not see either, are words as `tasks/novelty/words.py` has them: those
    of scripts without spaces character by character. 0 if either text has none. Symmetric, between 0 and 1.
    """
    first, second = _words(a), _words(b)
    common = LCSseq.similarity(first, second)
    # 2PR/(P+R) in one division: .7 comes out as .7, not a rounding above it
    return 2 * common / (len(first) + len(second)) if common else 0.0


class NoveltyIndex:
    """Texts so far, and which new text is near one of them: ROUGE-L F1 above `threshold` is no longer new.

    Decides as a comparison with every stored text would. Compared are only texts that share enough words, in any
    order, to reach the threshold; looking up a text's rarest words finds them (the prefix filter of Chaudhuri et al.
    2006, with the order of words chosen anew for each text). A text without any word is near nothing.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.holds: list[str] = []
        """The caller's names for what was added, in order; kept in the file."""
        self._numbers: dict[bytes, int] = {}  # of words, by first sight
        self._rows_with: list[array[int]] = []  # of each word: the texts that have it
        self._texts: list[str | tuple[int, ...]] = []
        self._lengths = array("I")  # in words
        self._longest = 0
        self._ids: list[str] = []

    def admit(self, text: str, id: str) -> bool:
        """Store the text and return True if it is new, else leave it out and return False."""
        words = _words(text)
        if self._nearest(words)[0] > self.threshold:
            return False
        self._add(words, id)
        return True

    def add(self, text: str, id: str) -> None:
        """Store a text, new or not: a seed, or a question of an earlier round."""
        self._add(_words(text), id)

    def nearest(self, text: str) -> tuple[float, str | None]:
        """Return the highest F1 against any stored text and the id of the first that has it.

        Exact at the threshold and above it. Below, where nothing is decided by it, the score is an upper bound, the
        threshold itself (0 if no word of the text is known), and the id is None.
        """
        return self._nearest(_words(text))

    def save(self, path: Path) -> None:
        """Write the index as one whole file: a digest, then arrays."""
        about = json.dumps([CODE, self.threshold, self.holds, self._ids])
        buffer = io.BytesIO()
        np.savez(
            buffer,
            about=np.frombuffer(about.encode(), np.uint8),
            words=np.frombuffer(b" ".join(self._numbers), np.uint8),
            lengths=np.array(self._lengths, np.uint32),
            numbers=np.frombuffer(b"".join(map(_unpacked, self._texts)), np.uint32),
            num_rows=np.array(list(map(len, self._rows_with)), np.uint32),
            rows=np.frombuffer(b"".join(self._rows_with), np.uint32),
        )
        content = buffer.getvalue()
        write_whole(path, hashlib.sha256(content).digest() + content)

    @classmethod
    def load(cls, path: Path) -> "NoveltyIndex":
        """Read what `save` of this very code wrote. Raises ValueError for anything else, a damaged file for one."""
        whole = path.read_bytes()
        digest, content = whole[:32], whole[32:]
        if hashlib.sha256(content).digest() != digest:
            raise ValueError(f"{path}: damaged")
        arrays = np.load(io.BytesIO(content), allow_pickle=False)
        code, threshold, holds, ids = json.loads(arrays["about"].tobytes())
        if code != CODE:
            raise ValueError(f"{path}: written by other code")
        index = cls(threshold)
        index.holds, index._ids = holds, ids
        index._numbers = {word: number for number, word in enumerate(arrays["words"].tobytes().split())}
        index._lengths = array("I", arrays["lengths"].tobytes())
        index._longest = max(index._lengths, default=0)
        index._texts = [_packed(numbers) for numbers in _pieces(arrays["numbers"], arrays["lengths"])]
        index._rows_with = [array("I", rows) for rows in _pieces(arrays["rows"], arrays["num_rows"])]
        return index

    def __len__(self) -> int:
        return len(self._ids)

    def _add(self, words: list[bytes], id: str) -> None:
        numbers = array("I", [self._numbers.setdefault(word, len(self._numbers)) for word in words])
        self._rows_with.extend(array("I") for _ in range(len(self._numbers) - len(self._rows_with)))
        for number in set(numbers):
            self._rows_with[number].append(len(self._ids))
        self._texts.append(_packed(numbers))
        self._lengths.append(len(words))
        self._longest = max(self._longest, len(words))
        self._ids.append(id)

    def _nearest(self, words: list[bytes]) -> tuple[float, str | None]:
        rows = self._may_reach_the_threshold(words)
        if rows is None:
            return 0.0, None
        if len(rows):
            query = _packed(array("I", [self._numbers.get(word, len(self._numbers)) for word in words]))
            texts = [self._texts[row] for row in rows.tolist()]
            least = _least_common(len(words), self.threshold)
            common = process.cdist([query], texts, scorer=LCSseq.similarity, score_cutoff=least, dtype=np.int32)[0]
            scores = 2 * common / (len(words) + self._length_of(rows))
            best = int(scores.argmax())  # of equals, the first
            if scores[best] >= self.threshold:
                return float(scores[best]), self._ids[rows[best]]
        return self.threshold, None

    def _may_reach_the_threshold(self, words: list[bytes]) -> NDArray[np.intp] | None:
        """The rows, in order, that share enough words; None if no row shares any."""
        known = [
            (self._rows_with[n], count) for w, count in Counter(words).items() if (n := self._numbers.get(w, -1)) >= 0
        ]
        if not known:
            return None
        least = _least_common(len(words), self.threshold)
        left = sum(count for _, count in known)  # words not looked up: a row may share so many more
        if min(left, self._longest) < least:
            return np.zeros(0, np.intp)
        known.sort(key=lambda word: len(word[0]))  # rarest first
        looked_up, often = [], []
        for rows, count in known:
            if left <= least - MATCHES:
                break
            left -= count
            if count <= 4:
                looked_up += [rows] * count
            else:
                often.append((rows, count))
        shared = np.bincount(np.frombuffer(b"".join(looked_up), np.uint32), minlength=len(self))
        for rows, count in often:
            shared[np.frombuffer(rows, np.uint32)] += count
        found = np.flatnonzero(shared >= max(least - left, 1))
        lengths = self._length_of(found)
        common = np.minimum(shared[found] + left, lengths)
        return found[2 * common / (len(words) + lengths) >= self.threshold]

    def _length_of(self, rows: NDArray[np.intp]) -> NDArray[np.uint32]:
        return np.frombuffer(self._lengths, np.uint32)[rows]


def _words(text: str) -> list[bytes]:
    if text.isascii():
        return text.lower().encode().translate(SPACED).split()
    return " ".join(words_of(text)).encode().replace(b"_", b" ").split()


def _least_common(length: int, threshold: float) -> int:
    """The fewest words in common with which a text of this length reaches the threshold, against any other text."""
    # the other text has no fewer words; from just below the exact figure, by the division that decides
    common = max(1, int(threshold * length / (2 - threshold)) - 1)
    while 2 * common / (length + common) < threshold:
        common += 1
    return common


def _packed(numbers: "array[int] | bytes") -> str | tuple[int, ...]:
    """A character a word: what rapidfuzz takes without hashing."""
    try:
        return str(numbers, CHARACTERS, "surrogatepass")
    except UnicodeDecodeError:  # more words than Unicode has characters
        return tuple(memoryview(numbers).cast("B").cast("I"))


def _unpacked(text: str | tuple[int, ...]) -> bytes:
    return text.encode(CHARACTERS, "surrogatepass") if isinstance(text, str) else array("I", text).tobytes()


def _pieces(numbers: NDArray[np.uint32], sizes: NDArray[np.uint32]) -> Iterator[bytes]:
    whole, ends = numbers.tobytes(), (4 * np.cumsum(sizes, dtype=np.int64)).tolist()
    for start, end in zip([0, *ends], ends, strict=False):
        yield whole[start:end]
