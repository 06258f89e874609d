"""What a proposer is shown in a round: documents, draws of seeds, a question of the pool, or its prompt alone."""

import random
from typing import Any

from schemas.manifest import TableRef, ValidRows
from schemas.posing import Pose, PoseFromPool, PoseFromSeeds, PoseTopic
from tasks.store.draft import Draft
from tasks.waves import Wave

Row = dict[str, Any]
Shown = tuple[int, Row]  # its place in the round, and itself


def shown_in(
    settings: Pose | PoseTopic,
    draft: Draft,
    documents: TableRef | None,
    seeds: TableRef | None,
    pool: ValidRows | None,
    wave: Wave | None,
) -> list[Shown]:
    """All that the round draws, or what of it the wave reads. Each with the ids of what it shows, and what the
    template is given."""
    choice, drawn = random.Random(draft.random_seed("documents")), list[Row]()
    if isinstance(settings, PoseFromPool):
        rows = questions_of(seeds, pool, draft)
        for place, row in enumerate(choice.choices(rows, k=settings.prompts)):
            drawn.append({"id": f"draw-{place}", "shown_ids": [row["id"]], "values": {"question": row["question"]}})
    elif isinstance(settings, PoseTopic):
        drawn = [{"id": f"prompt-{place}", "shown_ids": [], "values": {}} for place in range(settings.prompts)]
    elif isinstance(settings, PoseFromSeeds):
        rows = questions_of(seeds, pool, draft)
        draws = [choice.sample(rows, min(settings.num_fewshots, len(rows))) for _ in range(settings.documents)]
        for ids, shown in {tuple(row["id"] for row in shown): shown for shown in draws}.items():
            values = {"fewshots": [row["question"] for row in shown]}
            drawn.append({"id": " ".join(ids), "shown_ids": [*ids], "values": values})
    else:
        assert documents is not None
        rows = draft.read(documents).to_pylist()
        for row in choice.sample(rows, min(settings.documents, len(rows))):
            drawn.append({"id": row["id"], "shown_ids": [row["id"]], "values": {"document": row["text"]}})
    number, of = wave or (1, 1)
    return [(place, row) for place, row in enumerate(drawn) if place % of == number - 1]  # no wave is without any


def questions_of(seeds: TableRef | None, pool: ValidRows | None, draft: Draft) -> list[Row]:
    """The pool: the seeds, and the questions that joined them."""
    return [row for ref in (seeds, pool) if ref for row in draft.read(ref).to_pylist()]
