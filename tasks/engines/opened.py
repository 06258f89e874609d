"""The one door to text generation. An engine stays open from stage to stage: starting one costs more than a shard."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from schemas.settings import LOCAL, AnyEngine, Executor, RayExecutor, TransformersEngine
from tasks.engines.engine import Checkpoint, Engine


@dataclass
class Opened:
    """The engine that this process holds, with what it was opened for: one at a time, as memory has room for one."""

    settings: TransformersEngine
    checkpoint: Checkpoint
    executor: Executor
    engine: Engine
    closing: ExitStack


_held: list[Opened] = []


@contextmanager
def open_engine(settings: AnyEngine, checkpoint: Checkpoint, executor: Executor = LOCAL) -> Iterator[Engine]:
    """An engine with these weights: the one that is open already, if it is that, and left open afterwards, unless
    it failed. `close_engine` ends it. Raises Stopped if it cannot be had (a rerun resumes)."""
    if settings.kind == "openai":  # nothing of ours is open: the server is another's, and spreads the work itself
        from tasks.engines.openai import open_openai

        with open_openai(settings, checkpoint) as engine:
            yield engine
        return
    try:
        yield _opened(settings, checkpoint, executor)
    except BaseException:
        close_engine()
        raise


def calls_at_once(settings: AnyEngine, executor: Executor) -> int:
    """How many threads may ask the engine at once."""
    return executor.workers if isinstance(executor, RayExecutor) and settings.kind != "openai" else 1


def close_engine() -> None:
    """Give back the memory of the engine that is open, if one is: before training, and when a run ends."""
    while _held:
        closing = _held.pop().closing  # by now only it holds the engine
        closing.close()


def _opened(settings: TransformersEngine, checkpoint: Checkpoint, executor: Executor) -> Engine:
    held = _held[0] if _held else None
    if held and (held.settings, held.checkpoint, held.executor) == (settings, checkpoint, executor):
        return held.engine
    close_engine()
    closing = ExitStack()
    engine: Engine
    if isinstance(executor, RayExecutor):
        from tasks.engines.ray import open_on_ray

        engine = closing.enter_context(open_on_ray(settings, executor, checkpoint))
    else:
        from tasks.engines.transformers import open_transformers

        engine = closing.enter_context(open_transformers(settings, checkpoint.folder))
    _held.append(Opened(settings, checkpoint, executor, engine, closing))
    return _held[0].engine
