"""The flow: which method, which rounds, and where to go on. `selfplay run` and a deployment both play it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows import environment

environment.prepare()

from prefect import flow  # noqa: E402

from flows.console import CONSOLE, Console  # noqa: E402
from flows.methods.serl import serl  # noqa: E402
from flows.preflight import Plan, preflight  # noqa: E402
from flows.stage import Round, Spending  # noqa: E402
from schemas.errors import BadInput, BudgetSpent, ValidationFailed  # noqa: E402
from schemas.manifest import CheckpointRef, GateResult, Manifest, Score, StageRecord, TableRef  # noqa: E402
from tasks.publish import device_name, git_state, now, publish  # noqa: E402
from tasks.store.lineage import Lineage, make_store, open_lineage  # noqa: E402
from tasks.store.objects import keep_checkpoint, write_whole  # noqa: E402

METHODS: dict[str, Callable[[Round], None]] = {"serl": serl}


@flow(name="nightly", persist_result=False)
def nightly(recipe: str, store: str = "store", rounds: int | None = None) -> list[str]:
    """Play rounds of a recipe, from where its lineage stands; the published rounds' ids.

    Ends early after a failed round, or at the recipe's budget: what is unfinished stays as a draft, and the next run
    goes on from it.
    """
    plan = preflight(Path(recipe), Path(store))
    if plan.recipe.method not in METHODS:
        raise BadInput(f"{recipe}: method = '{plan.recipe.method}': expected one of {', '.join(METHODS)}")
    return [f"{m.recipe}/{m.round}" for m in _play_rounds(plan, rounds, CONSOLE.get() or Console())]


def _play_rounds(plan: Plan, rounds: int | None, console: Console) -> list[Manifest]:
    recipe, spending = plan.recipe, Spending(plan.recipe.budget)
    make_store(plan.store)
    base = keep_checkpoint(plan.store / "objects", plan.model)
    published: list[Manifest] = []
    for _ in range(rounds or recipe.rounds):
        lineage = open_lineage(plan.store, recipe.name)
        bound = recipe.budget.max_held_rounds
        if bound and len(published) >= bound and all(m.decision == "held" for m in published[-bound:]):
            console.note(f"stopped: {bound} rounds in a row were held (budget.max_held_rounds)")
            break
        try:
            published.append(_play_round(plan, lineage, base, spending, console))
        except BudgetSpent as spent:
            console.note(f"stopped: {spent}; the next run goes on from here")
            break
        if published[-1].decision == "failed":
            break
    return published


def _play_round(plan: Plan, lineage: Lineage, base: CheckpointRef, spending: Spending, console: Console) -> Manifest:
    champion = lineage.champion(base)
    number, promoted = lineage.next_round, lineage.champion_round
    round = Round(
        recipe=plan.recipe,
        recipe_folder=plan.recipe_folder,
        sources=plan.sources,
        lineage=lineage,
        number=number,
        base=base,
        champion=champion,
        console=console,
        spending=spending,
    )
    parent = f"{promoted.recipe}/{promoted.round}" if promoted else None
    console.round_begins(plan.recipe.name, number, parent or "the base model")
    folder = lineage.round_folder(number)
    write_whole(folder / "recipe.toml", plan.recipe_text.encode())
    started, failure = now(), None
    try:
        METHODS[plan.recipe.method](round)
    except ValidationFailed as failed:
        failure = str(failed)
    manifest = _manifest(round, plan, parent, started, failure)
    publish(folder, manifest)
    console.note(f"  {manifest.decision}: {manifest.reason}")
    return manifest


def _manifest(round: Round, plan: Plan, parent: str | None, started: str, failure: str | None) -> Manifest:
    figures = {shown: record.figures for shown, record in round.records.items()}
    gate = figures.get("gate")
    trained = figures.get("train", {}).get("checkpoint")
    precision = figures.get("judge", {}).get("vote_precision")
    # each stage once: a stage that served two labels, or that an earlier round played, cost this round nothing
    own = {record.key: shown for shown, record in reversed(round.records.items()) if not record.reused_from}
    played = {shown: round.records[shown] for shown in round.records if shown in own.values()}
    dropped: Counter[str] = Counter()
    for record in played.values():
        dropped.update(record.dropped)
    return Manifest(
        recipe=round.recipe.name,
        round=round.number,
        method=round.recipe.method,
        decision="failed" if failure or not gate else gate["decision"],
        reason=failure or (gate["reason"] if gate else "the method ended without a gate"),
        parent=parent,
        base=round.base,
        champion=round.champion,
        candidate=CheckpointRef(digest=trained) if trained else None,
        fixed=plan.fixed,
        stages={shown: record.key for shown, record in round.records.items()},
        tables=_tables(round.records),
        dropped=dict(dropped),
        inputs={"unusable": figures.get("collect", {}).get("unusable", {}), "digest": plan.sources.digest},
        proposed=figures.get("propose", {}).get("proposed", 0),
        trained_on=figures.get("train", {}).get("training_rows", {}),
        vote_precision=Score.model_validate(precision) if precision else None,
        band=figures.get("select", {}).get("band", {}),
        scores=_scores(figures),
        gate=GateResult.model_validate(gate) if gate else None,
        validation={shown: found for shown, found in figures.items() if shown.split(".")[0] == "validate"},
        seconds={shown: record.seconds for shown, record in played.items()},
        tokens={shown: record.tokens for shown, record in played.items()},
        started=started,
        finished=now(),
        versions={k: v for record in round.records.values() for k, v in record.versions.items()},
        device=device_name(),
        git=git_state(),
        seed=round.recipe.seed,
    )


def _tables(records: dict[str, StageRecord]) -> dict[str, list[TableRef]]:
    """Table -> what each stage wrote of it; a stage that served two labels counts once."""
    tables: dict[str, list[TableRef]] = {}
    for record in records.values():
        for name, ref in record.tables.items():
            if ref not in tables.setdefault(name, []):
                tables[name].append(ref)
    return tables


def _scores(figures: dict[str, dict[str, Any]]) -> dict[str, dict[str, Score]]:
    scores: dict[str, dict[str, Score]] = {}
    for role in ("base", "champion", "candidate"):
        for benchmark, score in figures.get(f"evaluate.{role}", {}).get("scores", {}).items():
            scores.setdefault(benchmark, {})[role] = Score.model_validate(score)
    return scores
