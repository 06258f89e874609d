"""Claims about the memory of checks: it saves time and decides nothing."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.answers import outcomes
from tasks.answers.outcomes import Outcome, Outcomes

EQUAL, DIFFERENT, UNDECIDED = Outcome.EQUAL, Outcome.DIFFERENT, Outcome.UNDECIDED


def test_what_one_process_decided_the_next_one_knows(tmp_path: Path) -> None:
    first = Outcomes()
    with first.kept_in(tmp_path):
        first.add(("1/2", "0.5"), EQUAL)
        first.add(("\u202e\n", "x"), DIFFERENT)
    second = Outcomes()
    assert second.get(("1/2", "0.5")) is None
    with second.kept_in(tmp_path):
        assert (second.get(("1/2", "0.5")), second.get(("\u202e\n", "x"))) == (EQUAL, DIFFERENT)
        assert second.get(("0.5", "1/2")) is None, "equality has a direction"


def test_an_undecided_pair_is_known_until_its_stage_ends(tmp_path: Path) -> None:
    first, second = Outcomes(), Outcomes()
    with first.kept_in(tmp_path):
        first.add(("tower", "1"), UNDECIDED)
        with first.kept_in(tmp_path):
            assert first.get(("tower", "1")) is UNDECIDED
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(first.get, ("tower", "1")).result() is UNDECIDED, "a stage's threads know it too"
    assert first.get(("tower", "1")) is None
    with first.kept_in(tmp_path), second.kept_in(tmp_path):
        assert first.get(("tower", "1")) is None and second.get(("tower", "1")) is None


def test_outside_a_stage_an_undecided_pair_is_not_remembered() -> None:
    known = Outcomes()
    known.add(("tower", "1"), UNDECIDED)
    assert known.get(("tower", "1")) is None


def test_what_is_undecided_beside_a_stage_is_not_undecided_in_it(tmp_path: Path) -> None:
    known, pair, met = Outcomes(), ("tower", "1"), threading.Barrier(2, timeout=10)

    def beside() -> None:
        with known.kept_in(tmp_path):
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
    with known.kept_in(tmp_path):
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


def test_a_decision_replaces_what_was_undecided(tmp_path: Path) -> None:
    known = Outcomes()
    with known.kept_in(tmp_path):
        known.add(("a", "b"), UNDECIDED)
        known.add(("a", "b"), EQUAL)
        known.add(("a", "b"), UNDECIDED)  # of two threads with one pair, one was killed
        assert known.get(("a", "b")) is EQUAL
    assert known.get(("a", "b")) is EQUAL


def test_two_writers_leave_two_files_and_a_reader_reads_both(tmp_path: Path) -> None:
    one, other, reader = Outcomes(), Outcomes(), Outcomes()
    with one.kept_in(tmp_path), other.kept_in(tmp_path):
        one.add(("a", "b"), EQUAL)
        other.add(("c", "d"), DIFFERENT)
    with reader.kept_in(tmp_path):
        assert (reader.get(("a", "b")), reader.get(("c", "d"))) == (EQUAL, DIFFERENT)
    assert len(list(tmp_path.rglob("*.parquet"))) == 2


def test_what_is_decided_is_kept_though_the_stage_fails(tmp_path: Path) -> None:
    first, second = Outcomes(), Outcomes()
    with pytest.raises(KeyboardInterrupt), first.kept_in(tmp_path):
        first.add(("a", "b"), EQUAL)
        raise KeyboardInterrupt
    with second.kept_in(tmp_path):
        assert second.get(("a", "b")) is EQUAL


def test_a_damaged_or_foreign_file_is_no_error(tmp_path: Path) -> None:
    first, second = Outcomes(), Outcomes()
    with first.kept_in(tmp_path):
        first.add(("a", "b"), EQUAL)
    (path,) = tmp_path.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-9])
    (path.parent / "0.parquet").write_bytes(b"not a table")
    with second.kept_in(tmp_path):
        assert second.get(("a", "b")) is None


def test_no_flipped_bit_changes_a_decision(tmp_path: Path) -> None:
    pairs = {(f"{n}", f"\\sqrt{{{n}}}"): EQUAL if n % 2 else DIFFERENT for n in range(8)}
    first = Outcomes()
    with first.kept_in(tmp_path):
        for pair, outcome in pairs.items():
            first.add(pair, outcome)
    (path,) = tmp_path.rglob("*.parquet")
    whole = path.read_bytes()
    for bit in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        reader = Outcomes()
        with reader.kept_in(tmp_path):
            assert not reader._known
    path.write_bytes(whole)
    with (reader := Outcomes()).kept_in(tmp_path):
        assert {pair: reader.get(pair) for pair in pairs} == pairs


def test_a_file_of_its_own_digest_that_is_no_cache_is_no_error(tmp_path: Path) -> None:
    folder = tmp_path / f"checks-{outcomes.checker_version()}"
    folder.mkdir()
    for content in (b"", b"not a table"):
        (folder / f"{hashlib.sha256(content).hexdigest()[:32]}.parquet").write_bytes(content)
    (folder / "folder.parquet").mkdir()
    with Outcomes().kept_in(tmp_path):
        pass


def test_a_cache_that_cannot_be_written_hides_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    known = Outcomes()
    with pytest.raises(KeyboardInterrupt), known.kept_in(blocked):
        known.add(("a", "b"), EQUAL)
        raise KeyboardInterrupt
    with known.kept_in(tmp_path):
        known.add(("\ud800", "b"), EQUAL)  # no UTF-8 holds it


def test_a_checker_of_another_version_does_not_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Outcomes(), Outcomes()
    with first.kept_in(tmp_path):
        first.add(("a", "b"), EQUAL)
    monkeypatch.setattr(outcomes, "checker_version", lambda: "another")
    with second.kept_in(tmp_path):
        assert second.get(("a", "b")) is None


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "MAX_REMEMBERED", 10)
    known = Outcomes()
    for number in range(25):
        known.add((str(number), "x"), EQUAL)
    assert known.get(("24", "x")) is EQUAL and known.get(("0", "x")) is None
