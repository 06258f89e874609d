"""The one door to text generation. An engine stays open from stage to stage: starting one costs more than a shard."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from schemas.settings import AnyEngine, TransformersEngine
from tasks.engines.engine import Checkpoint, Engine


@dataclass
class Opened:
    """The engine that this process holds, with what it was opened for: one at a time, as memory has room for one."""

    settings: TransformersEngine
    checkpoint: Checkpoint
    engine: Engine
    closing: ExitStack


_held: list[Opened] = []


@contextmanager
def open_engine(settings: AnyEngine, checkpoint: Checkpoint) -> Iterator[Engine]:
    """An engine with these weights: the one that is open already, if it is that, and left open afterwards, unless
    it failed. `close_engine` ends it. Raises Stopped if it cannot be had (a rerun resumes)."""
    if settings.kind == "openai":  # nothing of ours is open: the server is another's
        from tasks.engines.openai import open_openai

        with open_openai(settings, checkpoint) as engine:
            yield engine
        return
    try:
        yield _opened(settings, checkpoint)
    except BaseException:
        close_engine()
        raise


def close_engine() -> None:
    """Give back the memory of the engine that is open, if one is: before training, and when a run ends."""
    while _held:
        closing = _held.pop().closing  # by now only it holds the engine
        closing.close()


def _opened(settings: TransformersEngine, checkpoint: Checkpoint) -> Engine:
    if _held and (_held[0].settings, _held[0].checkpoint) == (settings, checkpoint):
        return _held[0].engine
    from tasks.engines.transformers import open_transformers

    close_engine()
    closing = ExitStack()
    engine = closing.enter_context(open_transformers(settings, checkpoint.folder))
    _held.append(Opened(settings, checkpoint, engine, closing))
    return _held[0].engine
