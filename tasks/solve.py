"""Solve: the model answers each question many times. Probe questions are mixed in blind."""

import hashlib
from collections import Counter, defaultdict
from typing import Any

from schemas.attempts import ATTEMPTS
from schemas.curriculum import SolveByCurriculum
from schemas.dropped import DROPPED
from schemas.manifest import TableRef, ValidRows
from schemas.settings import Answers, Select
from schemas.settings import Solve as Settings
from schemas.table import writes
from tasks.answers.canonical import answer_of, usable_answer
from tasks.checks.stopping import Stopping
from tasks.curriculum import chosen, earned
from tasks.engines import Completion, Engine, Request, completed
from tasks.engines.staged import engine_of_stage, without_answer
from tasks.prompts import Prompt
from tasks.roles import Role
from tasks.store.draft import Draft
from tasks.store.shards import Progress, each_shard
from tasks.waves import Wave, in_wave

Question = tuple[str, str]  # row id, text


@writes(ATTEMPTS, DROPPED)
def solve(
    draft: Draft,
    *,
    settings: Settings,
    solver: Role,
    checks: Answers,
    questions: TableRef | ValidRows,
    round: int,  # in the key: the same questions are answered anew in another round
    probe: TableRef | None = None,
    stops_for: Select | None = None,
    wave: Wave | None = None,
    wave_of_probe: Wave | None = None,
    attempts_before: tuple[TableRef, ...] = (),
    rewards_before: tuple[TableRef, ...] = (),
) -> dict[str, Any]:
    """Write `attempts`: num_samples a question, a shard of questions at a time, but for those that have no answer
    (`dropped`). Gold rows may stand for questions.

    New and probe questions stand in one order, by the hash of their texts, so that nothing tells them apart. With
    `stops_for`, how questions will be selected, a question is sampled no further than the selection and its
    label need; what is not selected, probe rows among it, may get another label than from all attempts. With
    `wave`, only the questions of that wave are asked; with `wave_of_probe`, of the probe alone; with a curriculum, as
    many as a wave's share, chosen by what earlier waves asked and earned (`attempts`, `rewards`; of a wave's rewards
    the last). The figure `other_tokens`: how many attempts' texts, encoded anew, give other tokens than were sampled.
    """
    pool = [(row["id"], row["question"]) for row in draft.read(questions).to_pylist()]
    known = [(row["id"], row["question"]) for row in draft.read(probe).to_pylist()] if probe else []
    times: Counter[str] = Counter()
    drawn: dict[str, Any] = {}
    if isinstance(settings, SolveByCurriculum) and settings.curriculum and wave:
        before = earned(
            [draft.read(ref).to_pylist() for ref in attempts_before],
            [row for ref in rewards_before for row in draft.read(ref).to_pylist()],
        )
        times.update(name for of_wave in before for name in of_wave)
        seed, texts = draft.random_seed("curriculum", wave[0]), dict(pool)
        names, drawn = chosen(settings.curriculum, texts, -(-len(pool) // wave[1]), before, seed)
        pool = [(name, texts[name]) for name in names]
    else:
        pool = [question for question in pool if in_wave(question[1], wave)]
    asked = pool + [question for question in known if in_wave(question[1], wave_of_probe or wave)]
    asked.sort(key=lambda question: hashlib.sha256(question[1].encode()).digest())
    size = settings.questions_per_shard
    shards = [asked[i : i + size] for i in range(0, len(asked), size)]
    made = lost = truncated = 0
    same: Counter[bool | None] = Counter()
    stops = (checks, stops_for) if stops_for else None
    with engine_of_stage(draft, solver) as generator:

        def attempt(shard: list[Question], progress: Progress) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            completions = _attempted(draft, generator, settings, solver.prompt, shard, stops, times, progress)
            rows = [
                {"id": draft.row_id(ATTEMPTS, c.request_id, c.sample), "question_id": c.request_id}
                | {"sample": c.sample, "num_planned": settings.num_samples, "checkpoint": solver.model.digest}
                | {"verified": generator.identity is None}
                | c.sampled
                for c in completions
                if c.is_answer
            ]
            refused = without_answer(
                draft, ATTEMPTS, completions,
                lambda c: (draft.row_id(ATTEMPTS, c.request_id, c.sample), [c.request_id]),
            )  # fmt: skip
            return refused, rows

        for refused, rows in each_shard(
            draft, (DROPPED, ATTEMPTS), shards, attempt, unit="attempts",
            size=lambda shard: len(shard) * settings.num_samples,
            workers=generator.at_once,
        ):  # fmt: skip
            made, lost = made + len(rows), lost + len(refused)
            truncated += sum(row["finish_reason"] == "length" for row in rows)
            same.update(row["same_tokens"] for row in rows)
    total = len(asked) * settings.num_samples
    figures: dict[str, Any] = {"attempts": made, "truncated": truncated}
    figures |= {"attempts_saved": total - made - lost} if stops_for else {}
    figures |= drawn
    told = same[True] + same[False]
    return figures | ({"other_tokens": same[False] / told} if told else {})


def _attempted(
    draft: Draft,
    generator: Engine,
    settings: Settings,
    prompt: Prompt,
    shard: list[Question],
    stops_for: tuple[Answers, Select] | None,
    times: Counter[str],
    progress: Progress,
) -> list[Completion]:
    """All attempts at a shard's questions: at once, or in waves for as long as a question is open. `times`: how often
    a question was asked before in the round: its noise is new each time."""
    wanted = settings.num_samples
    noise = {name: draft.random_seed("solve", text, *([times[name]] if times[name] else [])) for name, text in shard}
    made: dict[str, list[Completion]] = defaultdict(list)
    open_questions, first = shard, 0
    while open_questions and first < wanted:
        n = wanted if not stops_for else wanted // 2 + 1 if first == 0 else min(max(1, wanted // 8), wanted - first)
        requests = [
            Request(row_id, prompt.render(question=text), settings.sampling, noise[row_id], n, first)
            for row_id, text in open_questions
        ]
        for completion in completed(generator, requests, progress):
            made[completion.request_id].append(completion)
        first += n
        if stops_for:
            open_questions = [q for q in open_questions if not _settled(made[q[0]], wanted, *stops_for)]
    return [completion for row_id, _ in shard for completion in made[row_id]]


def _settled(attempts: list[Completion], wanted: int, checks: Answers, select: Select) -> bool:
    stopping = Stopping(wanted, select.min_agreement, select.max_agreement, joins=checks.equivalence == "math")
    answers = [usable_answer(answer_of(a.text, checks), a.finish_reason, checks) for a in attempts]
    return stopping.settled(answers)
