"""One writer a lineage: numbered epochs, created once, and a heartbeat.

Whoever creates the next epoch holds the lineage. A holder is taken for dead when its process is gone from this very
machine, or when its beat has not changed for DEAD_SECONDS of the observer's own monotonic clock: no wall-clock
decides. A holder that was taken for dead and wakes up finds a later epoch, and may neither go on nor publish.
"""

import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import orjson
from pydantic import ValidationError

from schemas.errors import Locked
from schemas.lock import Beat, Epoch
from tasks.store.objects import create_once

BEAT_SECONDS = 5.0
DEAD_SECONDS = 30.0
LOOK_SECONDS = 0.5


class Lock:
    """A held lineage. `check` is cheap, `prove` asks the store; both raise Locked if another writer took over."""

    def __init__(self, folder: Path, epoch: Epoch) -> None:
        self.folder, self.epoch = folder, epoch
        self._began = time.monotonic()
        self._lost = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def check(self) -> None:
        if self._lost:
            self.prove()

    def prove(self) -> None:
        if (latest := _latest(self.folder)) != self.epoch.epoch:
            taker = _read(self.folder, latest)
            by = f"{taker.command} (pid {taker.pid} on {taker.host})" if taker else f"epoch {latest}"
            raise Locked(
                f"{self.folder.parent}: this run was silent for so long that {by} took the lineage over; "
                "what is complete is kept; this run published nothing"
            )

    def _beat(self) -> None:
        number = 0
        while True:
            number += 1
            held = round(time.monotonic() - self._began, 1)
            with suppress(Exception):  # a full disk or a lost network: others will take this holder for dead
                beat = Beat(number=number, held_seconds=held)
                # in place: a beat that is read half-written is a change too
                _path(self.folder, self.epoch.epoch, "beat").write_bytes(orjson.dumps(beat.model_dump()))
                self._lost = _latest(self.folder) != self.epoch.epoch
            if self._ended.wait(BEAT_SECONDS):
                return

    def begin(self) -> None:
        self._thread.start()

    def release(self) -> None:
        self._ended.set()
        self._thread.join(BEAT_SECONDS)
        with suppress(Exception):  # of whatever class a lost network is: then it is found dead instead
            create_once(_path(self.folder, self.epoch.epoch, "released"), b"{}")


@contextmanager
def hold(lineage: Path, command: str, note: Callable[[str], None] = lambda line: None) -> Iterator[Lock]:
    """Hold a lineage's folder while the block runs. Raises Locked, with holder, host and age, if another does.

    `note` is told when a holder must be watched to see whether it lives: up to DEAD_SECONDS.
    """
    folder = lineage / "lock"
    latest = _latest(folder)
    if latest and not _path(folder, latest, "released").exists():
        _wait_until_dead(folder, latest, note, DEAD_SECONDS)
    epoch = _own_epoch(latest + 1, command)
    content = orjson.dumps(epoch.model_dump(), option=orjson.OPT_INDENT_2)
    if not create_once(_path(folder, epoch.epoch, "json"), content):
        raise Locked(_held(lineage, _read(folder, epoch.epoch), None))
    lock = Lock(folder, epoch)
    lock.begin()
    try:
        yield lock
    finally:
        lock.release()


def refuse_if_held(lineage: Path) -> None:
    """Raise Locked if the lineage's holder shows life before its next beat is due: a look that takes nothing."""
    folder = lineage / "lock"
    if (latest := _latest(folder)) and not _path(folder, latest, "released").exists():
        _wait_until_dead(folder, latest, lambda line: None, BEAT_SECONDS + 1)


def _wait_until_dead(folder: Path, latest: int, note: Callable[[str], None], seconds: float) -> None:
    """Return once the holder is known to be dead, or was silent for so long. Raises Locked at its first beat."""
    holder = _read(folder, latest)
    if holder and _is_gone(holder):
        return
    first = _beat_of(folder, latest)
    began, told = time.monotonic(), False
    while time.monotonic() - began < seconds:
        time.sleep(LOOK_SECONDS)
        if _path(folder, latest, "released").exists() or (holder and _is_gone(holder)):
            return
        if (beat := _beat_of(folder, latest)) != first:
            raise Locked(_held(folder.parent, holder, beat))
        if not told and time.monotonic() - began > BEAT_SECONDS + 1:
            told = True
            note(f"{_held(folder.parent, holder, first)}; no sign of life yet, looking for {DEAD_SECONDS:.0f} s")


def _held(lineage: Path, holder: Epoch | None, beat: Beat | None) -> str:
    if holder is None:
        return f"{lineage} is held by another writer; wait for it to end"
    age = f", for {_age(beat.held_seconds)}" if beat else ""
    return (
        f"{lineage} is held by {holder.command} (pid {holder.pid} on {holder.host}, since {holder.since}{age}); "
        "wait for it to end, or end it"
    )


def _age(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _latest(folder: Path) -> int:
    if not folder.exists():
        return 0
    epochs = (re.fullmatch(r"([0-9]{6,9})\.json", path.name) for path in folder.glob("*.json"))
    return max((int(epoch[1]) for epoch in epochs if epoch), default=0)


def _path(folder: Path, epoch: int, kind: str) -> Path:
    return folder / f"{epoch:06d}.{kind}"


def _read(folder: Path, epoch: int) -> Epoch | None:
    try:
        return Epoch.model_validate_json(_path(folder, epoch, "json").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _beat_of(folder: Path, epoch: int) -> Beat | None:
    try:
        return Beat.model_validate_json(_path(folder, epoch, "beat").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _own_epoch(number: int, command: str) -> Epoch:
    return Epoch(
        epoch=number,
        pid=os.getpid(),
        host=socket.gethostname(),
        machine=_machine(),
        pid_started=_started(os.getpid()) or "",
        command=command,
        token=secrets.token_hex(8),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _is_gone(holder: Epoch) -> bool:
    """Whether the holder's process is known to have ended: it ran on this machine, since its last boot."""
    if not holder.machine or holder.machine != _machine():
        return False
    started = _started(holder.pid)
    return started != holder.pid_started if started else not _is_another_users(holder.pid)


def _machine() -> str:
    """ "" where the kernel does not say: then only the heartbeat counts."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() + " " + os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _is_another_users(pid: int) -> bool:
    """Whether there is such a process that only its user may look at."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return False


def _started(pid: int) -> str | None:
    """Start of a process in ticks since boot; None if there is none, or only what its parent has not yet buried."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if state in ("Z", "X") else fields[18]
