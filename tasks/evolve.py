"""Evolve: prompts of which there is something to learn are rewritten, the more often the more there is (eva, Ye et
al. 2024, arXiv 2411.00062)."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from schemas.dropped import DROPPED
from schemas.evolving import OPERATIONS, PROMPT_WEIGHTS, Evolve
from schemas.manifest import TableRef
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.table import writes
from schemas.work import Work, of_rows
from tasks.engines import Request, completed
from tasks.engines.staged import engine_of_stage, without_answer
from tasks.novelty.copies import ExactIndex
from tasks.reading.rewritten import read_rewritten
from tasks.roles import Role
from tasks.statistics.information import probabilities, reward_gap, well_posed
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard

Row = dict[str, Any]


@writes(PROMPT_WEIGHTS, PROPOSALS, QUESTIONS, DROPPED)
def evolve(
    draft: Draft,
    *,
    settings: Evolve,
    proposer: Role,
    seeds: TableRef,
    attempts: TableRef,
    rewards: TableRef,
    round: int,  # in the key: the same seeds are rewritten anew in another round
) -> dict[str, Any]:
    """Write `prompt_weights`, one a seed, `proposals`, one a rewriting, and the `questions` found in them, or why
    there is none (`dropped`). A seed whose attempts all got one reward is never rewritten."""
    texts = {row["id"]: row["question"] for row in draft.read(seeds).to_pylist()}
    weights = _weights(draft, settings, list(texts), attempts, rewards)
    draft.write(PROMPT_WEIGHTS, weights)
    drawn = [row["seed_id"] for row in weights for _ in range(row["draws"])]
    shown = {draft.row_id(PROPOSALS, seed, number): (seed, number) for number, seed in enumerate(drawn)}
    filled = {name: _filled(proposer, texts[seed], number) for name, (seed, number) in shown.items()}
    size, names, proposals = settings.prompts_per_shard, list(shown), list[Row]()
    shards = [names[at : at + size] for at in range(0, len(names), size)] or [[]]
    with engine_of_stage(draft, proposer) as engine:

        def rewritten(shard: list[str], progress: Progress) -> tuple[list[Row], list[Row]]:
            asked = [
                Request(name, filled[name], settings.sampling, draft.random_seed("evolve", name)) for name in shard
            ]
            completions = completed(engine, asked, progress)
            rows = [
                {"id": c.request_id, "shown_ids": [shown[c.request_id][0]], "wave": 0}
                | {"prompt_index": shown[c.request_id][1], "verified": engine.identity is None}
                | c.sampled
                for c in completions
                if c.is_answer
            ]
            lost = without_answer(draft, PROPOSALS, completions, lambda c: (c.request_id, [shown[c.request_id][0]]))
            return lost, rows

        for _, rows in each_shard(
            draft, (DROPPED, PROPOSALS), shards, rewritten, unit="rewritings", size=len,
            workers=engine.at_once,
        ):  # fmt: skip
            proposals += rows
    known, questions, dropped = ExactIndex(), list[Row](), list[Row]()
    for seed, text in texts.items():
        known.add(text, seed)
    for proposal in sorted(proposals, key=lambda row: row["prompt_index"]):
        row_id, opening = draft.row_id(QUESTIONS, proposal["id"]), filled[proposal["id"]]
        begun = opening.rpartition("\n")[2] if isinstance(opening, str) else ""
        text, reason = read_rewritten(begun + proposal["text"], proposal["finish_reason"], settings.pattern)
        if reason := reason or ("not_new" if known.nearest(text)[1] is not None else ""):
            dropped.append(draft.refused(row_id, QUESTIONS, reason, text=text, parents=[proposal["id"]]))
            continue
        known.add(text, row_id)
        questions.append(
            {"id": row_id, "proposal_id": proposal["id"], "item": 0, "position": len(questions), "question": text}
            | {"nearest_score": 0.0, "nearest_id": None}
        )
    draft.write(QUESTIONS, questions)
    draft.write(DROPPED, dropped, part=len(shards))  # behind what each shard lost
    informative = [row["information"] for row in weights]
    return {
        "evolved": len(questions),
        "informative": sum(each > 0 for each in informative) / len(informative),
        "mean_information": sum(informative) / len(informative),
    }


def work(settings: Evolve, rows: Mapping[str, int]) -> Work:
    return of_rows(max(settings.target, rows["seeds"]), settings.target, settings.sampling.max_tokens)


def _weights(draft: Draft, settings: Evolve, seeds: list[str], attempts: TableRef, rewards: TableRef) -> list[Row]:
    reward_of = {row["row_id"]: row["reward"] for row in draft.read(rewards).to_pylist()}
    given: dict[str, list[float | None]] = defaultdict(list)
    for row in sorted(draft.read(attempts).to_pylist(), key=lambda row: row["sample"]):
        if row["id"] in reward_of:
            given[row["question_id"]].append(reward_of[row["id"]])
    every = [given[seed] for seed in seeds]
    posed = well_posed(every, settings.lowest_reward_quantile)
    gaps = [reward_gap(of_one) if well else 0.0 for of_one, well in zip(every, posed, strict=True)]
    weights = gaps if settings.drawn == "by_information" else [float(well) for well in posed]
    chances, choice = probabilities(weights), random.Random(draft.random_seed("evolve"))
    draws = Counter(choice.choices(seeds, weights=weights, k=settings.target) if any(weights) else [])
    return [
        {"id": draft.row_id(PROMPT_WEIGHTS, seed), "seed_id": seed, "rewards": of_one, "information": gap}
        | {"probability": chance, "draws": draws[seed]}
        for seed, of_one, gap, chance in zip(seeds, every, gaps, chances, strict=True)
    ]


def _filled(proposer: Role, question: str, number: int) -> Any:
    """The prompt of a rewriting; the operations take turns."""
    return proposer.prompt.render(question=question, operation=OPERATIONS[number % len(OPERATIONS)])
