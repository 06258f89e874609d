import errno
import json
import multiprocessing
import shutil
from pathlib import Path

import pytest

from schemas.errors import BadInput
from tasks.store.objects import create_once, digest_of, folder_digests, keep_checkpoint, write_whole

ROOT = Path(__file__).resolve().parents[3]
TINY = ROOT / "deployments/models/tiny"


def race(path: str, writer: int, wins: "multiprocessing.Queue[int]") -> None:
    if create_once(Path(path), str(writer).encode()):
        wins.put(writer)


def no_links(*_: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("has_links", [True, False], ids=["links", "no links"])
def test_of_many_writers_one_creates_the_file_and_it_is_never_replaced(tmp_path, monkeypatch, has_links):
    if not has_links:
        monkeypatch.setattr("os.link", no_links)
    context = multiprocessing.get_context("fork")
    wins = context.Queue()
    writers = [context.Process(target=race, args=(str(tmp_path / "manifest.json"), i, wins)) for i in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    winner = wins.get(timeout=5)
    assert wins.empty()
    assert (tmp_path / "manifest.json").read_text() == str(winner)
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]


def test_a_disk_that_cannot_keep_two_writers_apart_is_refused_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr("os.link", no_links)
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: object())  # a C library without exclusive renames
    with pytest.raises(BadInput, match=f"^{tmp_path}: this file system has neither hard links nor exclusive renames"):
        create_once(tmp_path / "store.json", b"{}")
    assert not list(tmp_path.iterdir())


def test_write_whole_leaves_no_draft_behind(tmp_path):
    write_whole(tmp_path / "part", b"a")
    write_whole(tmp_path / "part", b"b")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("part", b"b")]


def test_a_checkpoint_is_stored_once_under_the_digest_of_its_files(tmp_path):
    ref = keep_checkpoint(tmp_path, TINY)
    home = tmp_path / ref.digest
    assert ref == keep_checkpoint(tmp_path, TINY)
    assert digest_of(folder_digests(home)) == ref.digest
    assert (home / "model.safetensors").read_bytes() == (TINY / "model.safetensors").read_bytes()


def test_an_object_whose_copy_was_cut_off_is_completed(tmp_path):
    ref = keep_checkpoint(tmp_path, TINY)
    (tmp_path / ref.digest / "object.json").unlink()
    (tmp_path / ref.digest / "model.safetensors").write_bytes(b"torn")
    keep_checkpoint(tmp_path, TINY)
    assert (tmp_path / ref.digest / "model.safetensors").read_bytes() == (TINY / "model.safetensors").read_bytes()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pkl", "modeling.py"])
def test_pickles_and_code_are_refused(tmp_path, name):
    shutil.copytree(TINY, tmp_path / "model")
    (tmp_path / "model" / name).write_bytes(b"")
    with pytest.raises(BadInput, match=name):
        folder_digests(tmp_path / "model")


@pytest.mark.parametrize(
    ("key", "value"), [("auto_map", {"AutoModelForCausalLM": "hub/repo--code.Model"}), ("trust_remote_code", True)]
)
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_config_that_names_code_to_import_is_refused(tmp_path, name, key, value):
    shutil.copytree(TINY, tmp_path / "model")
    path = tmp_path / "model" / name
    told = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(told | {key: value}))
    with pytest.raises(BadInput, match=f"{name}: {key} = .*: a checkpoint may bring no code; use a model"):
        folder_digests(tmp_path / "model")
    path.write_text("{")
    with pytest.raises(BadInput, match=f"{name}: not valid JSON"):
        folder_digests(tmp_path / "model")
