"""A short probe, where no round was played that an estimate could rest on: a batch of proposals and of attempts by
the recipe's engine, and a few optimiser steps on them, in a folder that is removed."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows.preflight import Plan
from schemas.base_samples import BASE_SAMPLES
from schemas.dropped import DROPPED
from schemas.engines import TransformersEngine
from schemas.errors import Stopped
from schemas.losses import Optimiser, Sft
from schemas.manifest import CheckpointRef
from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.sft_examples import SFT_EXAMPLES
from schemas.training import Method, Train
from tasks.collect import collect
from tasks.engines import Checkpoint, close_engine, open_engine
from tasks.estimate.costs import Cost, History, Sample, trained_tokens
from tasks.estimate.model import Size
from tasks.estimate.work import Yields, rows_trained, sequences_a_row
from tasks.prompts import load_prompt
from tasks.propose import propose
from tasks.publish import device_name
from tasks.solve import solve
from tasks.store.draft import Draft
from tasks.store.lineage import Lineage
from tasks.store.listing import files_below
from tasks.train import train

STEPS = 4
CPU_FLOPS, GPU_FLOPS = 1e12, 1e14  # of a batch: some seconds to a minute
TOO_MANY = 10  # times as many, for the least that can be asked


@dataclass(frozen=True, kw_only=True)
class _Scratch(Lineage):
    """A lineage of no rounds, whose only weights are the recipe's."""

    weights: Path

    def checkpoint_folder(self, checkpoint: CheckpointRef) -> Path:
        return self.weights


def probe(plan: Plan, size: Size, on_gpu: bool) -> History:
    """What the stages that load weights take here, by the base model. Raises Stopped, with the reason, where that
    cannot be had."""
    sequences = _sequences(plan, size, on_gpu)
    solved = plan.recipe.solve.num_samples
    rows = plan.sources.probe.rows[: max(1, sequences // solved)]
    few = replace(plan, sources=replace(plan.sources, probe=replace(plan.sources.probe, rows=rows)))
    with tempfile.TemporaryDirectory(prefix="selfplay-probe-") as folder:
        lineage = _Scratch(store=Path(folder), recipe=plan.recipe.name, published=(), weights=plan.model)
        return _probed(few, lineage, max(solved, min(sequences, plan.recipe.propose.prompts_per_wave)))


def _sequences(plan: Plan, size: Size, on_gpu: bool) -> int:
    """As many at once as the engine would take, if that ends soon. Raises Stopped where the least does not."""
    recipe, most = plan.recipe, GPU_FLOPS if on_gpu else CPU_FLOPS
    engine, a_token = recipe.engine, size.forward(1, 0)
    sections = [(recipe.train.of(method), sequences_a_row(recipe.train, method)) for method in recipe.train.methods]
    trained = sum(3 * STEPS * s.rows_at_once * s.max_length * each for s, each in sections)
    longest = max(recipe.solve.sampling.max_tokens, recipe.propose.sampling.max_tokens)
    least = a_token * (trained + recipe.solve.num_samples * longest)
    if least > TOO_MANY * most:
        raise Stopped(f"{least:.1e} FLOPs are too many for a short probe on this machine")
    at_once = engine.batch_rows if isinstance(engine, TransformersEngine) else engine.concurrency
    return max(recipe.solve.num_samples, min(at_once, int(most / (a_token * longest))))


def _probed(plan: Plan, lineage: Lineage, prompts: int) -> History:
    recipe, base = plan.recipe, CheckpointRef(digest=plan.fixed["base"])
    asking: dict[str, Any] = {"engine": recipe.engine, "model": base}
    drafts = _drafts(lineage, recipe.seed)
    given = next(drafts)
    collect(given, sources=plan.sources, ngram=None, near=None)
    inputs = given.tables()
    start = [_opened(plan, base) for _ in range(2)][-1]  # the first imports libraries, too
    close_engine()  # the round's first stage opens it, and it stays open

    proposing, began = next(drafts), time.monotonic()
    changes = {"prompts_per_wave": prompts, "max_waves": 1, "target": 10**6}
    propose(
        proposing, settings=recipe.propose.model_copy(update=changes), seeds=inputs["inputs/seeds"], own=(),
        invalid=(), earlier=(), round=1, prompt=load_prompt(recipe.propose.prompt, plan.recipe_folder), **asking,
    )  # fmt: skip
    proposed = _sample("propose", prompts, proposing, time.monotonic() - began, start)

    solving, began = next(drafts), time.monotonic()
    made = solve(
        solving, settings=recipe.solve, questions=inputs["inputs/probe"],
        prompt=load_prompt(recipe.solve.prompt, plan.recipe_folder), **asking,
    )["attempts"]  # fmt: skip
    solved = _sample("solve", made, solving, time.monotonic() - began, 0.0)
    close_engine()

    attempts = solving.read(solving.tables()["attempts"]).to_pylist()
    played = {"propose": proposed, "solve": solved, "evaluate": _with_a_start(solved, start)}
    played["train"] = _trained(next(drafts), recipe.train, base, attempts)
    new = proposing.tables()["questions"].rows / prompts
    return History("a short probe", (played,), Yields(new))


def _drafts(lineage: Lineage, seed: int) -> Iterator[Draft]:
    for number in range(10):
        yield Draft(lineage, 1, "probe", f"{number:032x}", seed)


def _opened(plan: Plan, base: CheckpointRef) -> float:
    """Seconds to have the weights loaded."""
    close_engine()
    began = time.monotonic()
    with open_engine(plan.recipe.engine, Checkpoint(base.digest, plan.model)):
        return time.monotonic() - began


def _with_a_start(solved: Sample, start: float) -> Sample:
    """Evaluation asks as solving does, by an engine opened for each checkpoint."""
    cost = replace(solved.cost, seconds=(solved.cost.seconds or 0.0) + start)
    return replace(solved, stage="evaluate", cost=cost, start=start)


def _sample(stage: str, units: float, draft: Draft, seconds: float, start: float) -> Sample:
    return Sample(
        stage,
        units,
        Cost(draft.tokens, table_bytes=_bytes(draft), seconds=seconds),
        device_name(),
        min(start, seconds),
    )


def _bytes(draft: Draft) -> int:
    return sum(f.bytes for ref in draft.tables().values() for f in files_below(draft.lineage.folder / ref.path))


def _trained(draft: Draft, settings: Train, base: CheckpointRef, attempts: list[dict[str, Any]]) -> Sample:
    """A few steps of the recipe's methods, on attempts that nobody judged; a policy gradient's as fine-tuning's."""
    few, refs = _few_steps(settings), _rows(draft, attempts)
    reports: list[tuple[int, float]] = []
    draft.report = lambda done, total, unit: reports.append((done, time.monotonic()))
    began = time.monotonic()
    train(draft, settings=few, model=base, base=base, **refs)
    seconds = time.monotonic() - began
    trained, _ = trained_tokens(draft.lineage, few.model_dump(), draft.tables())
    weights = sum(file.bytes for file in files_below(draft.lineage.objects))
    cost = Cost(trained=trained, table_bytes=0, weights_bytes=weights, seconds=seconds)
    return Sample(
        "train", rows_trained(few.model_dump()), cost, device_name(), max(0.0, seconds - _stepping(reports))
    )


def _few_steps(settings: Train) -> Train:
    """Whole micro-batches, few of them."""
    methods: tuple[Method, ...] = tuple("sft" if method == "policy" else method for method in settings.methods)
    sections: dict[str, Any] = {}
    for method, name in zip(settings.methods, methods, strict=True):
        section = settings.of(method)
        small = {"steps": STEPS, "batch_size": section.rows_at_once, "warmup_steps": 0}
        if method == "policy":
            shared = {key: getattr(section, key) for key in Optimiser.model_fields}
            sections[name] = Sft(**shared | small, completion_only=True)
        else:
            sections[name] = section.model_copy(update=small)
    return Train(methods=methods, lora=settings.lora, **sections)


def _rows(draft: Draft, attempts: list[dict[str, Any]]) -> dict[str, Any]:
    """The attempts as rows to train on, each against the next one."""
    told = {"agreement": 1.0, "chosen_winrate": 1.0, "rejected_winrate": 0.0, "pair_winrate": 1.0}
    rows = [
        {"id": f"row-{n:06d}", "question_id": one["question_id"], "attempt_id": one["id"], "prompt": one["prompt"]}
        | {"completion": one["text"], "chosen": one["text"], "rejected": other["text"]}
        | {"chosen_attempt_id": one["id"], "rejected_attempt_id": other["id"], **told}
        for n, (one, other) in enumerate(zip(attempts, attempts[1:] + attempts[:1], strict=True))
    ]
    for table in (SFT_EXAMPLES, PREFERENCE_PAIRS):
        draft.write(table, [{name: row[name] for name in table.schema.names} for row in rows])
    answered = {row["question_id"]: row | {"id": f"base-{row['id']}"} for row in attempts}
    draft.write(BASE_SAMPLES, [{name: row[name] for name in BASE_SAMPLES.schema.names} for row in answered.values()])
    draft.write(DROPPED, [])
    written = draft.tables()
    return {
        "sft_examples": (written["sft_examples"],),
        "preference_pairs": (written["preference_pairs"],),
        "base_samples": (written["base_samples"],),
        "invalid": (written["dropped"],),
    }


def _stepping(reports: list[tuple[int, float]]) -> float:
    """Seconds of the steps alone: of each method those after its first, which warms up, and one more like them."""
    total, begun = 0.0, 0
    for place in range(1, len(reports) + 1):
        if place == len(reports) or reports[place][0] <= reports[place - 1][0]:  # the next method begins
            steps = reports[begun + 1 : place]
            if len(steps) > 1:
                total += (steps[-1][1] - steps[0][1]) * len(steps) / (len(steps) - 1)
            begun = place
    return total
