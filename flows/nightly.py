"""A night: which method, which rounds, and where to go on. `selfplay run` and a deployment both play it."""

from pathlib import Path

from flows.artifacts import round_artifacts
from flows.console import CONSOLE, Console
from flows.events import alarms_raised, round_published
from flows.methods import METHODS
from flows.plan import next_round, plan_round
from flows.preflight import Plan, preflight
from flows.published import manifest_of
from flows.stage import Spending, Stages
from schemas.controls import CONTROLS
from schemas.errors import BadInput, BudgetSpent, ValidationFailed
from schemas.manifest import Manifest
from tasks.audit.refusal import refuse_damage
from tasks.cluster import leave
from tasks.engines import close_engine
from tasks.figures import many
from tasks.publish import now, publish
from tasks.store.lineage import Lineage, make_store, open_lineage
from tasks.store.lock import Lock, hold
from tasks.store.objects import keep_checkpoint, write_whole
from tasks.store.retention import drop_held_weights
from tasks.store.strays import remove_strays


def nightly(recipe: str, store: str = "store", rounds: int | None = None, from_stage: str = "") -> list[str]:
    """Play rounds of a recipe, from where its lineage stands; the published rounds' ids.

    Ends early after a failed round, or at the recipe's budget: what is unfinished stays as a draft, and the next run
    goes on from it. `from_stage` plays that stage of the unfinished round, and those below it, again.
    """
    plan, console = preflight(Path(recipe), store), CONSOLE.get() or Console()
    if from_stage:
        _check_from_stage(plan, from_stage)
    make_store(plan.store)
    with hold(plan.store / plan.recipe.name, "run", console.note) as lock:
        try:
            return [f"{m.recipe}/{m.round}" for m in _play_rounds(plan, rounds, from_stage, lock, console)]
        finally:
            close_engine()
            leave()


def _play_rounds(plan: Plan, rounds: int | None, from_stage: str, lock: Lock, console: Console) -> list[Manifest]:
    recipe, spending = plan.recipe, Spending(plan.recipe.budget)
    with console.stage("audit"):
        refuse_damage(open_lineage(plan.store, recipe.name), console.progress("audit"))
    lock.prove()
    for model in (plan.model, *plan.own_models.values()):
        keep_checkpoint(plan.store / "objects", model)
    for last in open_lineage(plan.store, recipe.name).manifests[-1:]:  # killed right after its manifest was written
        remove_strays(plan.store / recipe.name / f"round-{last.round:04d}", last)
    published: list[Manifest] = []
    for _ in range(rounds or recipe.rounds):
        lineage = open_lineage(plan.store, recipe.name)
        bound = recipe.budget.max_held_rounds
        if bound and len(published) >= bound and all(m.decision == "held" for m in published[-bound:]):
            console.note(f"stopped: {many(bound, 'round')} in a row held (budget.max_held_rounds)")
            break
        stages = Stages(console, spending, lock, again_from=from_stage if not published else "")
        try:
            published.append(_play_round(plan, lineage, stages))
        except BudgetSpent as spent:
            console.note(f"stopped: {spent}; the next run goes on from here")
            break
        if published[-1].decision == "failed":
            break
    return published


def _play_round(plan: Plan, lineage: Lineage, stages: Stages) -> Manifest:
    promoted, console, round = lineage.champion_round, stages.console, next_round(plan, lineage, stages)
    parent = f"{promoted.recipe}/{promoted.round}" if promoted else None
    console.round_begins(plan.recipe.name, round.number, parent or "the base model")
    folder = lineage.round_folder(round.number)
    write_whole(folder / "recipe.toml", plan.recipe_text.encode(), stages.lock.prove)
    started, failure = now(), None
    try:
        METHODS[plan.recipe.method](round)
    except ValidationFailed as failed:
        failure = str(failed)
    manifest = manifest_of(round, plan, parent, started, failure, stages.lock.epoch.epoch)
    publish(folder, manifest, prove=stages.lock.prove)
    console.note(f"  {manifest.decision}: {manifest.reason}")
    for arm, why in manifest.controls_failed.items():
        console.note(f"  {CONTROLS[arm]}: not scored ({why})")
    after = open_lineage(plan.store, plan.recipe.name)
    drop_held_weights(after, plan.recipe.retention.keep_held, stages.lock.prove)
    _tell_prefect(after, manifest)
    return manifest


def _tell_prefect(lineage: Lineage, manifest: Manifest) -> None:
    round_artifacts(lineage, manifest)
    round_published(manifest)
    alarms_raised(manifest)


def _check_from_stage(plan: Plan, from_stage: str) -> None:
    """Raises BadInput, before anything is written, for a stage that the method has not, or a round not begun."""
    lineage = open_lineage(plan.store, plan.recipe.name)
    coming = f"{plan.recipe.name}/{lineage.next_round}"
    if not (lineage.round_folder(lineage.next_round) / "stages").exists():
        raise BadInput(f"--from-stage {from_stage}: round {coming} has not begun; a published one is never touched")
    stages = [planned.stage for planned in plan_round(plan, lineage)]
    if from_stage not in {*stages, *(stage.split(".")[0] for stage in stages)}:
        raise BadInput(f"--from-stage {from_stage}: expected one of {', '.join(stages)}")
