"""Propose: the model continues a list of questions with new ones (self-instruct, as SeRL does it).

Proposals come in waves, a shard each; then ONE serial admission, in the fixed order wave, prompt, item, keeps what is
well-formed, within the rules and new, and is cut at the target. SeRL: arXiv 2505.20347, section 3.
"""

import random
from collections.abc import Iterator
from functools import partial
from typing import Any

from schemas.dropped import DROPPED
from schemas.manifest import CheckpointRef, TableRef
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.settings import Novelty, OpenAIEngine, TransformersEngine
from schemas.settings import Propose as Settings
from tasks.checks.novelty import ExactIndex, NoveltyIndex
from tasks.checks.proposals import parse_numbered_list, rule_violation, tidy
from tasks.engines import Request, open_engine
from tasks.prompts import Prompt
from tasks.store.draft import Draft

Pool = list[tuple[str, str]]  # (row id, question)


def propose(
    draft: Draft,
    *,
    settings: Settings,
    engine: TransformersEngine | OpenAIEngine,
    prompt: Prompt,
    model: CheckpointRef,
    seeds: TableRef,
    own: tuple[TableRef, ...],
    invalid: tuple[TableRef, ...],
    earlier: tuple[TableRef, ...],
    round: int,
) -> dict[str, Any]:
    """Write `proposals` and the admitted `questions`.

    `own`: selections of promoted rounds, less what their validation dropped (`invalid`), from which few-shots are
    drawn beside the seeds; the pool is as it stood when the round began. `earlier`: questions of all
    earlier rounds, against which novelty is held.
    """
    seed_pool = [(row["id"], row["question"]) for row in draft.read(seeds).to_pylist()]
    dropped = {row_id for ref in invalid for row_id in draft.read(ref)["id"].to_pylist()}
    own_rows = [row for ref in own for row in draft.read(ref).to_pylist()]
    own_pool = [(row["id"], row["text"]) for row in own_rows if row["id"] not in dropped]
    known = seed_pool + [(row["id"], row["text"]) for ref in earlier for row in draft.read(ref).to_pylist()]

    admission = Admission(draft, settings, known)
    for wave in range(settings.max_waves):
        rows = draft.part(
            PROPOSALS, wave, partial(_wave, draft, settings, engine, prompt, model, seed_pool, own_pool, wave)
        )
        for proposal in sorted(rows, key=lambda row: row["prompt_index"]):
            admission.admit(proposal)
        draft.report(min(len(admission.questions), settings.target), settings.target, "questions")
        if len(admission.questions) >= settings.target:
            break
    draft.write(QUESTIONS, admission.questions)
    draft.write(DROPPED, admission.dropped)
    return {"proposed": admission.num_parsed, "waves": wave + 1}


def _wave(
    draft: Draft,
    settings: Settings,
    engine: TransformersEngine | OpenAIEngine,
    prompt: Prompt,
    model: CheckpointRef,
    seed_pool: Pool,
    own_pool: Pool,
    wave: int,
) -> list[dict[str, Any]]:
    """One wave of prompts, each with few-shots of its own, sampled once."""
    requests, shown = [], {}
    for index in range(settings.prompts_per_wave):
        fewshots = _fewshots(settings, seed_pool, own_pool, random.Random(draft.random_seed("fewshots", wave, index)))
        row_id = draft.row_id(PROPOSALS, wave, index)
        shown[row_id] = {"wave": wave, "prompt_index": index, "fewshot_ids": [i for i, _ in fewshots]}
        filled = prompt.render(fewshots=[" ".join(text.split()).rstrip(":") for _, text in fewshots])
        requests.append(Request(row_id, filled, settings.sampling, draft.random_seed("propose", wave, index)))
    done = 0

    def progress(completions: int) -> None:
        nonlocal done
        done += completions
        draft.report(done, len(requests), f"proposals of wave {wave + 1}")

    with open_engine(engine, draft.checkpoint(model), model) as generator:
        completions = generator.generate(requests, progress)
    draft.generated(sum(completion.num_tokens for completion in completions))
    return [
        {"id": c.request_id, "prompt": c.prompt, "text": c.text, "num_tokens": c.num_tokens}
        | {"finish_reason": c.finish_reason, **shown[c.request_id]}
        for c in completions
    ]


def _fewshots(settings: Settings, seed_pool: Pool, own_pool: Pool, choice: random.Random) -> Pool:
    own = choice.sample(own_pool, min(settings.max_own_fewshots, len(own_pool)))
    seeds = choice.sample(seed_pool, min(settings.num_fewshots - len(own), len(seed_pool)))
    shots = own + seeds
    choice.shuffle(shots)
    return shots


class Admission:
    """The serial door: each question meets the seeds, every earlier question, and those admitted before it."""

    def __init__(self, draft: Draft, settings: Settings, known: Pool) -> None:
        self.draft, self.settings = draft, settings
        self.questions: list[dict[str, Any]] = []
        self.dropped: list[dict[str, Any]] = []
        self.num_parsed = 0
        self.copies = ExactIndex()  # ROUGE sees no words in some scripts: a copy is never new
        self.index = _index(settings.novelty)
        for row_id, text in known:
            self._remember(row_id, text)

    def admit(self, proposal: dict[str, Any]) -> None:
        for item, (row_id, text) in enumerate(self._parsed(proposal)):
            self.num_parsed += 1
            if len(self.questions) >= self.settings.target:
                self._drop(row_id, text, "surplus", None, None)
                continue
            if violation := rule_violation(text, self.settings.filters):
                self._drop(row_id, text, *violation)
                continue
            score, nearest = max(self.copies.nearest(text), self.index.nearest(text), key=lambda found: found[0])
            if score > (self.settings.novelty.threshold or 0.0) or score == 1.0:
                self._drop(row_id, text, "not_new", score, self.settings.novelty.threshold)
                continue
            self._remember(row_id, text)
            self.questions.append(
                {"id": row_id, "proposal_id": proposal["id"], "item": item, "position": len(self.questions)}
                | {"text": text, "nearest_score": score, "nearest_id": nearest}
            )

    def _remember(self, row_id: str, text: str) -> None:
        self.copies.add(text, row_id)
        self.index.add(text, row_id)

    def _parsed(self, proposal: dict[str, Any]) -> Iterator[tuple[str, str]]:
        items = parse_numbered_list(proposal["text"], len(proposal["fewshot_ids"]) + 1)
        if proposal["finish_reason"] == "length" and items:
            cut = items.pop()  # the last item was cut off in the middle
            self.num_parsed += 1
            self._drop(self.draft.row_id(QUESTIONS, proposal["id"], len(items)), cut, "truncated", None, None)
        for item, text in enumerate(items):
            yield self.draft.row_id(QUESTIONS, proposal["id"], item), tidy(text, self.settings.filters)

    def _drop(self, row_id: str, text: str, reason: str, figure: float | None, threshold: float | None) -> None:
        self.dropped.append(self.draft.refused(row_id, QUESTIONS, reason, figure, threshold, text))


def _index(novelty: Novelty) -> NoveltyIndex | ExactIndex:
    return ExactIndex() if novelty.threshold is None else NoveltyIndex(novelty.threshold)
