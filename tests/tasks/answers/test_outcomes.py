"""Claims about the memory of checks: it saves time and decides nothing."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.answers import outcomes
from tasks.answers.outcomes import Outcome, Outcomes
from tasks.store.caches import Cache

EQUAL, DIFFERENT, UNDECIDED = Outcome.EQUAL, Outcome.DIFFERENT, Outcome.UNDECIDED


class Kept:
    """A lineage whose every stage is published at once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.named = folder, dict[str, str]()

    @property
    def now(self) -> Cache:
        return Cache(self.folder, frozenset(self.named.values()), self.named.__setitem__)


@pytest.fixture
def cache(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_what_one_process_decided_the_next_one_knows(cache: Kept) -> None:
    first = Outcomes()
    with first.kept_in(cache.now):
        first.add(("1/2", "0.5"), EQUAL)
        first.add(("\u202e\n", "x"), DIFFERENT)
    second = Outcomes()
    assert second.get(("1/2", "0.5")) is None
    with second.kept_in(cache.now):
        assert (second.get(("1/2", "0.5")), second.get(("\u202e\n", "x"))) == (EQUAL, DIFFERENT)
        assert second.get(("0.5", "1/2")) is None, "equality has a direction"


def test_an_undecided_pair_is_known_until_its_stage_ends(cache: Kept) -> None:
    first, second = Outcomes(), Outcomes()
    with first.kept_in(cache.now):
        first.add(("tower", "1"), UNDECIDED)
        with first.kept_in(cache.now):
            assert first.get(("tower", "1")) is UNDECIDED
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(first.get, ("tower", "1")).result() is UNDECIDED, "a stage's threads know it too"
    assert first.get(("tower", "1")) is None
    with first.kept_in(cache.now), second.kept_in(cache.now):
        assert first.get(("tower", "1")) is None and second.get(("tower", "1")) is None


def test_outside_a_stage_an_undecided_pair_is_not_remembered() -> None:
    known = Outcomes()
    known.add(("tower", "1"), UNDECIDED)
    assert known.get(("tower", "1")) is None


def test_what_is_undecided_beside_a_stage_is_not_undecided_in_it(cache: Kept) -> None:
    known, pair, met = Outcomes(), ("tower", "1"), threading.Barrier(2, timeout=10)

    def beside() -> None:
        with known.kept_in(cache.now):
            known.add(pair, UNDECIDED)
            met.wait()
            met.wait()  # the stage began
            known.add(pair, UNDECIDED)
            met.wait()
            met.wait()
        met.wait()

    thread = threading.Thread(target=beside)
    thread.start()
    met.wait()
    with known.kept_in(cache.now):
        assert known.get(pair) is None
        met.wait()
        met.wait()
        assert known.get(pair) is None
        met.wait()
        met.wait()
        assert known.get(pair) is None
        known.add(pair, UNDECIDED)
        assert known.get(pair) is UNDECIDED
    thread.join()


def test_a_decision_replaces_what_was_undecided(cache: Kept) -> None:
    known = Outcomes()
    with known.kept_in(cache.now):
        known.add(("a", "b"), UNDECIDED)
        known.add(("a", "b"), EQUAL)
        known.add(("a", "b"), UNDECIDED)  # of two threads with one pair, one was killed
        assert known.get(("a", "b")) is EQUAL
    assert known.get(("a", "b")) is EQUAL


def test_two_writers_leave_two_files_and_a_reader_reads_both(cache: Kept) -> None:
    one, other, reader = Outcomes(), Outcomes(), Outcomes()
    with one.kept_in(cache.now), other.kept_in(cache.now):
        one.add(("a", "b"), EQUAL)
        other.add(("c", "d"), DIFFERENT)
    with reader.kept_in(cache.now):
        assert (reader.get(("a", "b")), reader.get(("c", "d"))) == (EQUAL, DIFFERENT)
    assert len(list(cache.folder.rglob("*.parquet"))) == 2


def test_what_a_stage_decided_that_failed_is_left_by_the_next(cache: Kept) -> None:
    first, second = Outcomes(), Outcomes()
    with pytest.raises(KeyboardInterrupt), first.kept_in(cache.now):
        first.add(("a", "b"), EQUAL)
        raise KeyboardInterrupt
    assert cache.named == {}
    with first.kept_in(None):  # beside a stage, or without a lineage
        first.add(("c", "d"), EQUAL)
    with first.kept_in(cache.now):
        assert first.get(("a", "b")) is EQUAL
    with second.kept_in(cache.now):
        assert (second.get(("a", "b")), second.get(("c", "d"))) == (EQUAL, EQUAL)


def test_a_file_that_no_published_round_names_is_not_read_whatever_its_name(cache: Kept) -> None:
    first, lying, second = Outcomes(), Outcomes(), Outcomes()
    with first.kept_in(cache.now):
        first.add(("a", "b"), DIFFERENT)
    honest = dict(cache.named)
    with lying.kept_in(cache.now):
        lying.add(("a", "b"), EQUAL)
        lying.add(("c", "d"), EQUAL)
    cache.named = honest
    with second.kept_in(cache.now):
        assert (second.get(("a", "b")), second.get(("c", "d"))) == (DIFFERENT, None)


def test_a_damaged_or_foreign_file_is_no_error(cache: Kept) -> None:
    first, second = Outcomes(), Outcomes()
    with first.kept_in(cache.now):
        first.add(("a", "b"), EQUAL)
    (path,) = cache.folder.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-9])
    (path.parent / "0.parquet").write_bytes(b"not a table")
    with second.kept_in(cache.now):
        assert second.get(("a", "b")) is None


def test_no_flipped_bit_changes_a_decision(cache: Kept) -> None:
    pairs = {(f"{n}", f"\\sqrt{{{n}}}"): EQUAL if n % 2 else DIFFERENT for n in range(8)}
    first = Outcomes()
    with first.kept_in(cache.now):
        for pair, outcome in pairs.items():
            first.add(pair, outcome)
    (path,) = cache.folder.rglob("*.parquet")
    whole = path.read_bytes()
    for bit in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        reader = Outcomes()
        with reader.kept_in(cache.now):
            assert not reader._known
    path.write_bytes(whole)
    with (reader := Outcomes()).kept_in(cache.now):
        assert {pair: reader.get(pair) for pair in pairs} == pairs


def test_a_file_of_its_own_digest_that_is_no_cache_is_no_error(cache: Kept) -> None:
    folder = cache.folder / f"checks-{outcomes.checker_version()}"
    folder.mkdir()
    for content in (b"", b"not a table"):
        digest = hashlib.sha256(content).hexdigest()
        (folder / f"{digest[:32]}.parquet").write_bytes(content)
        cache.named[digest] = digest
    (folder / "folder.parquet").mkdir()
    with Outcomes().kept_in(cache.now):
        pass


def test_a_cache_that_cannot_be_written_hides_nothing(cache: Kept) -> None:
    blocked = Kept(cache.folder / "file")
    blocked.folder.write_text("in the way")
    known = Outcomes()
    with known.kept_in(blocked.now):
        known.add(("a", "b"), EQUAL)
    assert blocked.named == {}
    with known.kept_in(cache.now):
        known.add(("\ud800", "b"), EQUAL)  # no UTF-8 holds it


def test_a_checker_of_another_version_does_not_read_it(cache: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Outcomes(), Outcomes()
    with first.kept_in(cache.now):
        first.add(("a", "b"), EQUAL)
    monkeypatch.setattr(outcomes, "checker_version", lambda: "another")
    with second.kept_in(cache.now):
        assert second.get(("a", "b")) is None


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "MAX_REMEMBERED", 10)
    known = Outcomes()
    for number in range(25):
        known.add((str(number), "x"), EQUAL)
    assert known.get(("24", "x")) is EQUAL and known.get(("0", "x")) is None
