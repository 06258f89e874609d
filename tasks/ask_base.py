"""Ask base: the base, which no round changes, answers each selected or unlabelled question once."""

from collections.abc import Mapping
from typing import Any

from schemas.base_samples import BASE_SAMPLES
from schemas.dropped import DROPPED
from schemas.manifest import TableRef
from schemas.settings import Solve as Settings
from schemas.table import writes
from schemas.work import Work, of_rows
from tasks.engines import Request, completed
from tasks.engines.staged import engine_of_stage, without_answer
from tasks.roles import Role
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard
from tasks.waves import Wave, in_wave

Row = dict[str, Any]


@writes(BASE_SAMPLES, DROPPED)
def ask_base(
    draft: Draft, *, settings: Settings, solver: Role, selections: TableRef, wave: Wave | None = None
) -> dict[str, Any]:
    """Write `base_samples`: an answer a question, sampled as attempts are, a shard of questions at a time.
    Unlabelled rows may stand for selections; with `wave`, only those of that wave are asked."""
    size = settings.questions_per_shard
    rows = [row for row in draft.read(selections).to_pylist() if in_wave(row["question"], wave)]
    asked = [row | {"question_id": row.get("question_id", row["id"])} for row in rows]
    shards = [asked[first : first + size] for first in range(0, max(1, len(asked)), size)]
    with engine_of_stage(draft, solver) as generator:

        def answers(shard: list[Row], progress: Progress) -> tuple[list[Row], list[Row]]:
            requests = [
                Request(
                    row["question_id"], solver.prompt.render(question=row["question"]), settings.sampling,
                    draft.random_seed("ask_base", row["question"]), 1, 0,
                )
                for row in shard
            ]  # fmt: skip
            made = {c.request_id: c for c in completed(generator, requests, progress)}
            rows = [
                {"id": draft.row_id(BASE_SAMPLES, c.request_id), "question_id": c.request_id}
                | {"checkpoint": solver.model.digest, "verified": generator.identity is None}
                | c.sampled
                for c in (made[row["question_id"]] for row in shard)  # in their order, whichever ended first
                if c.is_answer
            ]
            lost = without_answer(
                draft, BASE_SAMPLES, [*made.values()],
                lambda c: (draft.row_id(BASE_SAMPLES, c.request_id), [c.request_id]),
            )  # fmt: skip
            return lost, rows

        for _ in each_shard(
            draft, (DROPPED, BASE_SAMPLES), shards, answers, unit="answers of the base", size=len,
            workers=generator.at_once,
        ):  # fmt: skip
            pass
    return {}


def work(settings: Settings, rows: Mapping[str, int]) -> Work:
    return of_rows(rows["selections"], longest=settings.sampling.max_tokens)
