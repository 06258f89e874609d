"""The flow that evaluates a lineage's champion again and holds what it finds against what was published."""

import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from flows import environment

environment.prepare()

from prefect import flow  # noqa: E402

from flows.artifacts import show_markdown, stage_progress  # noqa: E402
from flows.events import alarm  # noqa: E402
from flows.preflight import Plan, preflight  # noqa: E402
from schemas.errors import BadInput  # noqa: E402
from schemas.manifest import CheckpointRef, Manifest, Score  # noqa: E402
from tasks.audit.markdown import as_markdown  # noqa: E402
from tasks.evaluate import evaluate  # noqa: E402
from tasks.prompts import load_prompt  # noqa: E402
from tasks.store.draft import Draft  # noqa: E402
from tasks.store.lineage import Lineage, open_lineage  # noqa: E402


@flow(name="champion", persist_result=False)
def evaluate_champion(recipe: str, store: str = "store") -> dict[str, Any]:
    """Score the champion on the benchmarks that are not sealed, in a scratch folder; benchmark -> the new score.

    An alarm goes out if a published accuracy lies outside its new 95% interval. Nothing is written to the store.
    """
    plan = preflight(Path(recipe), store)
    lineage = open_lineage(plan.store, plan.recipe.name)
    if not lineage.manifests:
        raise BadInput(f"{plan.store}: no published round of {plan.recipe.name}; there is no champion to evaluate")
    source, role, champion = _champion(lineage)
    found = _scores(plan, lineage, source, champion)
    published = {name: roles[role] for name, roles in source.scores.items() if role in roles}
    compared = _same_way(plan, lineage, source, role)
    off = [name for name in found if name in published and not _agrees(published[name], found[name])]
    title = f"{source.recipe}/{source.round}"
    show_markdown(f"champion-{source.recipe}", _report(title, found, published, compared), f"champion of {title}")
    if off and compared:
        reason = "; ".join(
            f"{name}: published {_worded(published[name])}, now {_worded(found[name])}" for name in off
        )
        alarm("champion", title, reason)
    return {name: score.model_dump(mode="json") for name, score in found.items()}


def _champion(lineage: Lineage) -> tuple[Manifest, str, CheckpointRef]:
    """The champion, and the round and role under which its scores were published."""
    if (promoted := lineage.champion_round) and promoted.candidate:
        return promoted, "candidate", promoted.candidate
    last = next(m for m in reversed(lineage.manifests) if m.champion == m.base)  # the first round's, at least
    return last, "champion", last.base


@dataclass(frozen=True, kw_only=True)
class _Beside(Lineage):
    """The lineage to read from, with another folder to write rounds and caches to."""

    scratch: Path

    @property
    def cache(self) -> Path:
        return self.scratch / "cache"

    def round_folder(self, number: int) -> Path:
        return self.scratch / f"round-{number:04d}"


def _scores(plan: Plan, lineage: Lineage, source: Manifest, champion: CheckpointRef) -> dict[str, Score]:
    own = {field.name: getattr(lineage, field.name) for field in fields(lineage)}
    recipe = plan.recipe
    with tempfile.TemporaryDirectory(prefix="selfplay-champion-") as folder, stage_progress("champion") as report:
        beside = _Beside(**own, scratch=Path(folder))
        draft = Draft(beside, source.round, "evaluate", "0" * 32, recipe.seed, report=report)
        (items,) = source.tables["inputs/benchmark_items"]
        figures = evaluate(
            draft, settings=recipe.evaluate, checks=recipe.judge, engine=recipe.evaluation_engine, model=champion,
            prompt=load_prompt(recipe.evaluate.prompt, plan.recipe_folder), benchmark_items=items,
        )  # fmt: skip
    return {name: Score.model_validate(score) for name, score in figures["scores"].items()}


def _same_way(plan: Plan, lineage: Lineage, source: Manifest, role: str) -> bool:
    """Whether the round asked and marked as the recipe does now: else its accuracy says nothing of the new one."""
    record = lineage.stage_record(source.round, "evaluate", source.stages[f"evaluate.{role}"])
    now = {"settings": plan.recipe.evaluate, "checks": plan.recipe.judge}
    prompt = load_prompt(plan.recipe.evaluate.prompt, plan.recipe_folder)
    return (
        record is not None
        and all(record.settings[name] == value.model_dump(mode="json") for name, value in now.items())
        and record.prompts == {prompt.name: prompt.text}
    )


def _agrees(published: Score, found: Score) -> bool:
    return found.low <= published.accuracy <= found.high


def _worded(score: Score) -> str:
    return f"{score.accuracy:.1%} [{score.low:.1%}, {score.high:.1%}] on {score.n:,}"


def _report(title: str, found: dict[str, Score], published: dict[str, Score], compared: bool) -> str:
    lines = [f"# Champion, published by {as_markdown(title)}", ""]
    if not compared:
        lines += ["The recipe evaluates in another way than that round did: no alarm is made of what differs.", ""]
    lines += ["| benchmark | published | now | |", "|---|---|---|---|"]
    for name, score in found.items():
        before = published.get(name)
        verdict = "not published" if before is None else "agrees" if _agrees(before, score) else "differs"
        cells = (name, _worded(before) if before else "-", _worded(score), verdict)
        lines.append("| " + " | ".join(map(as_markdown, cells)) + " |")
    return "\n".join(lines)
