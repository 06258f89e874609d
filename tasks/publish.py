"""Publish: the manifest, written last and created once, makes a draft a round."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson

from schemas.errors import Locked
from schemas.manifest import Manifest
from tasks.figures import many
from tasks.store.chain import sealed
from tasks.store.code import ROOT
from tasks.store.objects import create_once, file_digest, write_whole
from tasks.store.strays import documents, remove_strays


def publish(folder: Path, manifest: Manifest, prove: Callable[[], None] = lambda: None) -> None:
    """Write scorecard, validation and alarms, then the manifest, which names their digests and those of all that lies
    beside the tables, and is sealed. Raises Locked if another run published this round first.

    `prove` raises Locked unless this writer still holds the lineage: asked last of all. What a draft holds beside
    what the manifest names, from before its recipe or code changed, is removed afterwards: whoever reads a published
    round's folders reads what it was made of.
    """
    indent = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    as_json = manifest.model_dump(mode="json", exclude={"weights_dropped"})
    prove()
    if not (folder / "manifest.json").exists():
        scorecard = {name: as_json[name] for name in ("scores", "gate")}
        write_whole(folder / "scorecard.json", orjson.dumps(scorecard, option=indent), prove)
        for name in ("validation", "alarms"):
            write_whole(folder / f"{name}.json", orjson.dumps(as_json[name], option=indent), prove)
    beside = {name: folder / name for name in documents(manifest)}
    as_json["files"] = {name: file_digest(path) for name, path in beside.items() if path.exists()}
    prove()
    if not create_once(folder / "manifest.json", sealed(as_json)):
        raise Locked(f"{folder}: another run published this round first; run again to play the next one")
    remove_strays(folder, manifest)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def device_name() -> str:
    """What the round ran on, in words."""
    import os
    import platform

    import torch

    if torch.cuda.is_available():
        return f"cuda: {torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    return (
        f"cpu: {platform.machine()}, {many(os.cpu_count() or 1, 'core')}, {many(torch.get_num_threads(), 'thread')}"
    )


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
