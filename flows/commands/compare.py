"""compare: two checkpoints on any file, by the gate's test."""

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import JsonOption, StoreOption
from flows.console import Console

SideArgument = Annotated[
    str, typer.Argument(help="A round's candidate, such as quickstart/3, or quickstart/base, quickstart/champion.")
]


def compare(
    a: SideArgument,
    b: SideArgument,
    on: Annotated[Path, typer.Option(help="Questions with answers: JSONL, CSV, Parquet or a `datasets` folder.")],
    question: Annotated[str, typer.Option(help="Its column with the question.")] = "question",
    answer: Annotated[str, typer.Option(help="Its column with the true answer.")] = "answer",
    store: StoreOption = "store",
    as_json_object: JsonOption = False,
) -> None:
    """Whether B is better than A on a file of your own. Nothing is written."""
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
