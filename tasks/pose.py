"""Pose: the proposer reads a document and writes a question with its answer, which the solver will not see; or it
reads a prompt alone, and writes a question."""

from collections.abc import Mapping
from typing import Any

from schemas.answer_keys import ANSWER_KEYS
from schemas.contamination import CONTAMINATION
from schemas.dropped import DROPPED
from schemas.manifest import TableRef, ValidRows
from schemas.posing import Pose, PoseFromPool, PoseTopic
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.settings import Answers, Contamination
from schemas.table import writes
from schemas.work import Work, of_rows
from tasks.engines import Engine, Request, completed
from tasks.engines.staged import engine_of_stage, without_answer
from tasks.novelty.contamination import protected_texts
from tasks.posed_questions import PosedQuestions
from tasks.prompts import Prompt
from tasks.roles import Role
from tasks.shown import Shown, questions_of, shown_in
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard
from tasks.waves import Wave

Row = dict[str, Any]
Settings = Pose | PoseTopic


@writes(PROPOSALS, QUESTIONS, ANSWER_KEYS, CONTAMINATION, DROPPED)
def pose(
    draft: Draft,
    *,
    settings: Settings,
    proposer: Role,
    documents: TableRef | None = None,
    seeds: TableRef | None = None,
    pool: ValidRows | None = None,
    benchmark_items: TableRef,
    probe: TableRef | None = None,
    checks: Answers,
    protection: Contamination,
    round: int,
    wave: Wave | None = None,
) -> dict[str, Any]:
    """Write `proposals`, num_samples a document, a draw of seeds or a prompt alone, and of each the question
    (`questions`) with the answer that came with it (`answer_keys`), or why it gives none (`dropped`).

    A question that repeats a benchmark or probe row (`contamination`) is none, nor is one that was posed already in
    this play. `checks`: how answers are compared, so that one which never could be is refused. Each `round` draws
    other documents; with `wave`, only those of that wave are read. `pool`: questions of before, which are
    shown like the seeds; in a method whose pool grows, they are not posed again.
    """
    read = shown_in(settings, draft, documents, seeds, pool, wave)
    size = settings.prompts_per_shard if isinstance(settings, PoseTopic) else settings.documents_per_shard
    shards = [read[first : first + size] for first in range(0, len(read), size)] or [[]]
    proposals: list[Row] = []
    with engine_of_stage(draft, proposer) as generator:

        def proposed(shard: list[Shown], progress: Progress) -> tuple[list[Row], list[Row]]:
            return _proposed(draft, generator, settings, proposer.prompt, shard, wave, progress)

        for _, rows in each_shard(
            draft, (DROPPED, PROPOSALS), shards, proposed, unit="proposals",
            size=lambda shard: len(shard) * settings.num_samples,
            workers=generator.at_once,
        ):  # fmt: skip
            proposals += rows
    apart = (ref for ref in (probe, benchmark_items) if ref)
    protected = protected_texts(protection, *((r.table.rpartition("/")[2], draft.read(r).to_pylist()) for r in apart))
    opening_of = {place: _opening(proposer.prompt, document["values"]) for place, document in read}
    admission = PosedQuestions(draft, settings, checks, protection, protected)
    for known in questions_of(seeds, pool, draft) if isinstance(settings, PoseFromPool) else ():
        admission.copies.add(known["question"], known["id"])
    for proposal in proposals:
        admission.admit(proposal, opening_of[proposal["prompt_index"]])
    draft.write(QUESTIONS, admission.questions)
    draft.write(ANSWER_KEYS, admission.keys)
    draft.write(CONTAMINATION, admission.hits)
    draft.write(DROPPED, admission.dropped, part=len(shards))  # behind what each shard lost
    return {"proposals": len(proposals), "questions": len(admission.questions)}


def work(settings: Settings, rows: Mapping[str, int], wave: Wave | None = None) -> Work:
    wanted = settings.prompts if isinstance(settings, PoseTopic) else settings.documents
    there = rows.get("documents") or wanted  # 0: the recipe brings none
    read = min(-(-wanted // (wave[1] if wave else 1)), there)
    return of_rows(read * settings.num_samples, longest=settings.sampling.max_tokens)


def _proposed(
    draft: Draft,
    generator: Engine,
    settings: Settings,
    prompt: Prompt,
    shard: list[Shown],
    wave: Wave | None,
    progress: Progress,
) -> tuple[list[Row], list[Row]]:
    """A shard's proposals; before them those that have no answer."""
    of = {document["id"]: (place, document["shown_ids"]) for place, document in shard}
    requests = [
        Request(
            document["id"], prompt.render(**document["values"]), settings.sampling,
            draft.random_seed("pose", document["id"]), settings.num_samples,
        )
        for _, document in shard
    ]  # fmt: skip
    completions = completed(generator, requests, progress)
    rows = [
        {"id": draft.row_id(PROPOSALS, c.request_id, c.sample), "shown_ids": of[c.request_id][1]}
        | {"wave": wave[0] - 1 if wave else 0, "prompt_index": of[c.request_id][0]}
        | {"verified": generator.identity is None}
        | c.sampled
        for c in completions
        if c.is_answer
    ]
    lost = without_answer(
        draft, PROPOSALS, completions,
        lambda c: (draft.row_id(PROPOSALS, c.request_id, c.sample), of[c.request_id][1]),
    )  # fmt: skip
    return lost, rows


def _opening(prompt: Prompt, values: Row) -> str:
    """What the prompt has written of the proposal already: a raw prompt's last line."""
    filled = prompt.render(**values)
    return filled.rpartition("\n")[2] if isinstance(filled, str) else ""
