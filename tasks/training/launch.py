"""Training in several processes: `accelerate launch` as a child of the stage's process, which watches it.

The workers (tasks/training/worker.py) read a job and its rows from files, write only where training works, and touch
no store: what is to be kept, stored or told they ask of this process, which holds the lineage's lock.
"""

import math
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from schemas.errors import Stopped, ValidationFailed
from schemas.training import Launch, Train
from tasks.engines.device import device_and_dtype
from tasks.store.objects import write_whole
from tasks.training import worker
from tasks.training.asking import LOOPBACK, answering
from tasks.training.references import References
from tasks.training.resume import is_finished
from tasks.training.trainer import Phase

ROOT = Path(__file__).resolve().parents[2]
FOLDER, JOB, SETTINGS = "launch", "job.json", "accelerate.json"
_LOOK_SECONDS = 0.5  # between two looks whether the child lives
_END_SECONDS = 10.0  # from a worker's last words to the child's end: another one may be why it ends
_CRASH = re.compile(r"Signal \d+ \(SIG(?:SEGV|ABRT|BUS|ILL|FPE)\)")  # no other process sends these


class Crashed(Stopped):
    """A worker was ended by a fault in native code: the others lost it in the middle of a step."""


def train_launched(phase: Phase, rows: pa.Table, settings: Train, references: References) -> Path:
    """Train in the processes that the recipe asks for; the folder of what is finished.

    Raises what a worker raised, or Stopped with the log's last words where none could say; Crashed if one crashed.
    """
    assert settings.launch
    _look_at_the_gpus(settings.launch)
    folder, kept, told = phase.work / FOLDER, [], []

    def keep(name: str) -> None:
        phase.keep(phase.work / name)
        kept.append(phase.work / name)

    def keep_reference(name: str) -> None:
        file = folder / worker.reference_file(name)
        made = orjson.loads(file.read_bytes())
        write_whole(file, orjson.dumps(references.keep(name, lambda: made)))

    answers: dict[str, Callable[..., Any]] = {
        "progress": phase.progress,
        "keep": keep,
        "keep_weights": lambda name: phase.keep_weights(phase.work / name),
        "keep_reference": keep_reference,
        "failed": lambda kind, text: _raise(kind, text, folder) if kind else told.append(text),
    }
    with answering(answers, settings.launch.address) as stage:
        _write_settings(folder, settings.launch)
        _write_job(folder, phase, rows, settings, references, stage.address)  # last: other machines wait for it
        child, began = launched(folder, 0)
        try:
            latest = math.inf
            while child.poll() is None and time.monotonic() < latest:
                stage.answer(_LOOK_SECONDS)
                latest = min(latest, time.monotonic() + _END_SECONDS) if told else latest
        finally:
            child.kill()
            child.wait()
    if child.returncode == 0 and kept and is_finished(kept[-1]):
        return kept[-1]
    words = _last_words(log_of(folder, 0), began)
    if _CRASH.match(words):
        raise Crashed(f"train: {phase.method} crashed in its processes: {words}; {_mend(folder)}")
    ended = f"train: {phase.method} ended in its processes (exit {child.returncode}): {words}"
    raise Stopped(f"{told[0] if told else ended}; {_mend(folder)}")


def launched(folder: Path, machine: int) -> tuple[subprocess.Popen[bytes], int]:
    """Start this machine's processes on the job that lies in the folder; where in the log their words begin."""
    job = orjson.loads((folder / JOB).read_bytes())
    here = job["settings"]["launch"]["processes"] // job["machines"]
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 1) // here))
    command = [
        *(sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(folder / SETTINGS)),
        *("--machine_rank", str(machine), "--num_cpu_threads_per_process", threads),
        *("--module", worker.__name__, str(folder / JOB)),
    ]
    paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    with open(log_of(folder, machine), "ab") as log:
        log.write(f"\n{' '.join(command)}\n".encode())
        log.flush()
        began = log.tell()
        child = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip
    return child, began


def log_of(folder: Path, machine: int) -> Path:
    return folder / (f"log-{machine}.txt" if machine else "log.txt")


def _mend(folder: Path) -> str:
    return f"log: {log_of(folder, 0)}; run again"


def _raise(kind: str, text: str, folder: Path) -> None:
    if kind == ValidationFailed.__name__:
        raise ValidationFailed(text)
    raise Stopped(text if kind == Stopped.__name__ else f"{text}; {_mend(folder)}")


def _look_at_the_gpus(launch: Launch) -> None:
    """Raise Stopped if this machine has some, but fewer than processes."""
    import torch

    here, found = launch.processes // launch.machines, torch.cuda.device_count()
    if 0 < found < here:
        raise Stopped(f"train: launch asks for {here} processes a machine, and this one has {found} GPUs; lower it")


def _write_job(
    folder: Path,
    phase: Phase,
    rows: pa.Table,
    settings: Train,
    references: References,
    address: tuple[str, int, str],
) -> None:
    """The files that the workers read."""
    assert settings.launch
    with pa.OSFile(str(folder / worker.ROWS), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
        writer.write_table(rows)
    for name in references.folders:
        path = folder / worker.reference_file(name)
        path.unlink(missing_ok=True)
        if (known := _known(references, name)) is not None:
            write_whole(path, orjson.dumps(known))
    job = {
        "asks": address,
        "machines": settings.launch.machines,
        "settings": settings.model_dump(mode="json"),
        "phase": {
            "method": phase.method,
            "source": str(phase.source),
            "work": str(phase.work),
            "begun": phase.begun and str(phase.begun),
            "save_minutes": phase.save_minutes,
            "seed": phase.seed,
            "marks": phase.marks,
        },
        "references": {name: str(path) for name, path in references.folders.items()},
    }
    draft = folder / f".{JOB}.draft"
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)  # it holds the token
    draft.write_bytes(orjson.dumps(job, option=orjson.OPT_INDENT_2))
    draft.replace(folder / JOB)


def _known(references: References, name: str) -> list[dict[str, Any]] | None:
    """What is stored of a reference, if it is."""

    class NotThere(Exception):
        pass

    def make() -> list[dict[str, Any]]:
        raise NotThere

    try:
        return references.keep(name, make)
    except NotThere:
        return None


def _write_settings(folder: Path, launch: Launch) -> None:
    """All that accelerate is to know: what this user has set up for it is not looked at."""
    on_gpu = device_and_dtype()[0] == "cuda"
    fsdp = {
        "fsdp_version": 2,
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",  # by the model's own layers
        "fsdp_reshard_after_forward": launch.fsdp == "full_shard",
        "fsdp_activation_checkpointing": on_gpu,
        "fsdp_state_dict_type": "FULL_STATE_DICT",  # sharded ones are indexed by a pickle
        "fsdp_offload_params": False,
        "fsdp_cpu_ram_efficient_loading": False,
    }
    told = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "FSDP",
        "fsdp_config": fsdp,
        "mixed_precision": "bf16" if on_gpu else "no",
        "num_processes": launch.processes,
        "num_machines": launch.machines,
        "main_process_ip": launch.address or LOOPBACK,
        "main_process_port": _free_port() if launch.machines > 1 else 0,  # 0: accelerate finds one itself
        "rdzv_backend": "static",
        "same_network": True,
        "use_cpu": False,  # True would start one process
        "debug": False,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / SETTINGS, orjson.dumps(told, option=orjson.OPT_INDENT_2))


def _free_port() -> int:
    with socket.create_server(("", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _last_words(log: Path, began: int) -> str:
    """The signal that ended a worker, its own fault's first, or else the last line of what was written since."""
    text = log.read_bytes()[began:].decode(errors="replace")
    if signals := re.findall(r"traceback : (Signal .*)", text):
        return str(max(reversed(signals), key=lambda signal: bool(_CRASH.match(signal))))
    lines = [line.strip() for line in text.splitlines() if line.strip(" =-\t")]
    return lines[-1] if lines else "it wrote nothing"
