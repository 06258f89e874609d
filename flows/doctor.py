"""What is installed, which engine and device would be used, what is missing and the command that mends it."""

import importlib.metadata
import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from flows.environment import ROOT
from flows.libraries import load_for_models
from schemas.errors import BadInput
from tasks.engines.check_model import check_model
from tasks.engines.vllm_environment import vllm_environment
from tasks.figures import many
from tasks.store.objects import digest_of, folder_digests

LIBRARIES = (
    "prefect",
    "torch",
    "transformers",
    "trl",
    "peft",
    "datasets",
    "pyarrow",
    "great-expectations",
    "math-verify",
)


@dataclass(frozen=True)
class Finding:
    what: str
    ok: bool
    found: str
    mend: str = ""
    needed: bool = True


def examine() -> list[Finding]:
    """One finding a line, in the order in which they would stop a run."""
    return [
        _python(),
        *map(_library, LIBRARIES),
        _pins(),
        _checkout(),
        *_device(),
        _ray(),
        _vllm(),
        _tiny_model(),
        _smollm2(),
        _disk(),
    ]


def examine_model(folder: Path) -> list[Finding]:
    """What a base model is, once it is whole. Raises BadInput, as a run would, with what to do."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; give the folder of a base model")
    load_for_models()
    checked = check_model(folder, "MODEL")
    digest = digest_of(folder_digests(folder))
    return [
        Finding("weights", True, f"{checked.architecture}, {checked.parameters:,} parameters, every tensor is there"),
        Finding("tokenizer", True, f"{checked.tokens:,} tokens, each has a row of the embedding"),
        Finding("window", True, f"{checked.window:,} positions" if checked.window else "not bound to positions"),
        Finding("digest", True, digest),
    ]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        "python", sys.version_info >= (3, 11), version, "" if sys.version_info >= (3, 11) else "install 3.11"
    )


def _library(name: str) -> Finding:
    try:
        return Finding(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, False, "not installed", "make setup")


def _pins() -> Finding:
    """Whether the versions are those of constraints.txt: an unpinned Prefect breaks, or silently never schedules."""
    wrong = []
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        try:
            found = importlib.metadata.version(name).split("+")[0] if version else ""
        except importlib.metadata.PackageNotFoundError:
            continue  # extras need not be there
        if found != version:
            wrong.append(f"{name} {found} instead of {version}")
    return Finding(
        "pinned versions",
        not wrong,
        "; ".join(wrong[:3]) or "all as in constraints.txt",
        "make setup" if wrong else "",
    )


def _checkout() -> Finding:
    spec = importlib.util.find_spec("schemas")
    here = bool(spec and spec.origin and Path(spec.origin).is_relative_to(ROOT))
    return Finding(
        "checkout", here, str(ROOT), "" if here else "another project's `schemas` is in the way: make setup"
    )


def _device() -> list[Finding]:
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    if torch.cuda.is_available():
        found = f"transformers on {torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}, bfloat16"
    else:
        found = f"transformers on the CPU ({many(os.cpu_count() or 1, 'core')}), float32; no GPU is visible"
    return [Finding("engine", True, found)]


def _vllm() -> Finding:
    try:
        environment = vllm_environment()
    except BadInput:
        return Finding("vllm", False, "for engine.kind = 'vllm' only", "make vllm-env", needed=False)
    where = "a GPU" if environment.on_gpu else "the CPU"
    return Finding("vllm", True, f"{environment.version} on {where}, {environment.dtype}", needed=False)


def _ray() -> Finding:
    mend = ".venv/bin/pip install -c constraints.txt -e '.[ray]'"
    found = _library("ray")
    text = f"{found.found}, for executor.kind = 'ray' only"
    return Finding("ray", found.ok, text, "" if found.ok else mend, needed=False)


def _tiny_model() -> Finding:
    there = (ROOT / "deployments/models/tiny/model.safetensors").is_file()
    return Finding(
        "tiny model",
        there,
        "shipped" if there else "gone",
        "" if there else "python scripts/make_tiny_model.py",
    )


def _smollm2() -> Finding:
    there = (ROOT / "deployments/models/smollm2/model.safetensors").is_file()
    found = "in deployments/models/smollm2" if there else "for the smollm2_* recipes only"
    return Finding("SmolLM2 weights", there, found, "" if there else "make smollm2", needed=False)


def _disk() -> Finding:
    free = shutil.disk_usage(ROOT).free / 2**30
    return Finding("disk", free > 2, f"{free:.0f} GiB free", "" if free > 2 else "free some space")
