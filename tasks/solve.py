"""Solve: the model answers each question many times. Probe questions are mixed in blind."""

import hashlib
from typing import Any

from schemas.attempts import ATTEMPTS
from schemas.manifest import CheckpointRef, TableRef
from schemas.settings import OpenAIEngine, TransformersEngine
from schemas.settings import Solve as Settings
from tasks.engines import Request, open_engine
from tasks.prompts import Prompt
from tasks.store.draft import Draft


def solve(
    draft: Draft,
    *,
    settings: Settings,
    engine: TransformersEngine | OpenAIEngine,
    prompt: Prompt,
    model: CheckpointRef,
    questions: TableRef,
    probe: TableRef,
) -> dict[str, Any]:
    """Write `attempts`: num_samples a question, asked for in one request, a shard at a time.

    New and probe questions stand in one order, by the hash of their texts, so that nothing tells them apart.
    """
    asked = [(row["id"], row["text"]) for row in draft.read(questions).to_pylist()]
    asked += [(row["id"], row["question"]) for row in draft.read(probe).to_pylist()]
    asked.sort(key=lambda question: hashlib.sha256(question[1].encode()).digest())
    size = settings.questions_per_shard
    shards = [asked[i : i + size] for i in range(0, len(asked), size)]
    total = len(asked) * settings.num_samples
    done = truncated = 0

    def progress(completions: int) -> None:
        nonlocal done
        done += completions
        draft.report(done, total, "attempts")

    with open_engine(engine, draft.checkpoint(model), model) as generator:
        for part, shard in enumerate(shards):

            def attempt(shard: list[tuple[str, str]] = shard) -> list[dict[str, Any]]:
                requests = [
                    Request(
                        row_id,
                        prompt.render(question=text),
                        settings.sampling,
                        draft.random_seed("solve", text),
                        settings.num_samples,
                    )
                    for row_id, text in shard
                ]
                completions = generator.generate(requests, progress)
                draft.generated(sum(c.num_tokens for c in completions))
                return [
                    {"id": draft.row_id(ATTEMPTS, c.request_id, c.sample), "question_id": c.request_id}
                    | {"sample": c.sample, "prompt": c.prompt, "text": c.text, "num_tokens": c.num_tokens}
                    | {"finish_reason": c.finish_reason, "checkpoint": model.digest}
                    for c in completions
                ]

            rows = draft.part(ATTEMPTS, part, attempt)
            truncated += sum(row["finish_reason"] == "length" for row in rows)
            done = min(total, (part + 1) * size * settings.num_samples)
            draft.report(done, total, "attempts")
    return {"attempts": total, "truncated": truncated}
