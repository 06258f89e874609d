"""Manifests and records as links of a chain, and each way in which a link can be broken."""

import json

import pytest

from schemas.errors import BadInput, Damaged
from tasks.audit.records import faults_of_chain
from tasks.store.chain import sealed
from tasks.store.lineage import open_lineage, read_lineage
from tasks.store.records import add_record


@pytest.fixture
def three(rounds):
    """Three rounds, and a record between the second and the third."""
    rounds.publish("promoted")
    rounds.publish("held")
    add_record(rounds.lineage.folder, "drop-weights", 2, "one")
    rounds.publish("promoted")
    add_record(rounds.lineage.folder, "withdraw", 3, "two", [3])
    return rounds


def manifest(three, number):
    return three.lineage.round_folder(number) / "manifest.json"


def edit(path, anew=False, **changes):
    """Change a document; `anew`: and seal it again."""
    document = json.loads(path.read_bytes()) | changes
    path.write_bytes(sealed(document) if anew else json.dumps(document).encode())


def faults(three):
    found = read_lineage(three.store, "small")[1]
    return [(fault.path.relative_to(three.store / "small").as_posix(), fault.found) for fault in found]


def test_what_nobody_touched_holds(three):
    assert faults(three) == []
    assert [m.previous == "" for m in three.lineage.manifests] == [True, False, False]
    assert [bool(m.record) for m in three.lineage.manifests] == [False, False, True]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_edited_manifest_is_named_and_no_command_goes_on(three, number):
    edit(manifest(three, number), decision="promoted", reason="edited")
    ((place, found),) = faults(three)
    assert place == f"round-{number:04d}/manifest.json"
    assert found.startswith("edited since it was written")
    with pytest.raises(
        Damaged, match=rf"round-{number:04d}/manifest\.json: edited since it was written.*selfplay audit"
    ):
        open_lineage(three.store, "small")


def test_white_space_in_the_last_manifest_is_no_edit_but_in_one_that_is_followed_the_file_is_another(three):
    edit(manifest(three, 3))
    assert faults(three) == []
    edit(manifest(three, 2))
    assert [place for place, _ in faults(three)] == ["round-0002/manifest.json"]


def test_a_manifest_that_was_edited_and_sealed_anew_does_not_fit_the_one_after_it(three):
    edit(manifest(three, 2), anew=True, decision="promoted")
    ((place, found),) = faults(three)
    assert place == "round-0002/manifest.json"
    assert found.startswith("another file, with a seal that fits it")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path.unlink(), "gone, though a later one is there"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "not readable as JSON"),
        (lambda path: path.write_bytes(b"[]"), "not readable as JSON"),
        (lambda path: edit(path, seal=""), "edited since it was written"),
        (
            lambda path: path.write_bytes((path.parents[1] / "round-0003/manifest.json").read_bytes()),
            "another's place",
        ),
    ],
)
def test_a_manifest_that_is_gone_torn_unsealed_or_anothers_is_named(three, change, words):
    change(manifest(three, 2))
    found = dict(faults(three))
    assert found.keys() == {"round-0002/manifest.json"}
    assert words in found["round-0002/manifest.json"]


def test_an_edited_a_resealed_and_a_lost_record_are_named(three):
    folder = three.lineage.folder / "records"
    first, second = sorted(folder.iterdir())
    kept = second.read_bytes()
    edit(second, round=1)
    assert [(place, found[:6]) for place, found in faults(three)] == [("records/0002.json", "edited")]
    second.write_bytes(kept)
    edit(first, anew=True, round=1)
    assert [place for place, _ in faults(three)] == ["records/0001.json"]
    first.unlink()
    assert faults(three) == [("records/0001.json", "gone, though a later one is there")]
    second.unlink()
    assert faults(three) == [("records", "gone, or another file with a seal that fits it")], (
        "round 3 names the record it found"
    )
    with pytest.raises(Damaged, match="records: gone"):
        open_lineage(three.store, "small")


def test_a_whole_manifest_of_a_newer_version_is_no_damage(three):
    edit(manifest(three, 3), anew=True, invented="later")
    with pytest.raises(BadInput, match="not a manifest this version can read; update the checkout"):
        open_lineage(three.store, "small")


@pytest.mark.usefixtures("s3_server")
def test_a_chain_in_object_storage_is_read_and_goes_on_the_same_way(s3_rounds):
    s3_rounds.publish("promoted")
    s3_rounds.publish("promoted", parent="small/1")
    add_record(s3_rounds.lineage.folder, "withdraw", 1, "x", [1, 2])
    assert [m.decision for m in s3_rounds.lineage.manifests] == ["withdrawn", "withdrawn"]
    add_record(s3_rounds.lineage.folder, "restore", 1, "x")
    assert [m.decision for m in s3_rounds.lineage.manifests] == ["promoted", "promoted"]
    edit(manifest(s3_rounds, 1), reason="edited")
    (s3_rounds.store / "small/records/0001.json").unlink()
    found = [damage.place for damage in faults_of_chain(*read_lineage(s3_rounds.store, "small"))]
    assert found == ["small/round-0001/manifest.json", "small/records/0001.json"]
