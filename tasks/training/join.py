"""Another machine's part of training over several: what `selfplay join` does, beside a stage elsewhere."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from tasks.store.place import local_cache, on_disk
from tasks.training.asking import watching
from tasks.training.launch import FOLDER, JOB, launched, log_of

_LOOK_SECONDS = 1.0


def join(store: Path, machine: int, note: Callable[[str], None]) -> None:
    """Start this machine's processes for each launch that asks for so many machines, one after the other, for ever.

    They end with the launch, whatever ends it: the round goes on by itself, from its last whole checkpoint.
    """
    joined = set()
    while True:
        for path in _jobs(store):
            try:
                job = orjson.loads(path.read_bytes())
            except FileNotFoundError:  # its round went on meanwhile
                continue
            if machine >= job["machines"] or (token := job["asks"][-1]) in joined:
                continue
            with watching(*job["asks"]) as lives:
                if lives():
                    note(f"{path.parent}: joined as machine {machine} of {job['machines']}, counted from 0")
                    code = _joined(path.parent, machine, lives)
                    note(f"{path.parent}: ended (exit {code}); log: {log_of(path.parent, machine)}")
            joined.add(token)
        time.sleep(_LOOK_SECONDS)


def _jobs(store: Path) -> Iterator[Path]:
    """The jobs of all launches whose work is there still, begun or long dead."""
    if on_disk(store):
        return store.glob(f"*/round-*/training/*/*/{FOLDER}/{JOB}")
    return (local_cache() / "stores").glob(f"*/*/{FOLDER}/{JOB}")


def _joined(folder: Path, machine: int, lives: Callable[[], bool]) -> int:
    child, _ = launched(folder, machine)
    try:
        while child.poll() is None and lives():
            time.sleep(_LOOK_SECONDS / 2)
    finally:
        child.kill()  # its workers end by themselves
    return child.wait()
