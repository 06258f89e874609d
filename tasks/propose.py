"""Propose: the model continues a list of questions with new ones (self-instruct, as SeRL does it).

Proposals come in waves, a shard each; then ONE serial admission, in the fixed order wave, prompt, item, keeps what is
well-formed, within the rules and new, and is cut at the target. SeRL: arXiv 2505.20347, section 3.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from typing import Any

from schemas.dropped import DROPPED
from schemas.manifest import TableRef, ValidRows
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.settings import Propose as Settings
from schemas.table import writes
from schemas.work import Work, of_rows
from tasks.engines import Request, completed
from tasks.engines.staged import engine_of_stage, without_answer
from tasks.novelty.copies import ExactIndex
from tasks.novelty.index import NoveltyIndex
from tasks.reading.blocks import levelled
from tasks.reading.proposals import parse_numbered_list, tidy
from tasks.roles import Role
from tasks.rules import Rule, first_refusal
from tasks.rules.propose import Nearest, admission_rules
from tasks.store.caches import Cache
from tasks.store.draft import Draft
from tasks.store.parquet import logical_digest

INDEX = "novelty.index"

Pool = list[tuple[str, str]]  # (row id, question)
Known = list[tuple[str, Pool]]  # (digest of the table, its questions in the order they came)


@writes(PROPOSALS, QUESTIONS, DROPPED)
def propose(
    draft: Draft,
    *,
    settings: Settings,
    proposer: Role,
    seeds: TableRef,
    shown: ValidRows,
    earlier: tuple[TableRef, ...],
    round: int,
) -> dict[str, Any]:
    """Write `proposals` and the admitted `questions`.

    `shown`: selections of promoted rounds, from which few-shots are drawn beside the seeds. `earlier`: questions of
    all earlier rounds, against which novelty is held.
    """
    seed_pool = [(row["id"], row["question"]) for row in draft.read(seeds).to_pylist()]
    own_pool = [(row["id"], row["question"]) for row in draft.read(shown).to_pylist()]
    known = [(seeds.digest, seed_pool), *((ref.digest, _as_admitted(draft, ref)) for ref in earlier)]

    admission = Admission(draft, settings, known)
    for wave in range(settings.max_waves):
        make = partial(_wave, draft, settings, proposer, seed_pool, own_pool, wave)
        _, rows = draft.parts((DROPPED, PROPOSALS), wave, make)
        for proposal in sorted(rows, key=lambda row: row["prompt_index"]):
            admission.admit(proposal)
        draft.report(min(len(admission.questions), settings.target), settings.target, "questions")
        if len(admission.questions) >= settings.target:
            break
    written = draft.write(QUESTIONS, admission.questions)
    draft.write(DROPPED, admission.dropped, part=settings.max_waves)  # behind what each wave lost
    admission.keep_index(logical_digest(written))
    return {"proposed": admission.num_parsed, "waves": wave + 1}


def work(settings: Settings, rows: Mapping[str, int]) -> Work:
    return of_rows(settings.target, settings.max_waves * settings.prompts_per_wave, settings.sampling.max_tokens)


def _as_admitted(draft: Draft, questions: TableRef) -> Pool:
    rows = sorted(draft.read(questions).to_pylist(), key=lambda row: row["position"])
    return [(row["id"], row["question"]) for row in rows]


def _wave(
    draft: Draft,
    settings: Settings,
    proposer: Role,
    seed_pool: Pool,
    own_pool: Pool,
    wave: int,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One wave of prompts, each with few-shots of its own, sampled once; before it those that have no answer."""
    requests, shown = [], dict[str, dict[str, Any]]()
    for index in range(settings.prompts_per_wave):
        fewshots = _fewshots(settings, seed_pool, own_pool, random.Random(draft.random_seed("fewshots", wave, index)))
        row_id = draft.row_id(PROPOSALS, wave, index)
        shown[row_id] = {"wave": wave, "prompt_index": index, "shown_ids": [i for i, _ in fewshots]}
        filled = proposer.prompt.render(fewshots=[levelled(text).rstrip(":") for _, text in fewshots])
        requests.append(Request(row_id, filled, settings.sampling, draft.random_seed("propose", wave, index)))
    done = 0

    def progress(completions: int) -> None:
        nonlocal done
        done += completions
        draft.report(done, len(requests), f"proposals of wave {wave + 1}")

    with engine_of_stage(draft, proposer) as generator:
        completions = completed(generator, requests, progress)
        verified = generator.identity is None
    rows = [
        {"id": c.request_id, "verified": verified, **shown[c.request_id], **c.sampled}
        for c in completions
        if c.is_answer
    ]
    lost = without_answer(draft, PROPOSALS, completions, lambda c: (c.request_id, shown[c.request_id]["shown_ids"]))
    return lost, rows


def _fewshots(settings: Settings, seed_pool: Pool, own_pool: Pool, choice: random.Random) -> Pool:
    own = choice.sample(own_pool, min(settings.max_own_fewshots, len(own_pool)))
    seeds = choice.sample(seed_pool, min(settings.num_fewshots - len(own), len(seed_pool)))
    shots = own + seeds
    choice.shuffle(shots)
    return shots


class Admission:
    """The serial door: each question meets the seeds, every earlier question, and those admitted before it."""

    def __init__(self, draft: Draft, settings: Settings, known: Known) -> None:
        self.draft, self.settings = draft, settings
        self.questions: list[dict[str, Any]] = []
        self.dropped: list[dict[str, Any]] = []
        self.num_parsed = 0
        self.copies = ExactIndex()  # a text of signs alone has no words: its copy is not new either
        for _, pool in known:
            for row_id, text in pool:
                self.copies.add(text, row_id)
        threshold = settings.novelty.threshold
        self.index = None if threshold is None else _index(draft.cache, threshold, known)

    def admit(self, proposal: dict[str, Any]) -> None:
        for item, (row_id, text) in enumerate(self._parsed(proposal)):
            self.num_parsed += 1
            nearest = cache(partial(self._nearest, text))
            rules = admission_rules(text, self.settings, len(self.questions), nearest)
            if refusal := first_refusal(rules):
                self._drop(proposal, row_id, text, refusal)
                continue
            score, known = nearest()
            self.copies.add(text, row_id)
            if self.index is not None:
                self.index.add(text, row_id)
            self.questions.append(
                {"id": row_id, "proposal_id": proposal["id"], "item": item, "position": len(self.questions)}
                | {"question": text, "nearest_score": score, "nearest_id": known}
            )

    def _nearest(self, text: str) -> Nearest:
        score, known = self.copies.nearest(text)
        return self.index.nearest(text) if known is None and self.index is not None else (score, known)

    def keep_index(self, digest: str) -> None:
        """Save the index, which now holds the questions of this digest too, for the next round to go on from."""
        if self.index is not None:
            self.index.holds.append(digest)
            with suppress(OSError):  # a full disk, say: the next round builds it
                self.index.save(self.draft.cache.folder / INDEX)
                self.draft.cache.left(INDEX)

    def _parsed(self, proposal: dict[str, Any]) -> Iterator[tuple[str, str]]:
        items = parse_numbered_list(proposal["text"], len(proposal["shown_ids"]) + 1)
        if proposal["finish_reason"] == "length" and items:
            cut = items.pop()  # the last item was cut off in the middle
            self.num_parsed += 1
            row_id = self.draft.row_id(QUESTIONS, proposal["id"], len(items))
            self._drop(proposal, row_id, cut, Rule("truncated"))
        for item, text in enumerate(items):
            yield self.draft.row_id(QUESTIONS, proposal["id"], item), tidy(text, self.settings.filters)

    def _drop(self, proposal: dict[str, Any], row_id: str, text: str, rule: Rule) -> None:
        why = (rule.name, rule.figure, rule.threshold)
        self.dropped.append(self.draft.refused(row_id, QUESTIONS, *why, text, parents=[proposal["id"]]))


def _index(cache: Cache, threshold: float, known: Known) -> NoveltyIndex:
    """All that is known, in order: what an earlier round saved, if it is the beginning of that, and the rest."""
    digests, index = [digest for digest, _ in known], NoveltyIndex(threshold)
    if cache.is_sealed(INDEX):
        with suppress(OSError, ValueError, KeyError):  # by other code
            index = NoveltyIndex.load(cache.folder / INDEX)
    if index.threshold != threshold or not index.holds or index.holds != digests[: len(index.holds)]:
        index = NoveltyIndex(threshold)
    for digest, pool in known[len(index.holds) :]:
        for row_id, text in pool:
            index.add(text, row_id)
        index.holds.append(digest)
    return index
