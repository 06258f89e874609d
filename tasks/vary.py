"""Vary: a tree of easier variants of each problem, whose answers can be checked exactly (LADDER, Simonds and
Yoshiyama 2025, arXiv 2503.00735)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from schemas.answer_keys import ANSWER_KEYS
from schemas.contamination import CONTAMINATION
from schemas.dropped import DROPPED
from schemas.inputs import BENCHMARK_ITEMS
from schemas.manifest import TableRef
from schemas.pattern import first_groups
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.settings import Answers, Contamination
from schemas.table import writes
from schemas.varying import OPERATIONS, Vary
from schemas.work import Work, of_rows
from tasks.answers.integrals import is_integrand
from tasks.engines import Engine, Request, completed
from tasks.engines.staged import engine_of_stage, without_answer
from tasks.novelty.contamination import protected_texts
from tasks.novelty.copies import ExactIndex
from tasks.reading.arithmetic import read_arithmetic
from tasks.reading.blocks import levelled
from tasks.reading.turns import own_turn
from tasks.roles import Role
from tasks.rules import Rule
from tasks.statistics.trees import nodes
from tasks.store.draft import Draft

Row = dict[str, Any]


@writes(PROPOSALS, QUESTIONS, ANSWER_KEYS, CONTAMINATION, DROPPED)
def vary(
    draft: Draft,
    *,
    settings: Vary,
    proposer: Role,
    seeds: TableRef,
    benchmark_items: TableRef,
    checks: Answers,
    protection: Contamination,
    round: int,  # in the key: another round has other variants
) -> dict[str, Any]:
    """Write `proposals`, one a variant that was asked for, with its level as `wave`; the `questions` found in them
    with what their answers are held against (`answer_keys`), or why there is none (`dropped`).

    A level is written from the variants of the level before that were admitted. A variant that repeats a problem,
    another variant or a benchmark row is none, nor is one whose answer could not be checked.
    """
    items = (BENCHMARK_ITEMS.id_prefix, draft.read(benchmark_items).to_pylist())
    protected, known = protected_texts(protection, items), ExactIndex()
    level = [(row["id"], row["question"]) for row in draft.read(seeds).to_pylist()]
    for name, text in level:
        known.add(text, name)
    roots, part = len(level), 0
    is_raw = isinstance(proposer.prompt.render(**Vary.rendered_with), str)  # its last line begins the variant
    questions, keys, hits, dropped = list[Row](), list[Row](), list[Row](), list[Row]()
    with engine_of_stage(draft, proposer) as engine:
        for depth in range(settings.depth):
            grown: list[tuple[str, str]] = []
            for first in range(0, len(level), settings.parents_per_shard):
                parents = level[first : first + settings.parents_per_shard]
                make = partial(_varied, draft, engine, settings, proposer, depth, first, parents)
                _, rows = draft.parts((DROPPED, PROPOSALS), part, make)
                part += 1
                for proposal in sorted(rows, key=lambda row: row["prompt_index"]):
                    row_id = draft.row_id(QUESTIONS, proposal["id"])
                    begun = proposal["prompt"].rpartition("\n")[2] if is_raw else ""
                    text, reason = _read(begun + proposal["text"], proposal["finish_reason"], settings.pattern)
                    key = "" if reason else _key(text, checks)
                    why = Rule(reason) if reason else None if key else Rule("no_answer")
                    if not why and (hit := protected.find(text)):
                        hits.append(hit.row(draft.row_id(CONTAMINATION, row_id), row_id))
                        why = Rule(hit.reason, hit.score, hit.limit(protection))
                    if not why and known.nearest(text)[1] is not None:
                        why = Rule("not_new")
                    if why:
                        refused = (why.name, why.figure, why.threshold, text)
                        dropped.append(draft.refused(row_id, QUESTIONS, *refused, parents=[proposal["id"]]))
                        continue
                    known.add(text, row_id)
                    grown.append((row_id, text))
                    questions.append(
                        {"id": row_id, "proposal_id": proposal["id"], "item": 0, "position": len(questions)}
                        | {"question": text, "nearest_score": 0.0, "nearest_id": None}
                    )
                    told = {"id": draft.row_id(ANSWER_KEYS, row_id), "question_id": row_id}
                    keys.append(told | {"answer": key})
            level = grown
    draft.write(QUESTIONS, questions)
    draft.write(ANSWER_KEYS, keys)
    draft.write(CONTAMINATION, hits)
    draft.write(DROPPED, dropped, part=part)  # behind what each shard lost
    most = roots * nodes(settings.branching, settings.depth)
    return {"variants": len(questions), "of_the_whole_tree": len(questions) / most if most else 0.0}


def work(settings: Vary, rows: Mapping[str, int]) -> Work:
    return of_rows(rows["seeds"] * nodes(settings.branching, settings.depth), longest=settings.sampling.max_tokens)


def _varied(
    draft: Draft,
    engine: Engine,
    settings: Vary,
    proposer: Role,
    depth: int,
    first: int,
    parents: list[tuple[str, str]],
) -> tuple[list[Row], list[Row]]:
    """A shard's proposals; before them those that have no answer."""
    asked, shown = [], dict[str, tuple[str, int]]()
    for place, (parent, text) in enumerate(parents, first):
        for number in range(settings.branching):
            name, operation = draft.row_id(PROPOSALS, parent, number), OPERATIONS[number % len(OPERATIONS)]
            shown[name] = parent, place * settings.branching + number
            filled = proposer.prompt.render(question=text, operation=operation)
            asked.append(Request(name, filled, settings.sampling, draft.random_seed("vary", parent, number)))
    completions = completed(engine, asked, lambda done: None)
    rows = [
        {"id": c.request_id, "shown_ids": [shown[c.request_id][0]], "wave": depth}
        | {"prompt_index": shown[c.request_id][1], "verified": engine.identity is None}
        | c.sampled
        for c in completions
        if c.is_answer
    ]
    return without_answer(draft, PROPOSALS, completions, lambda c: (c.request_id, [shown[c.request_id][0]])), rows


def _read(text: str, finish_reason: str, pattern: str) -> tuple[str, str]:
    """The variant in what was written, and why there is none."""
    if finish_reason == "length":
        return text, "truncated"
    found = first_groups(pattern, own_turn(text))
    variant = levelled(found[0]) if found else ""
    return (variant, "") if variant else (text, "unreadable")


def _key(variant: str, checks: Answers) -> str:
    """What an answer is held against: the integrand itself, or what the numbers come to; "" for neither."""
    if checks.equivalence == "integral":
        return variant if is_integrand(variant) else ""
    found = read_arithmetic(variant)
    return str(found.value) if found else ""
