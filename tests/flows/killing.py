"""Runs that are killed from outside: the moments aimed at, where a kill hit, and what a store holds afterwards."""

import ctypes
import json
import os
import secrets
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Protocol

import psutil

ROOT = Path(__file__).resolve().parents[2]
SELFPLAY = [sys.executable, "-c", "from flows.main import main; main()"]
LINEAGE = "small"
MARK = "SELFPLAY_TEST_RUN"
ORDER = (
    *("collect", "propose", "solve", "vote", "select", "build", "validate", "alarms"),
    *("evaluate.base", "evaluate.champion", "train", "evaluate.candidate", "validate.scores", "gate"),
)
IN_CREATE, IN_MOVED_TO = 0x100, 0x80


@dataclass(frozen=True)
class Moment:
    """A moment in a round: a file that appears in the store, and up to so many seconds after it."""

    stage: str
    phase: str
    sign: str
    """A pattern below the round's folder; "" is the start of the process."""
    count: int = 1
    """Files of the pattern that there are by then, one of them at least by this run."""
    within: float = 0.1


MOMENTS = (
    Moment("start", "imports, lock", "", within=6),
    Moment("collect", "at its end", "stages/collect-*", within=0.02),
    Moment("propose", "generating", "stages/collect-*", within=0.6),
    Moment("propose", "a wave is whole", "proposals/*/part-*", within=0.05),
    Moment("solve", "first shard", "stages/propose-*", within=0.2),
    Moment("solve", "a shard is whole", "attempts/*/part-*", 2, within=0.1),
    Moment("solve", "most shards are whole", "attempts/*/part-*", 7, within=0.2),
    Moment("vote", "voting", "stages/solve-*", within=0.15),
    Moment("select", "selecting", "stages/vote-*", within=0.1),
    Moment("validate", "Great Expectations", "stages/build-*", within=1.5),
    Moment("alarms", "measuring", "stages/validate-*", within=0.2),
    Moment("evaluate", "base", "evaluations/*/part-*", 2, within=0.3),
    Moment("train", "loading", "stages/evaluate-*", within=1.5),
    Moment("train", "a step is saved", "training/*/*/checkpoint-*", within=0.05),
    Moment("train", "a step is whole", "training/*/*/checkpoint-*/complete.json", within=0.3),
    Moment("train", "a method ends", "training/*/*/finished-*", within=0.05),
    Moment("train", "the candidate is kept", "../../objects/*/*", 7, within=0.03),
    Moment("train", "before its marker", "train_steps/*/part-*", within=0.03),
    Moment("evaluate", "candidate", "evaluations/*/part-*", 5, within=0.3),
    Moment("validate", "scores", "stages/evaluate-*", 2, within=0.5),
    Moment("publish", "scorecard", "scorecard.json", within=0.001),
    Moment("publish", "validation", "validation.json", within=0.0005),
    Moment("publish", "the manifest's draft", ".manifest.json.*.draft", within=0.0002),
    Moment("publish", "the manifest is there", "manifest.json", within=0.004),
)
LAST = "stages/gate-*"


@dataclass
class Kill:
    """A line of the table of kills."""

    aimed: Moment
    delay: float
    stage: str
    phase: str
    silent: float
    """Seconds between the last file of the store and the kill."""


class Process(Protocol):
    """What subprocess.Popen and a fork of `warm.py` have in common."""

    pid: int
    returncode: int | None
    """As of the last look."""

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...


Start = Callable[[list[str], dict[str, str], Path], Process]
"""Arguments of `selfplay`, its environment, and where what it prints goes."""


def command(arguments: list[str], environment: dict[str, str], log: Path) -> Process:
    """The command as a user types it, in a session of its own."""
    with log.open("ab") as written:
        return subprocess.Popen(
            [*SELFPLAY, *arguments], cwd=ROOT, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=written, stderr=written,
        )  # fmt: skip


@contextmanager
def warm(environment: dict[str, str]) -> Iterator[Start]:
    """The same in forks of one process that has loaded the libraries already: twelve seconds less a run."""
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("warm.py"))],
        cwd=ROOT, env=environment | {"PYTHONPATH": str(ROOT)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert server.stdin and server.stdout and server.stdout.readline() == '"warm"\n'

    def ask(**asked: Any) -> Any:
        print(json.dumps(asked), file=server.stdin, flush=True)
        return json.loads(server.stdout.readline())

    class Fork:
        returncode: int | None = None

        def __init__(self, pid: int) -> None:
            self.pid = pid

        def poll(self, wait: bool = False) -> int | None:
            if self.returncode is None:
                self.returncode = ask(pid=self.pid, wait=wait)
            return self.returncode

        def wait(self) -> int:
            code = self.poll(wait=True)
            assert code is not None
            return code

    yield lambda arguments, surroundings, log: Fork(ask(arguments=arguments, environment=surroundings, log=str(log)))
    server.stdin.close()
    server.wait()


class Victim:
    """A `selfplay run` to be killed."""

    def __init__(self, start: Start, recipe: Path, store: Path, environment: dict[str, str]) -> None:
        self.round = store / LINEAGE / "round-0001"
        self.lock = store / LINEAGE / "lock"
        self.epochs = len(list(self.lock.glob("*.json")))
        self.log = store.with_suffix(".log")
        self.mark = secrets.token_hex(8)
        arguments = ["run", str(recipe), "--store", str(store)]
        self.process = start(arguments, environment | {MARK: self.mark}, self.log)

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    @property
    def holds(self) -> bool:
        """Whether it has come so far as to hold the lineage."""
        return len(list(self.lock.glob("*.json"))) > self.epochs

    def wait_for(self, moment: Moment) -> bool:
        """Return at the moment's sign, True; or when the round is all but over, or the run, without it."""
        if not moment.sign:
            return self.runs
        if "/" not in moment.sign:
            return self._wait_in_the_folder(moment.sign)
        before = {moment.sign: self._found(moment.sign), LAST: self._found(LAST)}
        if moment.sign.startswith("stages/") and len(before[moment.sign]) >= moment.count:
            while self.runs and not self.holds:  # whole since an earlier run: the next stage begins with the lock
                time.sleep(0.002)
            return self.runs
        while self.runs:
            for sign, count in ((moment.sign, moment.count), (LAST, 1)):
                found = self._found(sign)
                if len(found) >= count and found - before[sign]:
                    return sign == moment.sign
            time.sleep(0.002)
        return False

    def _found(self, sign: str) -> set[tuple[Path, int]]:
        """What is there of a pattern, each with the time of its last change."""
        found = set()
        for path in self.round.glob(sign):
            try:
                found.add((path, path.stat().st_mtime_ns))
            except FileNotFoundError:
                continue
        return found

    def _wait_in_the_folder(self, sign: str) -> bool:
        """Publishing takes milliseconds: the kernel says at once what appears in the round's folder."""
        while self.runs and not self.round.exists():
            time.sleep(0.002)
        with _appearing(self.round) as appeared:
            while self.runs:
                if any(fnmatch(name, sign) for name in appeared(0.2)):
                    return True
        return False

    def kill(self, group: bool = True) -> float | None:
        """SIGKILL to its process group, or to it alone; the time of it, None if it had ended."""
        if self.process.returncode is None:  # without another look, which takes longer than publishing
            os.killpg(self.process.pid, signal.SIGKILL) if group else os.kill(self.process.pid, signal.SIGKILL)
        at = time.time()
        return at if self.process.wait() == -signal.SIGKILL else None

    def started(self) -> list[psutil.Process]:
        """The processes that it started, and that are still there."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == self.mark and process.pid != self.process.pid:
                    found.append(process)
        return found


@contextmanager
def _appearing(folder: Path) -> Iterator[Callable[[float], list[str]]]:
    """inotify: what is called with seconds to wait gives the names that appeared in the folder."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_CLOEXEC)
    try:
        assert libc.inotify_add_watch(handle, os.fsencode(folder), IN_CREATE | IN_MOVED_TO) >= 0

        def appeared(seconds: float) -> list[str]:
            if not select.select([handle], [], [], seconds)[0]:
                return []
            content, names = os.read(handle, 1 << 16), []
            while content:
                length = struct.unpack_from("iIII", content)[3]
                names.append(os.fsdecode(content[16 : 16 + length].rstrip(b"\0")))
                content = content[16 + length :]
            return names

        yield appeared
    finally:
        os.close(handle)
