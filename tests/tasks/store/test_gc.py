import os
import time

import pytest

from schemas.errors import Locked
from schemas.questions import QUESTIONS
from tasks.store.gc import find_garbage, remove_garbage
from tasks.store.lock import hold
from tasks.store.objects import keep_checkpoint
from tasks.store.parquet import write_part
from tasks.store.place import store_at
from tasks.store.readings import note_reading
from tasks.store.records import add_record
from tasks.store.uploads import unfinished_uploads

DAY = 86400.0
QUESTION = {"id": "q", "proposal_id": "p", "item": 0, "position": 0, "question": "1+1="} | {
    "nearest_score": 0.0,
    "nearest_id": None,
}


def found(rounds, grace=0.0):
    return {garbage.what: garbage.why for garbage in find_garbage(rounds.store, grace)}


def files(store):
    return {path for path in store.rglob("*") if path.is_file()}


def shown(checkpoint):
    return f"objects/{checkpoint.digest[:16]}..."


def test_nothing_of_a_published_round_is_garbage(rounds):
    for decision in ("promoted", "held", "failed"):
        rounds.publish(decision)
    with hold(rounds.lineage.folder, "run"):
        note_reading(rounds.lineage.folder, "sums", "a" * 64, 4)
    assert found(rounds) == {}


def test_drafts_strays_dropped_weights_and_unreferenced_objects_go_and_nothing_else(rounds):
    rounds.publish("promoted")
    held = rounds.publish("held")
    rounds.publish("promoted")
    orphan = rounds.weights("orphan")
    kept = files(rounds.store) - files(rounds.store / "objects" / held.candidate.digest)
    kept -= files(rounds.store / "objects" / orphan.digest)
    add_record(rounds.lineage.folder, "drop-weights", 2, "test")
    kept |= files(rounds.lineage.folder / "records")
    write_part(rounds.lineage.round_folder(4) / "questions" / ("0" * 32) / "part-0000.parquet", QUESTIONS, [QUESTION])
    (rounds.lineage.round_folder(1) / "stray.json").write_text("{}")
    (rounds.lineage.folder / "records" / ".0002.json.abcd.draft").write_text("half")
    note_reading(rounds.lineage.folder, "sums", "a" * 64, 4)
    kept |= files(rounds.lineage.folder / "sealed")
    (rounds.lineage.folder / "sealed" / ".sums.json.abcd.draft").write_text("half")
    (rounds.store / ".store.json.abcd.draft").write_text("half")
    (rounds.store / "objects" / rounds.base.digest / ".model.safetensors.abcd.draft").write_text("half")
    assert found(rounds) == {
        "small/round-0001": "not named by its manifest",
        "small/round-0004": "a draft",
        "small/records": "left by a killed writer",
        "small/sealed": "left by a killed writer",
        "store": "left by a killed writer",
        shown(rounds.base): "left by a killed writer",
        shown(held.candidate): "weights dropped by a record",
        shown(orphan): "no round refers to it",
    }
    for garbage in find_garbage(rounds.store, 0.0):
        remove_garbage(rounds.store, garbage)
    assert files(rounds.store) == kept
    assert found(rounds) == {}
    assert not rounds.lineage.round_folder(4).exists()


def test_weights_that_another_round_still_needs_stay_though_dropped(rounds):
    promoted = rounds.publish("promoted")
    rounds.publish("held", candidate=promoted.candidate)
    rounds.publish("held", candidate=rounds.base)
    for round in (2, 3):
        add_record(rounds.lineage.folder, "drop-weights", round, "test")
    assert found(rounds) == {}


def test_what_was_touched_within_the_grace_stays(rounds):
    rounds.publish("held")
    orphan = rounds.weights("orphan")
    draft = rounds.lineage.round_folder(2) / "questions" / ("0" * 32) / "part-0000.parquet"
    write_part(draft, QUESTIONS, [QUESTION])
    assert found(rounds, DAY) == {}
    long_ago = time.time() - 2 * DAY
    for path in (draft, *files(rounds.store / "objects" / orphan.digest)):
        os.utime(path, (long_ago, long_ago))
    assert set(found(rounds, DAY)) == {"small/round-0002", shown(orphan)}
    assert keep_checkpoint(rounds.store / "objects", rounds.folder / "orphan") == orphan
    assert set(found(rounds, DAY)) == {"small/round-0002"}, "an object that is used again is new again"


def test_weights_that_a_draft_under_way_may_have_left_stay_beyond_a_short_grace(rounds):
    before, since = rounds.weights("before"), rounds.weights("since")
    draft = rounds.lineage.round_folder(1)
    begun, going_on = (draft / "questions" / ("0" * 32) / f"part-000{n}.parquet" for n in (0, 1))
    for path in (begun, going_on):
        write_part(path, QUESTIONS, [QUESTION])
    for hours, paths in ((3, files(rounds.store / "objects" / before.digest)), (2, [begun]),
                         (1, files(rounds.store / "objects" / since.digest))):  # fmt: skip
        for path in paths:
            os.utime(path, (time.time() - 3600 * hours,) * 2)
    assert set(found(rounds, 60)) == {shown(before)}
    os.utime(going_on, (time.time() - 1800,) * 2)
    assert set(found(rounds, 60)) == {"small/round-0001", shown(before), shown(since)}, "given up, all of it may go"


def test_a_store_at_a_buckets_root_knows_its_unfinished_uploads(s3_server):
    at_root = store_at(s3_server.replace("factory", "root"))
    at_root.fs.mkdir("root")
    at_root.fs.call_s3("create_multipart_upload", Bucket="root", Key="objects/torn")
    assert [upload.key for upload in unfinished_uploads(at_root, 0.0)] == ["objects/torn"]


@pytest.mark.usefixtures("s3_server")
def test_on_object_storage_too(s3_rounds):
    held = s3_rounds.publish("held")
    s3_rounds.publish("promoted")
    add_record(s3_rounds.lineage.folder, "drop-weights", 1, "test")
    (s3_rounds.lineage.round_folder(2) / "stray.json").write_bytes(b"{}")
    bucket, _, prefix = s3_rounds.store.path.partition("/")
    s3_rounds.store.fs.call_s3("create_multipart_upload", Bucket=bucket, Key=f"{prefix}/objects/torn")
    assert found(s3_rounds, DAY) == {}
    assert found(s3_rounds) == {
        f"upload of {prefix}/objects/torn"[-50:]: "left by a killed writer",
        "small/round-0002": "not named by its manifest",
        shown(held.candidate): "weights dropped by a record",
    }
    for garbage in find_garbage(s3_rounds.store, 0.0):
        remove_garbage(s3_rounds.store, garbage)
    assert found(s3_rounds) == {}
    assert [m.decision for m in s3_rounds.lineage.manifests] == ["held", "promoted"]


def test_a_removal_that_another_writer_overtakes_ends_at_once(rounds):
    rounds.publish("held")
    orphan = rounds.weights("orphan")
    (garbage,) = find_garbage(rounds.store, 0.0)
    asked = iter((1, 2))

    def lost():
        if next(asked) == 2:
            raise Locked("taken over")

    with pytest.raises(Locked, match="taken over"):
        remove_garbage(rounds.store, garbage, lost)
    there = {path.name for path in (rounds.store / "objects" / orphan.digest).iterdir()}
    assert there == {path.name for path in garbage.files} - {"object.json"}, "its listing went first, nothing else"
