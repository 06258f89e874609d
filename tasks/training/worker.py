"""One of the processes that train together: what `accelerate launch` runs, with the path of a job."""

import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from schemas.errors import FactoryError
from schemas.training import Train
from tasks.store.objects import write_whole
from tasks.training.asking import Asking

ROWS = "rows.arrow"
_LONGEST_WAIT = timedelta(hours=2)  # of all for one: for the first, say, whose checkpoint goes into a bucket


def reference_file(name: str) -> str:
    """Rows of a reference's log-probabilities, in the launch's folder."""
    return f"reference-{name}.json"


def main(path: Path) -> None:
    """Do the job's part of this process. What ends it is told to the stage's process, and stands in the log."""
    job = orjson.loads(path.read_bytes())
    stage = Asking(*job["asks"])
    try:
        _train(path.parent, job, stage)
    except FactoryError as error:
        stage.ask("failed", type(error).__name__, str(error))
        raise
    except Exception as error:
        traceback.print_exc()
        line = (str(error).strip().splitlines() or [""])[0]
        method = job["phase"]["method"]
        stage.ask("failed", "", f"train: {method} ended in its processes: {type(error).__name__}: {line}")
        raise


def _train(folder: Path, job: dict[str, Any], stage: Asking) -> None:
    import torch
    from accelerate import PartialState

    from tasks.engines.device import device_and_dtype
    from tasks.training.methods import train_method
    from tasks.training.references import References
    from tasks.training.sharded import shard_on_a_cpu
    from tasks.training.trainer import Phase, out_of_memory_named

    on_gpu = device_and_dtype()[0] == "cuda"
    if not on_gpu:
        shard_on_a_cpu()
    settings, given = Train.model_validate(job["settings"]), job["phase"]
    assert settings.launch
    first = PartialState(cpu=not on_gpu, timeout=_LONGEST_WAIT).is_main_process

    def keep_reference(name: str, make: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        file = folder / reference_file(name)
        if not file.exists():
            made = make()
            if first:
                write_whole(file, orjson.dumps(made))
                stage.ask("keep_reference", name)
        PartialState().wait_for_everyone()
        rows: list[dict[str, Any]] = orjson.loads(file.read_bytes())
        return rows

    phase = Phase(
        method=given["method"],
        source=Path(given["source"]),
        work=Path(given["work"]),
        begun=Path(given["begun"]) if given["begun"] else None,
        save_minutes=given["save_minutes"],
        lora=settings.lora,
        stop=settings.stop,
        seed=given["seed"],
        progress=lambda step: stage.ask("progress", step) if first else None,
        keep=lambda kept: stage.ask("keep", kept.name),
        marks=tuple(given["marks"]),
        keep_weights=lambda weights: str(stage.ask("keep_weights", weights.relative_to(given["work"]).as_posix())),
        processes=settings.launch.processes,
    )
    with pa.memory_map(str(folder / ROWS)) as file, out_of_memory_named(phase.method):
        rows = pa.ipc.open_file(file).read_all()
        references = {name: Path(path) for name, path in job["references"].items()}
        train_method(phase, rows, settings.of(phase.method), References(references, keep_reference))
    PartialState().wait_for_everyone()  # the first may still be having its weights kept
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
