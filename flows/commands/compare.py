"""compare: two checkpoints on any file, by the gate's test."""

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import JsonOption, StoreOption
from flows.console import Console

SideArgument = Annotated[str, typer.Argument(help="A round's candidate, such as quickstart/3, or quickstart/base.")]


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
    from flows.lines.plain import counted, sampled, worded
    from tasks.audit.comparison import could_show

    console = Console(to_stderr=as_json_object)
    found, scores, unusable = compare_on(store, a, b, on, (question, answer), console)
    if as_json_object:
        sides = {name: score.model_dump(mode="json") for name, score in zip((a, b), scores, strict=True)}
        told = {"scores": sides, "comparison": found.model_dump(mode="json"), "unusable": unusable}
        typer.echo(json.dumps(told, indent=2))
        return
    if unusable:
        console.note(f"rows that could not be used: {counted(unusable)}")
    for name, score in zip((a, b), scores, strict=True):
        undecided = f", {score.undecided:,} undecided" if score.undecided else ""
        console.note(f"{name:<24} {worded(score)} of {score.n:,}{undecided}")
        if several := sampled(score):
            console.note(f"{'':<24} {several}")
    interval = f"[{found.low:+.1%}, {found.high:+.1%}]"
    console.note(f"{b} against {a}: {found.difference:+.1%} {interval}, {found.gained} gained, {found.lost} lost")
    console.note(f"p = {found.p_value:.2g} ({found.test}); {could_show(found)}")
