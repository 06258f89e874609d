"""Claims about the memory of checks: it saves time and decides nothing."""

from pathlib import Path

import pytest

from tasks.checks import outcomes
from tasks.checks.outcomes import Outcome, Outcomes

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


def test_an_undecided_pair_is_known_to_this_process_only(tmp_path: Path) -> None:
    first, second = Outcomes(), Outcomes()
    with first.kept_in(tmp_path):
        first.add(("tower", "1"), UNDECIDED)
    assert first.get(("tower", "1")) is UNDECIDED
    with second.kept_in(tmp_path):
        assert second.get(("tower", "1")) is None


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
