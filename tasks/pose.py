"""Pose: the proposer reads a document and writes a question with its answer, which the solver will not see."""

import random
from collections.abc import Mapping
from typing import Any

from schemas.answer_keys import ANSWER_KEYS
from schemas.contamination import CONTAMINATION
from schemas.dropped import DROPPED
from schemas.manifest import TableRef
from schemas.posing import Pose as Settings
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.settings import Answers, Contamination
from schemas.table import writes
from schemas.work import Work, of_rows
from tasks.answers.canonical import answer_of, stated
from tasks.engines import Engine, Request, completed
from tasks.engines.staged import engine_of_stage, without_answer
from tasks.novelty.contamination import Hit, ProtectedTexts, protected_texts
from tasks.novelty.copies import ExactIndex
from tasks.prompts import Prompt
from tasks.reading.posed import Posed, read_posed
from tasks.roles import Role
from tasks.rules import Rule, first_refusal
from tasks.rules.pose import posing_rules
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard
from tasks.waves import Wave

Row = dict[str, Any]
Document = tuple[int, Row]  # its place in the round, and itself


@writes(PROPOSALS, QUESTIONS, ANSWER_KEYS, CONTAMINATION, DROPPED)
def pose(
    draft: Draft,
    *,
    settings: Settings,
    proposer: Role,
    documents: TableRef,
    benchmark_items: TableRef,
    probe: TableRef | None = None,
    checks: Answers,
    protection: Contamination,
    round: int,
    wave: Wave | None = None,
) -> dict[str, Any]:
    """Write `proposals`, num_samples a document, and of each the question (`questions`) with the answer that came
    with it (`answer_keys`), or why it gives none (`dropped`).

    A question that repeats a benchmark or probe row (`contamination`) is none, nor is one that was posed already in
    this play. `checks`: how answers are compared, so that one which never could be is refused. Each `round` draws
    other documents; with `wave`, only those of that wave are read.
    """
    read = _of_the_round(draft, settings, documents, wave)
    size = settings.documents_per_shard
    shards = [read[first : first + size] for first in range(0, len(read), size)] or [[]]
    proposals: list[Row] = []
    with engine_of_stage(draft, proposer) as generator:

        def proposed(shard: list[Document], progress: Progress) -> tuple[list[Row], list[Row]]:
            return _proposed(draft, generator, settings, proposer.prompt, shard, wave, progress)

        for _, rows in each_shard(
            draft, (DROPPED, PROPOSALS), shards, proposed, unit="proposals",
            size=lambda shard: len(shard) * settings.num_samples,
            workers=generator.at_once,
        ):  # fmt: skip
            proposals += rows
    known = (ref for ref in (probe, benchmark_items) if ref)
    protected = protected_texts(protection, *((r.table.rpartition("/")[2], draft.read(r).to_pylist()) for r in known))
    text_of = {document["id"]: document["text"] for _, document in read}
    admission = _Admission(draft, settings, checks, protection, protected)
    for proposal in proposals:
        (document,) = proposal["shown_ids"]
        admission.admit(proposal, _opening(proposer.prompt, text_of[document]))
    draft.write(QUESTIONS, admission.questions)
    draft.write(ANSWER_KEYS, admission.keys)
    draft.write(CONTAMINATION, admission.hits)
    draft.write(DROPPED, admission.dropped, part=len(shards))  # behind what each shard lost
    return {"proposals": len(proposals), "questions": len(admission.questions)}


def work(settings: Settings, rows: Mapping[str, int], wave: Wave | None) -> Work:
    read = min(-(-settings.documents // (wave[1] if wave else 1)), rows["documents"])
    return of_rows(read * settings.num_samples, longest=settings.sampling.max_tokens)


def _of_the_round(draft: Draft, settings: Settings, documents: TableRef, wave: Wave | None) -> list[Document]:
    """The documents that the round drew, or those of them that the wave reads."""
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
            document["id"], prompt.render(document=document["text"]), settings.sampling,
            draft.random_seed("pose", document["id"]), settings.num_samples,
        )
        for _, document in shard
    ]  # fmt: skip
    completions = completed(generator, requests, progress)
    rows = [
        {"id": draft.row_id(PROPOSALS, c.request_id, c.sample), "shown_ids": [c.request_id]}
        | {"wave": wave[0] - 1 if wave else 0, "prompt_index": place_of[c.request_id]}
        | {"verified": generator.identity is None}
        | c.sampled
        for c in completions
        if c.is_answer
    ]
    lost = without_answer(
        draft, PROPOSALS, completions, lambda c: (draft.row_id(PROPOSALS, c.request_id, c.sample), [c.request_id])
    )
    return lost, rows


def _opening(prompt: Prompt, document: str) -> str:
    """What the prompt has written of the proposal already: a raw prompt's last line."""
    filled = prompt.render(document=document)
    return filled.rpartition("\n")[2] if isinstance(filled, str) else ""


class _Admission:
    """The serial door: each question meets the protected rows, and those that were posed before it."""

    def __init__(
        self,
        draft: Draft,
        settings: Settings,
        checks: Answers,
        protection: Contamination,
        protected: ProtectedTexts,
    ) -> None:
        self.draft, self.settings, self.checks = draft, settings, checks
        self.protection, self.protected = protection, protected
        self.copies = ExactIndex()
        self.questions: list[Row] = []
        self.keys: list[Row] = []
        self.hits: list[Row] = []
        self.dropped: list[Row] = []

    def admit(self, proposal: Row, opening: str) -> None:
        row_id = self.draft.row_id(QUESTIONS, proposal["id"])
        posed = self._read(opening + proposal["text"])

        def protected(question: str) -> Hit | None:
            if hit := self.protected.find(question):
                self.hits.append(hit.row(self.draft.row_id(CONTAMINATION, row_id), row_id))
            return hit

        rules = posing_rules(
            posed, proposal["finish_reason"] == "length", self.checks, self.protection, protected,
            lambda question: self.copies.nearest(question)[1] is not None, answered=self.settings.groups == 2,
        )  # fmt: skip
        if refusal := first_refusal(rules):
            self._drop(proposal, row_id, posed.question if posed else proposal["text"], refusal)
            return
        assert posed is not None, "what could not be read was refused"
        self.copies.add(posed.question, row_id)
        self.questions.append(
            {"id": row_id, "proposal_id": proposal["id"], "item": 0, "position": len(self.questions)}
            | {"question": posed.question, "nearest_score": 0.0, "nearest_id": None}
        )
        answer = {"id": self.draft.row_id(ANSWER_KEYS, row_id), "question_id": row_id}
        if self.settings.groups == 2:
            self.keys.append(answer | {"answer": stated(posed.answer, self.checks)})

    def _read(self, text: str) -> Posed | None:
        posed = read_posed(text, self.settings.pattern)
        if posed is None or not self.settings.worked:
            return posed
        found = answer_of(posed.answer, self.checks)
        said = "" if found.source == "last_number" else found.text or ""  # a guess is no key
        return posed._replace(answer=said, solution=posed.answer)

    def _drop(self, proposal: Row, row_id: str, text: str, rule: Rule) -> None:
        why = (rule.name, rule.figure, rule.threshold)
        self.dropped.append(self.draft.refused(row_id, QUESTIONS, *why, text, parents=[proposal["id"]]))
