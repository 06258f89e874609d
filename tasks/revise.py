"""Revise: the solver looks at its own first solutions: is one right, and, told that it is not, what is another?"""

from collections.abc import Mapping
from typing import Any

from schemas.correcting import Revise as Settings
from schemas.correcting import Verify
from schemas.dropped import DROPPED
from schemas.manifest import TableRef
from schemas.revisions import REVISIONS
from schemas.table import writes
from schemas.work import Work, of_rows
from tasks.engines import Request, completed
from tasks.engines.staged import engine_of_stage, without_answer
from tasks.reading.corrected import read_corrected
from tasks.roles import Role
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard

Row = dict[str, Any]


@writes(REVISIONS, DROPPED)
def revise(
    draft: Draft,
    *,
    settings: Settings,
    solver: Role,
    words: Verify,
    gold: TableRef,
    attempts: TableRef,
    verdicts_of: TableRef | None = None,
) -> dict[str, Any]:
    """Write `revisions`, num_samples of each first solution, those of a question that are equal once.

    The first solution is what stands before the attempt's own verdict, as `words` spell it. With `verdicts_of`, where
    verdicts were asked for, only solutions that one of them calls wrong are asked about: sequential rejection
    sampling.
    """
    question_of = {row["id"]: row["question"] for row in draft.read(gold).to_pylist()}
    firsts: dict[tuple[str, str], Row] = {}
    for row in sorted(draft.read(attempts).to_pylist(), key=lambda row: (row["question_id"], row["sample"])):
        first = read_corrected(row["text"], words.right, words.wrong).first
        if first and row["finish_reason"] == "stop":
            firsts.setdefault((row["question_id"], first), {"id": row["id"], "first": first, "verdict": None})
    asked = [row | {"question": question_of[question]} for (question, _), row in firsts.items()]
    if verdicts_of:
        said: dict[str, str] = {}
        for row in sorted(draft.read(verdicts_of).to_pylist(), key=lambda row: row["sample"]):
            if row["text"].strip() == words.wrong:
                said.setdefault(row["attempt_id"], row["id"])
        asked = [row | {"verdict": said[row["id"]]} for row in asked if row["id"] in said]
    by_id = {row["id"]: row for row in asked}
    shards = [asked[i : i + settings.solutions_per_shard] for i in range(0, len(asked), settings.solutions_per_shard)]
    with engine_of_stage(draft, solver) as generator:

        def revised(shard: list[Row], progress: Progress) -> tuple[list[Row], list[Row]]:
            requests = [
                Request(
                    row["id"], solver.prompt.render(question=row["question"], answer=row["first"]),
                    settings.sampling,
                    draft.random_seed("revise", verdicts_of is None, row["question"], row["first"]),
                    settings.num_samples, 0,
                )
                for row in shard
            ]  # fmt: skip
            completions = completed(generator, requests, progress)
            lost = without_answer(
                draft, REVISIONS, completions,
                lambda c: (draft.row_id(REVISIONS, c.request_id, c.sample), [c.request_id]),
            )  # fmt: skip
            return lost, [
                {"id": draft.row_id(REVISIONS, c.request_id, c.sample), "attempt_id": c.request_id}
                | {"verdict_id": by_id[c.request_id]["verdict"], "sample": c.sample}
                | {"checkpoint": solver.model.digest, "verified": generator.identity is None}
                | c.sampled
                for c in completions
                if c.is_answer
            ]

        made = sum(
            len(rows)
            for _, rows in each_shard(
                draft, (DROPPED, REVISIONS), shards or [[]], revised, unit="revisions",
                size=lambda shard: len(shard) * settings.num_samples, workers=generator.at_once,
            )
        )  # fmt: skip
    return {"revisions": made, "first_solutions": len(asked)}


def work(settings: Settings, rows: Mapping[str, int]) -> Work:
    return of_rows(rows["attempts"] * settings.num_samples, longest=settings.sampling.max_tokens)
