"""Stores and buckets by somebody who means harm: each is refused with one line, and nothing outside its
folder is read, written or removed."""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import orjson
import pytest

from schemas.errors import BadInput, Damaged, FactoryError
from schemas.manifest import CheckpointRef, StageRecord
from schemas.names import file_name
from tasks.audit.examine import examine_store
from tasks.store.chain import sealed
from tasks.store.gc import find_garbage, remove_garbage
from tasks.store.lineage import existing_store, open_lineage, open_lineages
from tasks.store.objects import checkpoint_folder, digest_of, keep_checkpoint
from tasks.store.place import at_url, local_cache, store_at

from .test_checkpoints import RUN, SETTINGS, one_line

TINY = Path(__file__).resolve().parents[3] / "deployments/models/tiny"
OUT = (
    *("../planted", "../../../planted", "a/../../planted", "/planted", "//planted", "./planted", "..", ".", ""),
    *("C:\\planted", "C:planted", "\\\\host\\share", "..\\planted", "a\\b", "file:///planted", "s3://b/planted"),
    *("planted\0", "\0", "a\nb", "a\x1b[2J", "\u202etxt.exe", "\ud800", "planted:stream", "~/planted/x", "a/"),
    *("m" * 241, "\N{HEAVY EXCLAMATION MARK SYMBOL}" * 100, "CON", "nul.json", "com1.txt", "LPT9", " a", "a ", "a."),
    *(".hidden", "..config.json", "a*b", "a?b", "<a>", "a|b", 'a"b'),
)


@pytest.fixture
def outside(tmp_path):
    """Everything beside the place that a test works in: as it was at the end."""
    (tmp_path / "precious.txt").write_text("precious")
    before = sorted(path.name for path in tmp_path.iterdir())
    yield tmp_path / "precious.txt"
    assert (tmp_path / "precious.txt").read_text() == "precious"
    assert "planted" not in [path.name for path in tmp_path.rglob("planted*")]
    assert before[0] in os.listdir(tmp_path)
    assert not Path("planted").exists() and not Path("/planted").exists()


@pytest.mark.parametrize("name", OUT)
def test_a_name_that_is_none_of_a_file_in_its_folder_is_refused(name):
    with pytest.raises(ValueError, match="no plain file name"):
        file_name(name)


@pytest.mark.parametrize("name", ["model-00001-of-00002.safetensors", "a b.txt", "Überschrift.md", "x" * 240, "a..b"])
def test_a_plain_name_is_taken(name):
    assert file_name(name) == name


def planted_object(objects, files, digest=""):
    """An object whose listing says of itself what it likes."""
    digest = digest or digest_of(files)
    listing = orjson.dumps({"files": files}, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    (objects / digest / "object.json").write_bytes(listing)
    return CheckpointRef(digest=digest)


def encodable(names):
    return [name for name in names if name.isascii() or name.encode(errors="ignore").decode() == name]


@pytest.mark.parametrize("name", encodable(OUT))
def test_an_objects_listing_names_files_of_its_own_folder_alone(tmp_path, outside, name):
    files = {name: hashlib.sha256(b"precious").hexdigest(), "config.json": "0" * 64}
    (tmp_path / "objects" / digest_of(files)).mkdir(parents=True)
    ref = planted_object(tmp_path / "objects", files)
    with pytest.raises(Damaged, match=r"object.json") as refused:
        checkpoint_folder(tmp_path / "objects", ref)
    one_line(refused)


def test_a_buckets_listing_writes_nothing_outside_and_fetches_nothing_that_runs(s3_store, outside, tmp_path):
    objects = store_at(s3_store) / "objects"
    content = b"planted"
    for name in encodable(OUT):
        files = {name: hashlib.sha256(content).hexdigest()}
        ref = planted_object(objects, files)
        if name.strip("./") and "\0" not in name and name.isprintable():
            plant(objects / ref.digest, name, content)
        with pytest.raises(FactoryError, match=r"object.json") as refused:
            checkpoint_folder(objects, ref)
        one_line(refused)
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert {path.name for path in kept} <= {"object.json"}
    assert all(path.is_relative_to(local_cache()) for path in kept)
    pickled = tmp_path / "model"
    shutil.copytree(TINY, pickled)
    (pickled / "notes.txt").write_bytes(RUN["notes2.txt"])
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in pickled.iterdir()}
    ref = planted_object(objects, files)
    for path in pickled.iterdir():
        (objects / ref.digest / path.name).write_bytes(path.read_bytes())
    with pytest.raises(BadInput, match=r"notes.txt: a checkpoint may hold no pickle"):
        checkpoint_folder(objects, ref)


def plant(folder, name, content):
    """Under this very key, unless the server takes no such key."""
    place = at_url(folder)
    with suppress(OSError):
        place.fs.pipe_file(f"{place.path}/{name}", content)


def manifest_with(rounds, change):
    """A store's manifest, changed, with a seal that fits."""
    rounds.publish("held")
    path = rounds.lineage.round_folder(1) / "manifest.json"
    document = json.loads(path.read_bytes())
    change(document)
    path.write_bytes(sealed({name: value for name, value in document.items() if name != "seal"}))


TABLE = {"table": "attempts", "path": "round-0001/attempts/x", "rows": 1, "digest": "0" * 64, "files": {}}
SHA = hashlib.sha256(b"precious").hexdigest()


@pytest.mark.parametrize("name", ["../../precious.txt", "/etc/passwd", "a\\..\\b", "x\0", "m" * 300])
@pytest.mark.parametrize(
    "change",
    [
        lambda m, name: m["files"].update({name: SHA}),
        lambda m, name: m["stages"].update({name: "0" * 32}),
        lambda m, name: m["stages"].update({"solve": name}),
        lambda m, name: m["tables"].update({"attempts": [TABLE | {"path": name}]}),
        lambda m, name: m["tables"].update({"attempts": [TABLE | {"files": {name: SHA}}]}),
        lambda m, name: m["candidate"].update({"digest": name}),
        lambda m, name: m["base"].update({"digest": name}),
    ],
)
def test_a_manifest_names_files_of_its_own_round_alone(rounds, outside, change, name):
    manifest_with(rounds, lambda m: change(m, name))
    with pytest.raises(Damaged, match="no plain file name") as refused:
        open_lineage(rounds.store, "small")
    one_line(refused)
    assert [d for d in examine_store(rounds.store).damage if "no plain file name" in d.found]


def test_a_drafts_marker_that_names_files_elsewhere_is_no_marker(rounds, outside):
    """A rerun would remove those of its files that are not as they were written."""
    record = {
        "stage": "solve",
        "key": "0" * 32,
        "inputs": {},
        "settings": {},
        "prompts": {},
        "code": "",
        "versions": {},
    }
    record |= {"figures": {}, "dropped": {}, "seconds": 1, "tokens": 0}
    table = TABLE | {"files": {"../../../../precious.txt": "0" * 64}}
    for change in ({"tables": {"attempts": table}}, {"tables": {}, "figures": {"checkpoint": "../../precious.txt"}}):
        with pytest.raises(ValueError, match="no plain file name"):
            StageRecord.model_validate(record | change)
        marker = rounds.lineage.marker(1, "solve", "0" * 32)
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_bytes(orjson.dumps(record | change))
        assert rounds.lineage.stage_record(1, "solve", "0" * 32) is None


@pytest.mark.parametrize(
    "place",
    [
        *("objects/x", "store.json.draft", "small", "small/round-0002", "small/lock/000001.beat", "small/records"),
        *("small/round-0001/recipe.toml", "small/round-0001/attempts", "small/cache"),
    ],
)
@pytest.mark.parametrize("kind", ["to a file", "to a folder", "to nothing", "a pipe"])
def test_a_link_or_a_pipe_in_a_store_is_refused_before_anything_is_read_or_written(rounds, outside, place, kind):
    path = rounds.store / place
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"to a file": outside, "to a folder": outside.parent, "to nothing": "/planted"}[kind])
    before = sorted(rounds.store.rglob("*"))
    for look in (
        lambda: open_lineage(rounds.store, "small"),
        lambda: open_lineages(rounds.store),
        lambda: examine_store(rounds.store),
        lambda: existing_store(rounds.store),
    ):
        with pytest.raises(Damaged, match="no plain file or folder; a store holds no links") as refused:
            look()
        assert str(path) in one_line(refused)
    assert sorted(rounds.store.rglob("*")) == before


def test_a_store_may_be_reached_by_a_link(rounds, tmp_path):
    rounds.publish("held")
    (tmp_path / "link").symlink_to(rounds.store)
    assert len(open_lineage(tmp_path / "link", "small").manifests) == 1


def test_names_in_a_bucket_that_lead_out_of_it_are_no_rounds_and_no_garbage(s3_rounds):
    s3_rounds.publish("held")
    for name in (
        "../round-0001/manifest.json",
        "small/../../x",
        "objects/../precious",
        "a\\b/round-0001/manifest.json",
    ):
        plant(s3_rounds.store, name, b"{}")
    assert [lineage.recipe for lineage in open_lineages(s3_rounds.store)] == ["small"]
    for garbage in find_garbage(s3_rounds.store, 0.0):
        remove_garbage(s3_rounds.store, garbage)
    assert len(s3_rounds.lineage.manifests) == 1
    assert checkpoint_folder(s3_rounds.store / "objects", s3_rounds.base)


def test_a_number_of_a_round_or_a_record_that_no_lineage_reaches_costs_nothing(rounds):
    rounds.publish("held")
    for name in ("round-999999999999", "round-\u0661\u0661\u0661\u0661"):
        (rounds.store / "small" / name).mkdir()
        (rounds.store / "small" / name / "manifest.json").write_bytes(b"{}")
    (rounds.store / "small/records").mkdir(exist_ok=True)
    (rounds.store / "small/records/999999999999.json").write_bytes(b"{}")
    (rounds.store / "small/lock").mkdir(exist_ok=True)
    (rounds.store / "small/lock/x.json").write_bytes(b"{}")
    assert len(rounds.lineage.manifests) == 1


def test_weights_are_written_with_the_users_own_mask(tmp_path):
    before = os.umask(0o027)
    try:
        ref = keep_checkpoint(tmp_path / "objects", TINY)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "objects" / ref.digest).iterdir()} == {0o640}


def test_at_least_sixty_names_and_files_were_tried():
    assert len(OUT) + len(RUN) + sum(map(len, SETTINGS.values())) >= 60
