"""A stage's way to its engine: the weights that it is given, and what a server says of the model for as long as the
stage takes, over every run that works on it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from schemas.dropped import DROPPED
from schemas.errors import Stopped, ValidationFailed
from schemas.manifest import Teacher
from schemas.table import UNANSWERED, Table
from schemas.tables import TABLES
from tasks.engines.engine import Checkpoint, Completion, Engine
from tasks.engines.identity import differences
from tasks.engines.opened import open_engine
from tasks.figures import many
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


def without_answer(
    draft: Draft,
    table: Table,
    completions: Sequence[Completion],
    made_of: Callable[[Completion], tuple[str, list[str]]],
) -> list[dict[str, Any]]:
    """Rows of `dropped`: samples that have no answer, and why. `made_of`: the id that its row would have had, and its
    parents."""
    lost = [c for c in completions if not c.is_answer]
    named = [made_of(c) for c in lost]
    return [
        draft.refused(row_id, table, c.finish_reason, text=c.problem, parents=parents)
        for c, (row_id, parents) in zip(lost, named, strict=True)
    ]


def unanswered(draft: Draft, most: float) -> dict[str, int]:
    """Reason -> samples that a stage asked for and that have no answer, dropped or marked so. Raises ValidationFailed
    if they are a larger share than `most` of all it asked for."""
    lost, asked, first = Counter[str](), 0, ""
    for table in (TABLES[name] for name in sorted(draft.written)):
        if table is DROPPED:
            rows = [row for row in draft.so_far(table, "reason", "text") if row["reason"] in UNANSWERED]
            first = first or "".join(f"; the first: {row['text']}" for row in rows[:1])
            ended = [row["reason"] for row in rows]
        elif "finish_reason" in table.schema.names:
            ended = [row["finish_reason"] for row in draft.so_far(table, "finish_reason")]
        else:
            continue
        asked += len(ended)
        lost.update(reason for reason in ended if reason in UNANSWERED)
    if lost.total() > most * asked:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(lost.items()))
        raise ValidationFailed(
            f"{draft.stage}: {lost.total():,} of {many(asked, 'sample')} without an answer ({reasons}), above "
            f"validation.max_unanswered = {most:g}{first}"
        )
    return dict(sorted(lost.items()))
