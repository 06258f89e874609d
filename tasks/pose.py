"""Pose: the proposer reads a document and writes a question with its answer, which the solver will not see; or it
reads a prompt alone, and writes a question."""

import random
from collections.abc import Mapping
from typing import Any

from schemas.answer_keys import ANSWER_KEYS
from schemas.contamination import CONTAMINATION
from schemas.dropped import DROPPED
from schemas.manifest import TableRef
from schemas.posing import Pose, PoseTopic
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.settings import Answers, Contamination
from schemas.table import writes
from schemas.work import Work, of_rows
from tasks.engines import Engine, Message, Request, calls_at_once, completed
from tasks.engines.staged import engine_of_stage, without_answer
from tasks.novelty.contamination import protected_texts
from tasks.posed_questions import PosedQuestions
from tasks.prompts import Prompt
from tasks.roles import Role
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard
from tasks.waves import Wave

Row = dict[str, Any]
Settings = Pose | PoseTopic
Document = tuple[int, Row]  # its place in the round, and itself; a prompt alone has no text


@writes(PROPOSALS, QUESTIONS, ANSWER_KEYS, CONTAMINATION, DROPPED)
def pose(
    draft: Draft,
    *,
    settings: Settings,
    proposer: Role,
    documents: TableRef | None = None,
    benchmark_items: TableRef,
    probe: TableRef | None = None,
    checks: Answers,
    protection: Contamination,
    round: int,
    wave: Wave | None = None,
) -> dict[str, Any]:
    """Write `proposals`, num_samples a document (or a prompt, without `documents`), and of each the question
    (`questions`) with the answer that came with it (`answer_keys`), or why it gives none (`dropped`).

    A question that repeats a benchmark or probe row (`contamination`) is none, nor is one that was posed already in
    this play. `checks`: how answers are compared, so that one which never could be is refused. Each `round` draws
    other documents; with `wave`, only those of that wave are read.
    """
    read = _of_the_round(draft, settings, documents, wave)
    size = settings.documents_per_shard if isinstance(settings, Pose) else settings.prompts_per_shard
    shards = [read[first : first + size] for first in range(0, len(read), size)] or [[]]
    proposals: list[Row] = []
    with engine_of_stage(draft, proposer) as generator:

        def proposed(shard: list[Document], progress: Progress) -> tuple[list[Row], list[Row]]:
            return _proposed(draft, generator, settings, proposer.prompt, shard, wave, progress)

        for _, rows in each_shard(
            draft, (DROPPED, PROPOSALS), shards, proposed, unit="proposals",
            size=lambda shard: len(shard) * settings.num_samples,
            workers=calls_at_once(proposer.engine, draft.executor),
        ):  # fmt: skip
            proposals += rows
    known = (ref for ref in (probe, benchmark_items) if ref)
    protected = protected_texts(protection, *((r.table.rpartition("/")[2], draft.read(r).to_pylist()) for r in known))
    document_of = dict(read)
    admission = PosedQuestions(draft, settings, checks, protection, protected)
    for proposal in proposals:
        admission.admit(proposal, _opening(proposer.prompt, document_of[proposal["prompt_index"]]))
    draft.write(QUESTIONS, admission.questions)
    draft.write(ANSWER_KEYS, admission.keys)
    draft.write(CONTAMINATION, admission.hits)
    draft.write(DROPPED, admission.dropped, part=len(shards))  # behind what each shard lost
    return {"proposals": len(proposals), "questions": len(admission.questions)}


def work(settings: Settings, rows: Mapping[str, int], wave: Wave | None) -> Work:
    wanted = min(settings.documents, rows["documents"]) if isinstance(settings, Pose) else settings.prompts
    read = -(-wanted // (wave[1] if wave else 1))
    return of_rows(read * settings.num_samples, longest=settings.sampling.max_tokens)


def _of_the_round(draft: Draft, settings: Settings, documents: TableRef | None, wave: Wave | None) -> list[Document]:
    """The documents that the round drew, or those of them that the wave reads."""
    if isinstance(settings, PoseTopic):
        drawn = [{"id": f"prompt-{place}"} for place in range(settings.prompts)]
    else:
        assert documents, "the method hands over what questions are written from"
        rows = draft.read(documents).to_pylist()
        drawn = random.Random(draft.random_seed("documents")).sample(rows, min(settings.documents, len(rows)))
    number, of = wave or (1, 1)
    return [(place, row) for place, row in enumerate(drawn) if place % of == number - 1]  # no wave is without any


def _proposed(
    draft: Draft,
    generator: Engine,
    settings: Settings,
    prompt: Prompt,
    shard: list[Document],
    wave: Wave | None,
    progress: Progress,
) -> tuple[list[Row], list[Row]]:
    """A shard's proposals; before them those that have no answer."""
    place_of = {document["id"]: place for place, document in shard}
    requests = [
        Request(
            document["id"], _filled(prompt, document), settings.sampling,
            draft.random_seed("pose", document["id"]), settings.num_samples,
        )
        for _, document in shard
    ]  # fmt: skip
    shown = {document["id"]: [document["id"]] if "text" in document else [] for _, document in shard}
    completions = completed(generator, requests, progress)
    rows = [
        {"id": draft.row_id(PROPOSALS, c.request_id, c.sample), "shown_ids": shown[c.request_id]}
        | {"wave": wave[0] - 1 if wave else 0, "prompt_index": place_of[c.request_id]}
        | {"verified": generator.identity is None}
        | c.sampled
        for c in completions
        if c.is_answer
    ]
    lost = without_answer(
        draft,
        PROPOSALS,
        completions,
        lambda c: (draft.row_id(PROPOSALS, c.request_id, c.sample), shown[c.request_id]),
    )
    return lost, rows


def _filled(prompt: Prompt, document: Row) -> str | tuple[Message, ...]:
    return prompt.render(document=document["text"]) if "text" in document else prompt.render()


def _opening(prompt: Prompt, document: Row) -> str:
    """What the prompt has written of the proposal already: a raw prompt's last line."""
    filled = _filled(prompt, document)
    return filled.rpartition("\n")[2] if isinstance(filled, str) else ""
