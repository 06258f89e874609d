from concurrent.futures import ThreadPoolExecutor

import pytest

from schemas.errors import BadInput, Locked
from tasks.store.chain import sealed
from tasks.store.records import add_record, read_records


def test_records_are_numbered_in_their_order_whoever_adds_them(tmp_path):
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda round: add_record(tmp_path, "drop-weights", round, "test"), range(1, 17)))
    records = read_records(tmp_path)
    assert [record.number for record in records] == list(range(1, 17))
    assert sorted(record.round for record in records) == list(range(1, 17))


def test_an_approved_round_counts_as_promoted_and_its_manifest_stays_as_it_is(rounds):
    held = rounds.publish("held", awaiting=True)
    path = rounds.lineage.round_folder(1) / "manifest.json"
    before = path.read_bytes()
    assert rounds.lineage.champion(rounds.base) == rounds.base
    record = add_record(rounds.lineage.folder, "approve", 1, "looked at it")
    assert path.read_bytes() == before
    (approved,) = rounds.lineage.manifests
    assert (approved.decision, approved.reason) == ("promoted", f"as told; approved by {record.by}")
    assert rounds.lineage.champion(rounds.base) == held.candidate
    assert rounds.lineage.held_since_champion == []


def test_a_record_of_a_kind_that_this_version_does_not_know_is_refused(tmp_path):
    (tmp_path / "records").mkdir()
    (tmp_path / "records/0001.json").write_bytes(sealed({"number": 1, "kind": "rename"}))
    with pytest.raises(BadInput, match=r"0001\.json: not a record this version can read"):
        read_records(tmp_path)


def test_a_writer_that_lost_its_lineage_records_nothing(tmp_path):
    def lost():
        raise Locked("taken over")

    with pytest.raises(Locked, match="taken over"):
        add_record(tmp_path, "approve", 1, "decided before another took over", prove=lost)
    assert read_records(tmp_path) == ()
