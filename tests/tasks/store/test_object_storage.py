"""The store's primitives against a real S3 server."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schemas.errors import Damaged
from schemas.questions import QUESTIONS
from tasks.store.gc import find_garbage
from tasks.store.lineage import make_store, open_lineage, open_lineages
from tasks.store.listing import files_below
from tasks.store.lock import hold
from tasks.store.objects import checkpoint_folder, create_once, folder_digests, keep_checkpoint, write_whole
from tasks.store.parquet import read_table, table_ref, write_part
from tasks.store.place import local_cache, store_at
from tasks.store.readings import note_reading, readers
from tasks.store.records import add_record, read_records

TINY = Path(__file__).resolve().parents[3] / "deployments/models/tiny"


@pytest.fixture
def place(s3_store):
    return store_at(s3_store)


def question(number):
    return {"id": f"q-{number}", "proposal_id": "p", "item": 0, "position": number, "question": f"{number}+1="} | {
        "nearest_score": 0.0,
        "nearest_id": None,
    }


def test_of_many_writers_one_creates_the_object_and_it_is_never_replaced(place):
    path = place / "manifest.json"
    with ThreadPoolExecutor(16) as writers:
        won = list(writers.map(lambda writer: create_once(path, str(writer).encode()), range(16)))
    assert sum(won) == 1
    assert path.read_bytes() == str(won.index(True)).encode()
    assert not create_once(path, b"later")


def test_a_put_whose_answer_was_lost_and_that_is_tried_again_is_known_as_ones_own(place):
    assert create_once(place / "epoch.json", b"mine alone")
    assert create_once(place / "epoch.json", b"mine alone")


def test_what_another_machine_wrote_since_is_seen(place):
    assert not (place / "a.json").exists()
    store_at(str(place)).joinpath("a.json").write_bytes(b"1")
    assert (place / "a.json").read_bytes() == b"1"
    write_whole(place / "a.json", b"2")
    assert [path.name for path in place.iterdir()] == ["a.json"]
    assert store_at(str(place)).joinpath("a.json").read_bytes() == b"2"


def test_a_checkpoint_goes_up_once_and_comes_down_whole_on_another_machine(place, tmp_path, monkeypatch):
    ref = keep_checkpoint(place / "objects", TINY)
    assert ref == keep_checkpoint(place / "objects", TINY)
    here = checkpoint_folder(place / "objects", ref)
    assert here.is_relative_to(local_cache())
    monkeypatch.setenv("SELFPLAY_CACHE", str(tmp_path / "elsewhere"))
    there = checkpoint_folder(place / "objects", ref)
    assert there.is_relative_to(tmp_path / "elsewhere")
    assert folder_digests(there) == folder_digests(TINY)


def test_large_weights_go_up_in_parts(place, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model.safetensors").write_bytes(bytes(range(256)) * (1 << 19))  # 128 MB
    ref = keep_checkpoint(place / "objects", tmp_path / "model")
    weights = place / "objects" / ref.digest / "model.safetensors"
    about = weights.fs.info(weights.path)
    assert about["size"] == 1 << 27
    assert about["ETag"].strip('"').endswith("-3"), "the ETag of an upload in three parts"


def test_weights_that_changed_on_their_way_are_refused(place, tmp_path, monkeypatch):
    ref = keep_checkpoint(place / "objects", TINY)
    write_whole(place / "objects" / ref.digest / "config.json", b"{}")
    monkeypatch.setenv("SELFPLAY_CACHE", str(tmp_path / "elsewhere"))
    with pytest.raises(Damaged, match=r"config\.json: not the file"):
        checkpoint_folder(place / "objects", ref)


def test_a_table_is_read_back_and_then_from_the_cache_by_digest(place):
    folder = place / "small/round-0001/questions" / ("0" * 32)
    for part in range(2):
        write_part(folder / f"part-{part:04d}.parquet", QUESTIONS, [question(2 * part + i) for i in range(2)])
    ref = table_ref(place / "small", folder, QUESTIONS)
    rows = read_table(place / "small", ref, QUESTIONS)
    assert rows["id"].to_pylist() == ["q-0", "q-1", "q-2", "q-3"]
    for name in ref.files:
        (folder / name).unlink()
    assert read_table(place / "small", ref, QUESTIONS) == rows, "from this machine's cache"


@pytest.mark.parametrize("error", [PermissionError("403"), OSError(5, "500, five times"), TimeoutError("slow")])
def test_a_manifest_that_cannot_be_read_at_this_moment_is_no_manifest_that_is_not_there(
    s3_rounds, monkeypatch, error
):
    for _ in range(2):
        s3_rounds.publish("promoted")
    fs, read = type(s3_rounds.store.fs), type(s3_rounds.store.fs)._cat_file

    async def fails(self, path, *arguments, **options):
        if path.endswith("round-0002/manifest.json"):
            raise error
        return await read(self, path, *arguments, **options)

    monkeypatch.setattr(fs, "_cat_file", fails)
    for look in (lambda: s3_rounds.lineage, lambda: find_garbage(s3_rounds.store, 0.0)):
        with pytest.raises(type(error)):
            look()


def test_a_folder_of_many_files_is_listed_and_not_asked_for_one_by_one(place, monkeypatch):
    for number in range(20):
        (place / "folder" / f"{number}").write_bytes(b"12345")
    asked = []
    call = type(place.fs)._call_s3

    async def counted(self, method, *arguments, **options):
        asked.append(method)
        return await call(self, method, *arguments, **options)

    monkeypatch.setattr(type(place.fs), "_call_s3", counted)
    files = files_below(place / "folder")
    assert [(str(found.path.name), found.bytes) for found in files][:2] == [("0", 5), ("1", 5)]
    assert len(files) == 20
    assert len(asked) < 4, asked
    assert files_below(place / "nothing") == []


def test_a_lineage_its_records_and_its_lock_live_there_too(place):
    make_store(place)
    assert open_lineages(place) == []
    with hold(place / "small", "run") as lock:
        lock.prove()
        add_record(place / "small", "drop-weights", 1, "for a test")
        assert readers(place / "small", "sums") == set()
        note_reading(place / "small", "sums", "a" * 64, 1)
        note_reading(place / "small", "sums", "a" * 64, 2)
    assert [record.kind for record in read_records(place / "small")] == ["drop-weights"]
    assert readers(place / "small", "sums") == {"a" * 64}
    assert open_lineage(place, "small").manifests == ()
    assert {path.suffix for path in (place / "small/lock").iterdir()} == {".json", ".beat", ".released"}
