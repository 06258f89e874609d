"""The one door to text generation. An engine stays open from stage to stage: starting one costs more than a shard."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.settings import AnyEngine, TransformersEngine, VllmEngine
from tasks.engines.engine import Checkpoint, Engine, Report
from tasks.store.place import local_cache


@dataclass
class Opened:
    """The engine that this process holds, with what it was opened for: one at a time, as memory has room for one."""

    settings: TransformersEngine | VllmEngine
    checkpoint: Checkpoint
    engine: Engine
    closing: ExitStack


_held: list[Opened] = []


@contextmanager
def open_engine(
    settings: AnyEngine,
    checkpoint: Checkpoint,
    logs: Path | None = None,
    report: Report = lambda done, total, unit: None,
) -> Iterator[Engine]:
    """An engine with these weights: the one that is open already, if it is that, and left open afterwards, unless
    it failed. `close_engine` ends it. Raises Stopped if it cannot be had (a rerun resumes).

    `logs`: the folder for the log of a server that is started. `report` is told how it starts, as (0, 0, words).
    """
    if settings.kind == "openai":  # nothing of ours is open: the server is another's
        from tasks.engines.openai import open_openai

        with open_openai(settings, checkpoint) as engine:
            yield engine
        return
    try:
        yield _opened(settings, checkpoint, logs or local_cache(), report)
    except BaseException:
        close_engine()
        raise


def close_engine() -> None:
    """Give back the memory of the engine that is open, if one is: when a run ends, or its engine failed."""
    while _held:
        closing = _held.pop().closing  # by now only it holds the engine
        closing.close()


def make_room() -> None:
    """Before training: free the memory that it wants, by ending the engine. A vLLM server on a CPU stays and idles:
    training wants another kind of memory than a GPU's there, and a start takes longer than most stages."""
    from tasks.engines.vllm_environment import vllm_environment

    if _held and not (_held[0].settings.kind == "vllm" and not vllm_environment(_held[0].settings.python).on_gpu):
        close_engine()


def _opened(settings: TransformersEngine | VllmEngine, checkpoint: Checkpoint, logs: Path, report: Report) -> Engine:
    if _held and (_held[0].settings, _held[0].checkpoint) == (settings, checkpoint):
        return _held[0].engine
    if settings.kind == "vllm":
        return _with_weights(settings, checkpoint, logs, report)
    from tasks.engines.transformers import open_transformers

    close_engine()
    closing = ExitStack()
    engine = closing.enter_context(open_transformers(settings, checkpoint.folder))
    _held.append(Opened(settings, checkpoint, engine, closing))
    return _held[0].engine


def _with_weights(settings: VllmEngine, checkpoint: Checkpoint, logs: Path, report: Report) -> Engine:
    """The server that is up, with these weights in place of those it has; or a new one."""
    from tasks.engines.vllm import ChildEngine, open_vllm

    if _held and _held[0].settings == settings:
        held = _held[0].engine
        assert isinstance(held, ChildEngine)
        held.report = report
        held.hold(checkpoint)
        _held[0].checkpoint = checkpoint
        return held
    close_engine()
    closing = ExitStack()
    engine = closing.enter_context(open_vllm(settings, checkpoint, logs, report))
    _held.append(Opened(settings, checkpoint, engine, closing))
    return engine
