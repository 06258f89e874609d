"""Checkpoints by somebody who means harm: what a loader would run, unpickle or fetch is refused, by what it holds."""

import gzip
import io
import json
import os
import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import BadInput
from tasks.store.objects import folder_digests

TINY = Path(__file__).resolve().parents[3] / "deployments/models/tiny"


class Runs:
    def __reduce__(self):
        return os.system, ("touch planted",)


def zipped(name, content=b"x"):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(name, content)
    return made.getvalue()


def tarred():
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as file:
        file.addfile(tarfile.TarInfo("storages"))
    return made.getvalue()


def array(values):
    made = io.BytesIO()
    np.save(made, values, allow_pickle=True)
    return made.getvalue()


RUN = {
    **{f"notes{protocol}.txt": pickle.dumps(Runs(), protocol) for protocol in range(6)},
    "LICENSE": pickle.dumps(Runs(), 0),
    "adapter_model": pickle.dumps({"weights": [1.0]}, 2),
    "merges.txt": zipped("archive/data.pkl", pickle.dumps(Runs())),
    "words.model": b"junk before it" + zipped("__main__.py"),
    "README.rst": gzip.compress(pickle.dumps(Runs())),
    "old.txt": tarred(),
    "vocab.txt": array(np.array([Runs()], object)),
    "lib.txt": b"\x7fELF" + bytes(64),
    "tool.txt": b"MZ" + bytes(64),
    "start": b"#!/bin/sh\ntouch planted\n",
    "cached.txt": b"\xa7\r\r\n" + bytes(16),
    "layers.txt": b"\x89HDF\r\n\x1a\n" + bytes(16),
    **{
        name: b"x"
        for name in (
            *("modeling.py", "modeling.PY", "kernel.so", "kernel.so.1", "x.dll", "x.pyc", "x.pyd", "model.pt"),
            *(
                "model.PTH",
                "rng_state.pth",
                "optimizer.bin",
                "x.ckpt",
                "x.joblib",
                "x.h5",
                "x.keras",
                "saved_model.pb",
            ),
            *("x.sh", "x.pickle", "x.npz", "x.whl", "x.tar.gz", "x.ipynb"),
        )
    },
}
SETTINGS = {
    "config.json": [
        {"auto_map": {"AutoModel": "modeling.Model"}},
        {"text_config": {"layers": [{"auto_map": {"AutoConfig": "hub/repo--code.Config"}}]}},
        {"trust_remote_code": True},
        {"_attn_implementation": "somebody/kernel"},
    ],
    "processor_config.json": [{"auto_map": {"AutoProcessor": "x.Processor"}}],
    "adapter_config.json": [{"auto_mapping": {"base_model_class": "x", "parent_library": "planted"}}],
    "generation_config.json": [{"custom_generate": "somebody/decoding"}],
    "tokenizer_config.json": [{"vocab_file": "/etc/passwd"}, {"tokenizer_file": "../../planted.json"}],
    "model.safetensors.index.json": [
        *({"weight_map": {"a": name}} for name in ("../model.safetensors", "/model.safetensors", "gone.safetensors")),
        *({"weight_map": {"a": name}} for name in ("config.json", "a/model.safetensors")),
        *({"weight_map": []}, []),
    ],
}  # fmt: skip


@pytest.fixture
def model(tmp_path):
    shutil.copytree(TINY, tmp_path / "model")
    return tmp_path / "model"


def one_line(refused):
    said = "".join(c if c.isprintable() else "?" for c in str(refused.value))
    assert 0 < len(said) < 600 and "Traceback" not in said
    return said


@pytest.mark.parametrize("name", RUN)
def test_a_file_that_a_loader_would_run_is_refused_whatever_its_name(model, name):
    assert folder_digests(model)
    (model / name).write_bytes(RUN[name])
    with pytest.raises(BadInput, match="a checkpoint may hold no pickle and no code") as refused:
        folder_digests(model)
    assert name in one_line(refused)


@pytest.mark.parametrize(("name", "told"), [(name, told) for name, every in SETTINGS.items() for told in every])
def test_settings_that_name_code_or_a_file_elsewhere_are_refused(model, name, told):
    path = model / name
    kept = json.loads(path.read_text()) if path.exists() and isinstance(told, dict) else {}
    path.write_text(json.dumps(kept | told if isinstance(told, dict) else told))
    with pytest.raises(BadInput, match=name) as refused:
        folder_digests(model)
    one_line(refused)


def test_texts_templates_and_the_hubs_own_cache_are_taken(tmp_path):
    """Text that begins as an old pickle might, and a snapshot whose files are links to what the cache keeps."""
    blobs, snapshot = tmp_path / "models--a--b/blobs", tmp_path / "models--a--b/snapshots/1"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    texts = {"LICENSE": "cost\nfree\n(I grant you)\n.", "NOTICE": "I.\n", "chat_template.jinja": "{{ messages }}"}
    for number, (name, text) in enumerate(texts.items()):
        (blobs / str(number)).write_text(text)
        (snapshot / name).symlink_to(f"../../blobs/{number}")
    assert folder_digests(snapshot).keys() == texts.keys()
    (snapshot / "vocab.txt").symlink_to("/etc/hostname")
    with pytest.raises(BadInput, match=r"vocab.txt: a link to /etc/hostname, out of its folder"):
        folder_digests(snapshot)
