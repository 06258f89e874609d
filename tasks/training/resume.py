"""Resuming: a kill costs what was trained since the last whole checkpoint, and changes nothing of what comes out.

A folder of training's work is whole once `complete.json` is in it: written last, it names every other file with its
SHA-256. transformers' own search for the last checkpoint would take a torn one.
"""

import hashlib
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from schemas.names import inner_path
from tasks.store.objects import sync_folder, write_whole
from tasks.store.place import at_url, on_disk
from tasks.training.sharded import as_the_first_decides, is_first, together

MARK = "complete.json"


@dataclass(frozen=True)
class Place:
    """Where one method's training works on this machine, and where what is whole is kept: on a disk, the same.

    `checkpoint-<step>` is a trainer's own; `finished-<step>` holds the weights and logged steps of a method done.
    """

    work: Path
    kept: Path


def newest_whole(place: Place) -> Path | None:
    """The newest folder that is whole, on this machine or fetched from where it is kept. The others here are removed.

    What transformers then loads is what was written, digest by digest; it unpickles only plain values (weights_only).
    """
    names = {folder.name for home in (place.work, place.kept) for folder in _folders(home)}
    found = None
    for name in sorted(names, key=lambda name: step_of(Path(name)), reverse=True):
        folder = place.work / name
        if found is None and (_is_whole(folder) or _is_whole(_fetched(place, name))):
            found = folder
        else:
            shutil.rmtree(folder, ignore_errors=True)  # a torn one would lend its files to the next of its name
    return found


def step_of(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def is_finished(folder: Path) -> bool:
    return folder.name.startswith("finished-")


def saves(trainer: Any, phase: Any) -> Any:
    """The trainer's callback that asks for a checkpoint when the last is old enough, and has it kept."""
    from transformers import TrainerCallback

    class Saves(TrainerCallback):
        last = time.monotonic()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            due = as_the_first_decides(trainer, time.monotonic() - self.last >= phase.save_minutes * 60)
            control.should_save = due and state.global_step < state.max_steps  # the last step leaves `finished`

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            folder = phase.work / f"checkpoint-{state.global_step}"
            together(trainer)  # each process has written its part
            if is_first(trainer):
                (folder / "training_args.bin").unlink()  # a pickle that nothing reads
                phase.keep(folder)
            together(trainer)  # none begins the next while this one is looked at
            self.last = time.monotonic()

    return Saves()


def keep(place: Place, folder: Path) -> None:
    """Mark a folder as whole, copy it to where it is kept, its mark last, and only then remove the older ones."""
    for path in (*folder.rglob("*"), folder.parent):
        sync_folder(path)
    files = _digests(folder)
    write_whole(folder / MARK, orjson.dumps({"files": files}, option=orjson.OPT_INDENT_2))
    if not on_disk(place.kept):
        for name in (*files, MARK):
            target = at_url(place.kept / folder.name / name)
            target.fs.put_file(str(folder / name), target.path)
    for home in (place.work, place.kept):
        for other in _folders(home):
            if other.name != folder.name:
                remove_work(other)


def remove_work(folder: Path) -> None:
    """Remove a folder of training's work, here or where it is kept, if it is there."""
    if on_disk(folder):
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.exists():
        at_url(folder).fs.rm(at_url(folder).path, recursive=True)


def _folders(home: Path) -> list[Path]:
    if not home.is_dir():
        return []
    return [path for path in home.iterdir() if re.fullmatch(r"(checkpoint|finished)-\d+", path.name)]


def _fetched(place: Place, name: str) -> Path:
    """The folder as it is kept elsewhere, copied here, if its mark is there."""
    folder, kept = place.work / name, place.kept / name
    if not on_disk(kept) and (files := _marked(kept)) is not None:
        shutil.rmtree(folder, ignore_errors=True)
        for file in (*files, MARK):
            source, target = at_url(kept / file), folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            source.fs.get_file(source.path, str(target))
    return folder


def _is_whole(folder: Path) -> bool:
    files = _marked(folder)
    return files is not None and files == _digests(folder)


def _marked(folder: Path) -> dict[str, str] | None:
    """File name -> SHA-256, as the mark has it; None where it names what lies elsewhere."""
    try:
        files = orjson.loads((folder / MARK).read_bytes())["files"]
        return {inner_path(name): digest for name, digest in files.items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _digests(folder: Path) -> dict[str, str]:
    """File name -> SHA-256 of every file but the mark, read anew: a name here comes back with other bytes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / MARK:
            with open(path, "rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
