"""run and plan: what plays rounds."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import JsonOption, RecipeArgument, StoreOption, entry, folder_of
from flows.console import NAME, Console
from flows.lines.plain import typed
from tasks.figures import many
from tasks.store.lineage import Lineage, open_lineage

if TYPE_CHECKING:
    from flows.plan import Planned
    from flows.preflight import Plan


def run(
    recipe: RecipeArgument,
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
        typer.echo(json.dumps([entry(m, store) for m in played], indent=2))
    elif played:
        console.rounds_table(played)
        last, at = played[-1], f"--store {typed(store)}"
        console.note(f"\nround {last.recipe}/{last.round} lies in {folder_of(last, store)}")
        console.note(f"next: selfplay log {at}    or: selfplay run {typed(recipe)} {at}")
    if played and played[-1].decision == "failed":
        raise typer.Exit(1)


def plan(
    recipe: RecipeArgument,
    store: StoreOption = "store",
    estimate: Annotated[bool, typer.Option("--estimate", help="Tokens, storage and time by stage instead.")] = False,
    keys: Annotated[bool, typer.Option("--keys", help="Every key of the recipe and its value instead.")] = False,
    as_json_list: JsonOption = False,
) -> None:
    """What the next run would do, stage by stage, and why; or what it will take. Nothing is written."""
    from flows.lines.show import unusable_lines
    from flows.plan import plan_round
    from flows.preflight import preflight

    if keys:
        _keys(recipe, as_json_list)
        return
    ready = preflight(recipe, store)
    lineage = open_lineage(ready.store, ready.recipe.name)
    planned = plan_round(ready, lineage)
    if estimate:
        _estimate(ready, lineage, planned, as_json_list)
        return
    if as_json_list:
        typer.echo(json.dumps([stage.__dict__ for stage in planned], indent=2))
        return
    console = Console()
    console.note(f"next: {lineage.recipe}/{lineage.next_round}, of {many(ready.recipe.rounds, 'round')} a run")
    for stage in planned:
        console.note(f"  {stage.stage:<{NAME}} {stage.state:<8} {stage.why}")
    for line in unusable_lines({source.key: source.unusable for source in ready.sources.named}):
        console.note(f"rows that could not be used: {line}")
    console.note(f"play it: selfplay run {typed(recipe)} --store {typed(store)}")


def _keys(recipe: Path, as_json: bool) -> None:
    from flows.lines.keys import effective_keys, key_lines
    from flows.recipes import load_recipe

    found = effective_keys(*load_recipe(recipe))
    told = [each._asdict() for each in found]
    typer.echo(json.dumps(told, indent=2, ensure_ascii=False) if as_json else "\n".join(key_lines(found)))


def _estimate(ready: "Plan", lineage: Lineage, planned: "list[Planned]", as_json: bool) -> None:
    from flows.estimate import estimate
    from flows.lines.estimate import print_estimate, total

    found = estimate(ready, lineage, planned)
    if not as_json:
        print_estimate(Console().rich, found, ready.recipe.rounds)
        return
    told = asdict(found) | {"total": asdict(total(found.stages)), "rounds": ready.recipe.rounds}
    typer.echo(json.dumps(told, indent=2))
