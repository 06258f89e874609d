"""compare: two checkpoints on any file, by the gate's test, or runs that another tool evaluated. rank: players by
their games."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.options import JsonOption, StoreOption
from flows.console import Console
from schemas.errors import BadInput

LEVEL = 0.05
"""Of files of results; of checkpoints it is the gate's."""


def compare(
    a: Annotated[
        str,
        typer.Argument(
            help="With --on a round's candidate, such as quickstart/3, or quickstart/base, quickstart/champion. "
            "Without it results: JSONL with id and correct, samples_*.jsonl of lm-evaluation-harness or their "
            "folder, an .eval log of inspect."
        ),
    ],
    b: Annotated[str, typer.Argument(help="What is compared with A, named in the same way.")],
    more: Annotated[
        list[str] | None, typer.Argument(help="More files of results, each compared with A, by Holm's correction.")
    ] = None,
    on: Annotated[
        Path | None, typer.Option(help="Questions with answers: JSONL, CSV, Parquet or a `datasets` folder.")
    ] = None,
    question: Annotated[str, typer.Option(help="Its column with the question.")] = "question",
    answer: Annotated[str, typer.Option(help="Its column with the true answer.")] = "answer",
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Of files of results: the key of the mark, METRIC,FILTER or a scorer; may be repeated."),
    ] = None,
    max_loss: Annotated[
        float | None,
        typer.Option(help="Of files of results: show that B loses less than this share, not that it is better."),
    ] = None,
    store: StoreOption = "store",
    as_json_object: JsonOption = False,
) -> None:
    """Whether B is better than A: checkpoints on a file of your own, or two files of results. Nothing is written."""
    if on is None:
        return _compare_runs([a, b, *(more or [])], metric or [], max_loss, as_json_object)
    for name, given in (("MORE", more), ("--metric", metric), ("--max-loss", max_loss)):
        if given:
            value = given[0] if isinstance(given, list) else given
            raise BadInput(
                f"{name} = {value}: it is for files of results, and --on is for two checkpoints; leave out one"
            )
    from flows.comparing import compare_on
    from flows.lines.compare import comparison_lines
    from tasks.audit.comparison import shown

    found = compare_on(store, a, b, on, (question, answer), Console(to_stderr=as_json_object))
    if as_json_object:
        told = {
            "scores": {n: score.model_dump(mode="json") for n, score in zip((a, b), found.scores, strict=True)},
            "comparison": found.comparison.model_dump(mode="json"),
            "shown": shown(found.comparison, found.gate),
            "level": found.gate.level,
            "min_gain": found.gate.min_gain,
            "unusable": found.unusable,
        }
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo("\n".join(comparison_lines(store, a, b, found)))


def _compare_runs(names: list[str], metrics: list[str], max_loss: float | None, as_json_object: bool) -> None:
    from flows.lines.compare_runs import run_lines
    from tasks.audit.comparison import compared_runs
    from tasks.reading.results import read_results

    if max_loss is not None and not 0 < max_loss < 1:
        raise BadInput(f"--max-loss = {max_loss}: expected a share above 0 and below 1, such as 0.02")
    for name in names:
        if not Path(name).exists():
            raise BadInput(f"{name}: no such file of results; to compare checkpoints of a store, add --on FILE")
    runs = [(name, read_results(Path(name), metrics)) for name in names]
    found = compared_runs(
        [(name, {task: each.marks for task, each in run.items()}) for name, run in runs], LEVEL, max_loss
    )
    notes = [f"{name}: {each.note}" for name, run in runs for each in run.values() if each.note]
    every = [task for _, run in runs for task in run]
    if apart := {task for task in every if every.count(task) < len(runs)}:
        notes.append(f"tasks that are not in all: {', '.join(sorted(apart))}")
    if as_json_object:
        told = {"results": [each.model_dump(mode="json") for each in found], "level": LEVEL, "notes": notes}
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo("\n".join(run_lines(found, LEVEL, notes)))


def rank(
    file: Annotated[Path, typer.Argument(help="JSONL, CSV or Parquet: a and b, two names, and winner: a, b or tie.")],
    as_json_object: JsonOption = False,
) -> None:
    """How strong each model is, by verdicts about pairs: Bradley-Terry with intervals. Nothing is written."""
    from flows.lines.compare_runs import rank_lines
    from tasks.reading.games_won import read_won
    from tasks.statistics.strengths import bradley_terry, unbeaten

    won = read_won(file)
    if (never := unbeaten(won.wins)) is not None:
        names = ", ".join(ascii(won.players[n])[1:-1] for n in never[:5]) + (", ..." if len(never) > 5 else "")
        raise BadInput(
            f"{file}: nobody else ever won or tied against {names}: how strong that is has no bound; "
            "add games, or leave these out"
        )
    found = bradley_terry(won.wins)
    order = sorted(range(len(won.players)), key=lambda n: (-found.log_odds[n], won.players[n]))
    if as_json_object:
        counts = {"games": won.games, "ties": won.ties, "undecided": won.undecided}
        typer.echo(json.dumps(counts | {"players": [_ranked(n, won.players[n], found) for n in order]}, indent=2))
    else:
        typer.echo("\n".join(rank_lines(won, found, order)))


def _ranked(player: int, name: str, found: Any) -> dict[str, Any]:
    low, high = found.interval(player)
    return {"name": name, "log_odds": float(found.log_odds[player]), "low": low, "high": high}
