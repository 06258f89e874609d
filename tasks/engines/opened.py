"""The one door to text generation. An engine stays open from stage to stage: starting one costs more than a shard."""

import atexit
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.engines import LOCAL, AnyEngine, Executor, RayExecutor, TransformersEngine, VllmEngine
from tasks.engines.engine import Checkpoint, Engine, Report
from tasks.store.place import local_cache


@dataclass
class Opened:
    """The engine that this process holds, with what it was opened for: one at a time, as memory has room for one."""

    settings: TransformersEngine | VllmEngine
    checkpoint: Checkpoint
    executor: Executor
    engine: Engine
    closing: ExitStack


_held: list[Opened] = []


@contextmanager
def open_engine(
    settings: AnyEngine,
    checkpoint: Checkpoint,
    executor: Executor = LOCAL,
    *,
    logs: Path | None = None,
    report: Report = lambda done, total, unit: None,
) -> Iterator[Engine]:
    """An engine with these weights: the one that is open already, if it is that, and left open afterwards, unless
    it failed. `close_engine` ends it. Raises Stopped if it cannot be had (a rerun resumes).

    `logs`: the folder for the log of a server that is started. `report` is told how it starts, as (0, 0, words).
    """
    if settings.kind == "openai":  # nothing of ours is open: the server is another's, and spreads the work itself
        from tasks.engines.openai import open_openai

        with open_openai(settings, checkpoint) as engine:
            yield engine
        return
    try:
        yield _opened(settings, checkpoint, executor, logs or local_cache(), report)
    except BaseException:
        close_engine()
        raise


def close_engine() -> None:
    """Give back the memory of the engine that is open, if one is: when a run ends, or its engine failed."""
    while _held:
        closing = _held.pop().closing  # by now only it holds the engine
        closing.close()


atexit.register(close_engine)  # whoever ends without it: the interpreter would take the engine's own modules first


def make_room() -> None:
    """Before training: free the memory that it wants, by ending the engine. A vLLM server on a CPU stays and idles:
    training wants another kind of memory than a GPU's there, and a start takes longer than most stages."""
    from tasks.engines.vllm_environment import vllm_environment

    if _held and not (_held[0].settings.kind == "vllm" and not vllm_environment(_held[0].settings.python).on_gpu):
        close_engine()


def _opened(
    settings: TransformersEngine | VllmEngine, checkpoint: Checkpoint, executor: Executor, logs: Path, report: Report
) -> Engine:
    held = _held[0] if _held else None
    if held and (held.settings, held.checkpoint, held.executor) == (settings, checkpoint, executor):
        return held.engine
    if settings.kind == "vllm":
        from tasks.engines.vllm import ChildEngine, open_vllm

        if held and held.settings == settings:  # these weights in place of those it has, or a new one
            assert isinstance(held.engine, ChildEngine)
            held.engine.report = report
            held.engine.hold(checkpoint)
            held.checkpoint = checkpoint
            return held.engine
        opening: AbstractContextManager[Engine] = open_vllm(settings, checkpoint, logs, report)
    elif isinstance(executor, RayExecutor):
        from tasks.engines.ray import open_on_ray

        opening = open_on_ray(settings, executor, checkpoint)
    else:
        from tasks.engines.cores import open_on_cores

        opening = open_on_cores(settings, checkpoint.folder)
    close_engine()
    closing = ExitStack()
    _held.append(Opened(settings, checkpoint, executor, closing.enter_context(opening), closing))
    return _held[0].engine
