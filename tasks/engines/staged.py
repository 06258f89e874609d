"""A stage's way to its engine: the weights that it is given, and what a server says of the model for as long as the
stage takes, over every run that works on it."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import Stopped
from schemas.manifest import Teacher
from tasks.engines.engine import Checkpoint, Engine
from tasks.engines.identity import differences
from tasks.engines.opened import open_engine
from tasks.roles import Role
from tasks.store.draft import Draft


@contextmanager
def engine_of_stage(draft: Draft, role: Role) -> Iterator[Engine]:
    """Raises Stopped for a server whose model is not the one that wrote this stage's shards so far: no stage is a
    mixture of two."""
    model = role.model
    weights = model.tokenizer if isinstance(model, Teacher) else model
    checkpoint = Checkpoint(model.digest, draft.checkpoint(weights), draft.lineage.objects)
    with open_engine(
        role.engine, checkpoint, draft.executor, logs=draft.lineage.cache, report=draft.report
    ) as engine:
        if engine.identity is not None:
            changed = differences(draft.note_server(engine.identity), engine.identity)
            if changed:
                raise Stopped(
                    f"{draft.stage}: its shards so far are by a server's other model ({changed}); serve that one and "
                    f"run again, or make them anew with --from-stage {draft.stage}"
                )
        yield engine
