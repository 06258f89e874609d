"""log, show and diff: the published rounds, what is in them, and what changed between them."""

import json
import math
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from flows.commands.options import JsonOption, RoundArgument, StoreOption, entry, folder_of
from schemas.manifest import Manifest
from tasks.store.lineage import Lineage, open_lineages
from tasks.store.naming import open_round


def log(
    store: StoreOption = "store",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the newest rounds, this many.")] = None,
    as_json_list: JsonOption = False,
) -> None:
    """Every published round: the newest first; with --json the oldest first."""
    rounds = [(lineage, m) for lineage in open_lineages(store) for m in lineage.manifests]
    newest = sorted(rounds, key=lambda found: (found[1].finished, found[1].round), reverse=True)[:limit]
    if as_json_list:
        oldest_first = sorted((m for _, m in newest), key=lambda m: (m.recipe, m.round))
        typer.echo(json.dumps([entry(m, store) for m in oldest_first], indent=2))
    elif newest:
        from flows.lines.log import log_entry

        _say(line for lineage, m in newest for line in log_entry(lineage, m))
    else:
        _say([f"no published round in {store}; begin with: selfplay run deployments/recipes/quickstart.toml"])


def show(
    round: RoundArgument,
    table: Annotated[str, typer.Argument(help="A table of it, such as verdicts; without one, the round.")] = "",
    where: Annotated[
        str, typer.Option(help="An SQL expression over the table's columns, such as 'agreement < 0.5'.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000_000_000, help="Rows to show, the first by id.")] = 20,
    store: StoreOption = "store",
    as_json_object: JsonOption = False,
) -> None:
    """A round: scores, stages, tables, drops, validation, records. Or rows of one of its tables."""
    if where and not table:
        raise typer.BadParameter("it needs a table, such as verdicts", param_hint="--where")
    lineage, m = open_round(store, round)
    if table:
        _show_rows(lineage, m, table, where, limit, as_json_object)
    else:
        _show_round(lineage, m, as_json_object)


def diff(
    a: RoundArgument,
    b: RoundArgument,
    store: StoreOption = "store",
    as_json_object: JsonOption = False,
) -> None:
    """What changed from round A to B: rows, labels, distributions, recipe, prompts, code, validation, scores."""
    from flows.lines.diff import diff_lines
    from tasks.audit.diff import diff_rounds

    found = diff_rounds(open_round(store, a), open_round(store, b))
    if as_json_object:
        typer.echo(json.dumps(found.model_dump(mode="json"), indent=2))
    else:
        _say(diff_lines(found))


def _show_rows(lineage: Lineage, m: Manifest, table: str, where: str, limit: int, as_json: bool) -> None:
    from flows.lines.show import row_lines
    from tasks.audit.query import EVERY, find_rows

    found = find_rows(lineage, m, table, where or EVERY, limit)
    if as_json:
        typer.echo(json.dumps([_finite(row) for row in found.rows], indent=2))
    else:
        _say(row_lines(f"{m.recipe}/{m.round}", found, limit))


def _show_round(lineage: Lineage, m: Manifest, as_json: bool) -> None:
    from flows.lines.show import round_lines
    from tasks.audit.changes import stage_records

    stages = stage_records(lineage, m)
    if not as_json:
        _say(round_lines(lineage, m, stages))
        return
    told = {
        **m.model_dump(mode="json"),
        "round_id": f"{m.recipe}/{m.round}",
        "manifest": str(folder_of(m, str(lineage.store)) / "manifest.json"),
        "stages": {name: record and record.model_dump(mode="json") for name, record in stages.items()},
        "records": [record.model_dump(mode="json") for record in lineage.records if record.round == m.round],
    }
    typer.echo(json.dumps(told, indent=2))


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN."""
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}


def _say(lines: Iterable[str]) -> None:
    typer.echo("\n".join(lines))
