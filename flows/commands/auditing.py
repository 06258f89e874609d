"""audit, withdraw and restore: whether a store is whole, and taking a bad round back."""

import json
from typing import Annotated, Any

import typer

from flows.commands.options import JsonOption, RoundArgument, StoreOption
from flows.console import Console
from flows.lines.plain import plain
from schemas.errors import Damaged
from schemas.manifest import Manifest
from schemas.records import LineageRecord
from tasks.store.descent import way
from tasks.store.lineage import Lineage
from tasks.store.naming import open_round
from tasks.store.records import withdrawals

ReasonOption = Annotated[str, typer.Option(help="Why; kept in the record.")]


def audit(
    round: Annotated[str, typer.Argument(help="A round, such as quickstart/3; without it, all of the store.")] = "",
    store: StoreOption = "store",
    again: Annotated[
        int,
        typer.Option("--recheck", min=0, help="Decide so many verdicts, marks, novelties and contaminations anew."),
    ] = 0,
    as_json_object: JsonOption = False,
) -> None:
    """Whether all that is published is as it was. Exit 1, and each damage, if not. Nothing is written."""
    from tasks.audit.examine import examine_store
    from tasks.audit.recheck import Difference, recheck

    console = Console(to_stderr=as_json_object)
    with console.stage("audit"):
        examined = examine_store(store, round, console.progress("audit"))
    counts = {"rounds": examined.rounds, "files": examined.files, "checkpoints": examined.objects}
    looked, differing = dict[str, int](), list[Difference]()
    if again:
        with console.stage("recheck"):
            looked, differing = recheck(store, round, again, console.progress("recheck"))
    if as_json_object:
        found_anew = {"rechecked": looked, "differing": [each.__dict__ for each in differing]} if again else {}
        damage = [found.__dict__ for found in examined.damage]
        typer.echo(json.dumps(counts | {"damage": damage} | found_anew, indent=2))
    else:
        for found in examined.damage:
            console.note(f"damaged: {found.place}  ({found.owner})")
            for label in ("expected", "found", "unusable"):
                console.note(f"  {label:<9} {getattr(found, label)}")
        came = f"{len(examined.damage):,} damaged" if examined.damage else "all as published"
        console.note(f"examined: {examined.told}; {came}")
        for each in differing:
            told = f"published {plain(each.published, 100)}, decided anew {plain(each.anew, 100)}"
            console.note(f"differs: {each.round} {each.kind} {each.row}: {told}")
        if looked:
            by_kind = ", ".join(f"{count:,} {kind}" for kind, count in looked.items())
            console.note(f"decided anew: {by_kind}; {f'{len(differing):,} differ' if differing else 'all the same'}")
    if examined.damage or differing:
        raise typer.Exit(Damaged.exit_code)


def withdraw(
    round: RoundArgument,
    reason: ReasonOption,
    store: StoreOption = "store",
    as_json_object: JsonOption = False,
) -> None:
    """Take a round back, with all that descends from it: none of it serves a later round."""
    from flows.keeping import withdraw_round

    console = Console(to_stderr=as_json_object)
    record = withdraw_round(store, round, reason, console.note)
    _show(open_round(store, round)[0], record, record.rounds, as_json_object, console)


def restore(
    round: RoundArgument,
    reason: ReasonOption,
    store: StoreOption = "store",
    as_json_object: JsonOption = False,
) -> None:
    """Undo a withdrawal, by another record."""
    from flows.keeping import restore_round

    console = Console(to_stderr=as_json_object)
    record = restore_round(store, round, reason, console.note)
    lineage = open_round(store, round)[0]
    undone = next(r for r in reversed(lineage.records) if r.kind == "withdraw" and r.round == record.round)
    _show(lineage, record, undone.rounds, as_json_object, console)


def _show(lineage: Lineage, record: LineageRecord, rounds: tuple[int, ...], as_json: bool, console: Console) -> None:
    """The record, what each round it touches counts for now, and the champion that follows."""
    touched: list[dict[str, Any]] = [
        {"round_id": f"{m.recipe}/{m.round}", "decision": m.decision}
        | {"checkpoint": m.candidate.digest if m.candidate else None}
        | {"why": _why(lineage, m, record, rounds)}
        for m in lineage.manifests
        if m.round in rounds
    ]
    champion = lineage.champion_round
    name = f"{champion.recipe}/{champion.round}" if champion else None
    if as_json:
        about = {"record": record.number, "kind": record.kind, "rounds": touched, "champion": name}
        typer.echo(json.dumps(about, indent=2))
        return
    for entry in touched:
        weights = f"weights {entry['checkpoint'][:16]}..." if entry["checkpoint"] else "no weights"
        console.note(f"{entry['decision']:<10} {entry['round_id']:<20} {weights:<30} {entry['why']}")
    console.note(f"champion: {name or 'the base model'}; the next round starts from it")


def _why(lineage: Lineage, m: Manifest, record: LineageRecord, rounds: tuple[int, ...]) -> str:
    if m.round == record.round:
        return f"record {record.number}: {record.reason}"
    own = withdrawals(lineage.records).get(m.round)
    return f"withdrawn by itself, by record {own.number}: {own.reason}" if own else way(m, rounds)
