"""Publish: the manifest, written last and created once, makes a draft a round."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import orjson

from schemas.errors import Locked
from schemas.manifest import Manifest
from tasks.store.keys import ROOT
from tasks.store.objects import create_once, write_whole


def publish(folder: Path, manifest: Manifest) -> None:
    """Write scorecard and validation, then the manifest. Raises Locked if another run published this round first.

    What a draft holds beside what the manifest names, from before its recipe or code changed, is removed first:
    whoever reads a published round's folders reads what it was made of.
    """
    indent = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    as_json = manifest.model_dump(mode="json")
    if not (folder / "manifest.json").exists():
        _remove_strays(folder, manifest)
        write_whole(
            folder / "scorecard.json",
            orjson.dumps({k: as_json[k] for k in ("scores", "gate")}, option=indent),
        )
        write_whole(folder / "validation.json", orjson.dumps(as_json["validation"], option=indent))
    if not create_once(folder / "manifest.json", orjson.dumps(as_json, option=indent)):
        raise Locked(f"{folder}: another run published this round first; run again to play the next one")


def _remove_strays(folder: Path, manifest: Manifest) -> None:
    tables = {Path(ref.path).relative_to(folder.name) for refs in manifest.tables.values() for ref in refs}
    stages = {Path("stages") / f"{shown.split('.')[0]}-{key}.json" for shown, key in manifest.stages.items()}
    for part in folder.rglob("part-*.parquet"):
        if part.relative_to(folder).parent not in tables:
            part.unlink()
    for marker in (folder / "stages").iterdir():
        if marker.relative_to(folder) not in stages:
            marker.unlink()
    for draft in folder.rglob(".*.draft"):
        draft.unlink()
    shutil.rmtree(folder / "training", ignore_errors=True)
    for empty in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(empty.iterdir()):
            empty.rmdir()


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def device_name() -> str:
    """What the round ran on, in words."""
    import os
    import platform

    import torch

    if torch.cuda.is_available():
        return f"cuda: {torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    return f"cpu: {platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"


def git_state() -> str:
    """The checkout's commit, with +changes if it is not clean; "unknown" outside a git checkout."""
    try:
        described = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=40", "--dirty=+changes", "--exclude=*"],
            capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return described.stdout.strip()
