"""approve and gc: what changes a lineage beside a run."""

import json
from typing import Annotated

import typer

from flows.commands.options import JsonOption, StoreOption
from flows.console import Console
from flows.lines.plain import typed


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
        console.note(f"{total / 1e6:,.1f} MB; remove it: selfplay gc --store {typed(store)} --remove")
