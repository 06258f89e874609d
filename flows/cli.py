"""The `selfplay` command. Commands that only read the store import neither Prefect nor torch."""

import json
from pathlib import Path
from typing import Annotated, Any

from flows import environment

environment.prepare()

import typer  # noqa: E402

from flows.console import Console, as_json  # noqa: E402
from schemas.manifest import Manifest  # noqa: E402
from tasks.store.lineage import Lineage, open_lineage, open_lineages  # noqa: E402
from tasks.store.place import store_at  # noqa: E402

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
StoreOption = Annotated[
    str, typer.Option("--store", envvar="SELFPLAY_STORE", help="The store: a folder, or s3://bucket/path.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, all else on standard error.")
]


@app.command()
def run(
    recipe: Annotated[Path, typer.Argument(help="A recipe, such as deployments/recipes/quickstart.toml.")],
    store: StoreOption = "store",
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds to play, instead of the recipe's number.")] = None,
    from_stage: Annotated[
        str, typer.Option(help="Play this stage of the unfinished round, and those below it, again.")
    ] = "",
    as_json_lines: JsonOption = False,
) -> None:
    """Play rounds of a recipe, from where its lineage stands."""
    from flows.run import run_recipe

    console = Console(to_stderr=as_json_lines)
    played = run_recipe(recipe, store, rounds, console, from_stage)
    if as_json_lines:
        typer.echo(json.dumps([_entry(m, store) for m in played], indent=2))
    elif played:
        console.rounds_table(played)
        last = played[-1]
        console.note(f"\nround {last.recipe}/{last.round} lies in {_folder(last, store)}")
        console.note(f"next: selfplay log --store {store}    or: selfplay run {recipe} --store {store}")
    if played and played[-1].decision == "failed":
        raise typer.Exit(1)


@app.command()
def plan(
    recipe: Annotated[Path, typer.Argument(help="A recipe, such as deployments/recipes/quickstart.toml.")],
    store: StoreOption = "store",
    as_json_list: JsonOption = False,
) -> None:
    """What the next run would do, stage by stage, and why. Nothing is written."""
    from flows.plan import plan_round
    from flows.preflight import preflight

    ready = preflight(recipe, store)
    lineage = open_lineage(ready.store, ready.recipe.name)
    planned = plan_round(ready, lineage)
    if as_json_list:
        typer.echo(json.dumps([stage.__dict__ for stage in planned], indent=2))
        return
    console = Console()
    console.note(f"next: {lineage.recipe}/{lineage.next_round}, of {ready.recipe.rounds} rounds a run")
    for stage in planned:
        console.note(f"  {stage.stage:<20} {stage.state:<8} {stage.why}")
    console.note(f"play it: selfplay run {recipe} --store {store}")


@app.command()
def log(store: StoreOption = "store", as_json_list: JsonOption = False) -> None:
    """Every published round, oldest first."""
    manifests = [m for lineage in open_lineages(store) for m in lineage.manifests]
    if as_json_list:
        typer.echo(json.dumps([_entry(m, store) for m in manifests], indent=2))
    elif manifests:
        Console().rounds_table(manifests)
    else:
        Console().note(f"no published round in {store}; begin with: selfplay run deployments/recipes/quickstart.toml")


@app.command()
def approve(
    round: Annotated[str, typer.Argument(help="A round that awaits approval, such as quickstart/3.")],
    store: StoreOption = "store",
    reason: Annotated[str, typer.Option(help="Why; kept in the record.")] = "",
) -> None:
    """Promote a round that was held awaiting approval."""
    from flows.keeping import approve_round

    console = Console()
    record = approve_round(store, round, reason, console.note)
    console.note(f"{round} is promoted, by record {record.number} of its lineage; the next round starts from it")


@app.command()
def gc(
    store: StoreOption = "store",
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove it; without this, only say what would go.")
    ] = False,
    grace_days: Annotated[float, typer.Option(min=0, help="Leave what was touched in the last days.")] = 7,
    as_json_list: JsonOption = False,
) -> None:
    """Drafts, dropped weights and objects that no published round needs."""
    from flows.keeping import collect_garbage

    console = Console(to_stderr=as_json_list)
    found = collect_garbage(store, grace_days, remove, console.note)
    total = sum(garbage.bytes for garbage in found)
    if as_json_list:
        entries = [
            {"what": g.what, "why": g.why, "bytes": g.bytes, "files": [str(f) for f in g.files]} for g in found
        ]
        typer.echo(json.dumps({"removed": remove, "bytes": total, "garbage": entries}, indent=2))
        return
    for garbage in found:
        size = f"{garbage.bytes / 1e6:,.1f} MB"
        console.note(f"{'removed' if remove else 'would go'}  {garbage.what:<30} {size:>12}  {garbage.why}")
    if not found:
        console.note(f"nothing to remove in {store} (untouched for {grace_days:g} days)")
    elif not remove:
        console.note(f"{total / 1e6:,.1f} MB; remove it: selfplay gc --store {store} --remove")


@app.command()
def up(
    port: Annotated[int | None, typer.Option(min=1024, max=65535, help="Of the server; 4200 at first.")] = None,
    store: Annotated[
        str | None, typer.Option(envvar="SELFPLAY_STORE", help="In place of the one in deployments/prefect.yaml.")
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(envvar="SELFPLAY_WEBHOOK_URL", help="A URL to call on trouble; kept in a Prefect block only."),
    ] = None,
) -> None:
    """Start a Prefect server and a worker on this machine, and deploy what deployments/prefect.yaml says."""
    from flows.services import up as start_services

    start_services(port, store, webhook, Console().note)


@app.command()
def down() -> None:
    """End what `selfplay up` started."""
    from flows.services import down as end_services

    end_services(Console().note)


@app.command()
def doctor(as_json_object: JsonOption = False) -> None:
    """What is installed, which engine and device would be used, what is missing and the command that mends it."""
    from flows.doctor import examine

    findings = examine()
    if as_json_object:
        typer.echo(json.dumps([finding.__dict__ for finding in findings], indent=2))
    else:
        for finding in findings:
            mend = f"  -> {finding.mend}" if finding.mend else ""
            Console().note(f"{'ok     ' if finding.ok else 'missing'}  {finding.what:<22} {finding.found}{mend}")
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(2)


def _folder(m: Manifest, store: str) -> Path:
    return Lineage(store_at(store), m.recipe, ()).round_folder(m.round)


def _entry(m: Manifest, store: str) -> dict[str, Any]:
    return as_json(m, str(_folder(m, store) / "manifest.json"))
