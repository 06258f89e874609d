"""A store with one published round, and each way in which it can stop being what was published."""

import json
import shutil

import pyarrow.parquet as pq
import pytest

from schemas.inputs import SEEDS
from schemas.manifest import Manifest
from tasks.audit.damage import name_of
from tasks.audit.integrity import Opened, faults_of_weights, open_tables
from tasks.publish import publish
from tasks.store.chain import sealed
from tasks.store.lineage import make_store, open_lineage, read_lineage
from tasks.store.place import store_at
from tasks.store.records import add_record
from tasks.store.retention import needed_weights


def manifest(base, candidate, number=1, recipe="small", tables=()):
    return Manifest(
        recipe=recipe, round=number, method="serl", decision="held", reason="as told", parent=None, base=base,
        champion=base, candidate=candidate, fixed={}, stages={}, tables={ref.table: [ref] for ref in tables},
        dropped={}, inputs={}, figures={}, trained_on={}, scores={}, gate=None,
        validation={}, seconds={}, tokens={}, started="", finished="", versions={}, device="cpu", git="",
        seed=1,
    )  # fmt: skip


@pytest.fixture
def ref(given):
    return given(SEEDS, [{"id": f"seed-{i}", "question": f"{i}+1", "source_row": i} for i in range(5)])


@pytest.fixture
def store(tmp_path, draft, tiny, ref):
    """One round with one table, on the tiny model."""
    store = store_at(tmp_path / "store")
    make_store(store)
    publish(draft.folder, manifest(tiny, tiny, tables=[ref]))
    return store


def damage(store):
    """What reading every file and the weights finds."""
    lineage, _ = read_lineage(store, "small")
    found = [found for m in lineage.manifests for found in open_tables(Opened(lineage, m))]
    for digest, m in needed_weights(lineage.manifests).items():
        found += faults_of_weights(lineage, digest, name_of(m))
    return [(damage.owner, damage.place, damage.found) for damage in found]


def part(store, ref):
    (name,) = ref.files
    return store / "small" / ref.path / name


def test_a_store_as_it_was_published_is_sound_and_its_rows_are_kept_for_later_checks(store, ref):
    assert damage(store) == []
    lineage = open_lineage(store, "small")
    opened = Opened(lineage, lineage.manifests[0])
    assert list(open_tables(opened)) == []
    assert opened.rows[ref.path]["id"].to_pylist() == [f"seed-{i}" for i in range(5)]


@pytest.mark.parametrize("change", ["flip", "cut", "remove", "add"])
def test_a_file_that_changed_is_named(store, ref, change):
    path = part(store, ref)
    content = path.read_bytes()
    if change == "flip":
        path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    elif change == "cut":
        path.write_bytes(content[:-1])
    elif change == "remove":
        path.unlink()
    else:
        path.with_name("part-0009.parquet").write_bytes(content)
    ((owner, place, fault),) = damage(store)
    name = "part-0009.parquet" if change == "add" else path.name
    assert (owner, place) == ("small/1", f"small/{ref.path}/{name}")
    assert {"remove": "gone", "add": "does not name"}.get(change, "SHA-256") in fault


def test_rows_that_differ_from_the_manifests_digest_are_found_though_every_byte_is_there(store, ref):
    path = store / "small/round-0001/manifest.json"
    published = json.loads(path.read_bytes())
    published["tables"]["inputs/seeds"][0]["digest"] = "0" * 64
    path.write_bytes(sealed(published))
    ((owner, place, fault),) = damage(store)
    assert (owner, place) == ("small/1", f"small/{ref.path}")
    assert fault == "5 of another"


@pytest.mark.parametrize("change", ["flip", "remove a file", "remove all", "listing", "torn listing"])
def test_weights_that_changed_are_named(store, tiny, change):
    home = store / "objects" / tiny.digest
    weights, listing = home / "model.safetensors", home / "object.json"
    if change == "flip":
        content = weights.read_bytes()
        weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif change == "remove a file":
        weights.unlink()
    elif change == "remove all":
        shutil.rmtree(home)
    elif change == "listing":
        files = json.loads(listing.read_bytes())["files"]
        files.pop("model.safetensors")
        listing.write_text(json.dumps({"files": files}))
    else:
        listing.write_bytes(listing.read_bytes()[:10])
    ((owner, place, fault),) = damage(store)
    assert owner == "small/1"
    expected = {
        "flip": ("/model.safetensors", "SHA-256"),
        "remove a file": ("/model.safetensors", "gone"),
        "remove all": ("", "no record says"),
        "listing": ("/object.json", "other files"),
        "torn listing": ("/object.json", "not readable"),
    }[change]
    assert place == f"objects/{tiny.digest}{expected[0]}"
    assert expected[1] in fault


def test_weights_that_a_record_dropped_are_no_damage_but_lost_ones_are(store, tiny):
    weights = tiny.model_copy(update={"digest": "f" * 64})
    lineage = open_lineage(store, "small")
    second = manifest(tiny, weights, number=2).model_copy(update={"previous": lineage.last_manifest})
    publish(lineage.round_folder(2), second)
    ((owner, place, _),) = damage(store)
    assert (owner, place) == ("small/2", f"objects/{'f' * 64}")
    add_record(lineage.folder, "drop-weights", 2, "held")
    assert damage(store) == []


def test_another_file_of_the_same_rows_is_damage_that_says_so(store, ref):
    path = part(store, ref)
    pq.write_table(pq.read_table(path), path, compression="gzip")
    ((_, place, fault),) = damage(store)
    assert place == f"small/{ref.path}/{path.name}"
    assert fault.endswith("though of the same rows")


def test_a_document_beside_the_tables_that_changed_is_named(store):
    (store / "small/round-0001/scorecard.json").write_text("{}")
    ((owner, place, fault),) = damage(store)
    assert (owner, place, fault[:7]) == ("small/1", "small/round-0001/scorecard.json", "SHA-256")


def test_drafts_are_not_looked_at(store, draft):
    folder = store / "small/round-0002/questions" / ("0" * 32)
    folder.mkdir(parents=True)
    (folder / "part-0000.parquet").write_bytes(b"torn")
    assert damage(store) == []


def test_a_store_in_object_storage_is_read_the_same_way(s3_store, tiny, tmp_path):
    from tasks.store.objects import keep_checkpoint

    store = store_at(s3_store)
    make_store(store)
    keep_checkpoint(store / "objects", tmp_path / "store/objects" / tiny.digest)
    publish(store / "small/round-0001", manifest(tiny, tiny))
    assert damage(store) == []
    (store / "objects" / tiny.digest / "config.json").unlink()
    assert damage(store) == [("small/1", f"objects/{tiny.digest}/config.json", "gone")]
