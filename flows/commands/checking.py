"""check-answers: whether a file's answers can be read and marked, before anything is spent on them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.commands.options import JsonOption
from flows.console import Console
from schemas.errors import BadInput, ValidationFailed


def check_answers(
    file: Annotated[Path, typer.Argument(help="Questions with answers: JSONL, CSV, Parquet or a `datasets` folder.")],
    question: Annotated[str, typer.Option(help="Its column with the question.")] = "question",
    answer: Annotated[str, typer.Option(help="Its column with the true answer.")] = "answer",
    equivalence: Annotated[
        Literal["math", "canonical"], typer.Option(help="As answers.equivalence in the recipe.")
    ] = "math",
    answer_pattern: Annotated[
        str | None, typer.Option(help="As answers.pattern in the recipe; without it, boxes and their kin.")
    ] = None,
    as_json_object: JsonOption = False,
) -> None:
    """How a file's answers are read, which are doubtful, and how right reader and checker are on them. No model."""
    from pydantic import ValidationError

    from flows.checking import check_answers as check
    from flows.checking import command
    from flows.lines.checking import checked_lines
    from schemas.recipe import AnsweredRows
    from schemas.settings import Answers

    try:
        checks = Answers(equivalence=equivalence, pattern=answer_pattern)
    except ValidationError as error:
        said = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise BadInput(f"--answer-pattern {answer_pattern!r}: {said}") from error
    asked, console = AnsweredRows(path=str(file), question=question, answer=answer), Console(to_stderr=True)
    with console.stage("check-answers"):
        found = check(asked, checks, console.progress("check-answers"))
    if as_json_object:
        scores = {
            name: score and score.model_dump() for name, score in (("right", found.right), ("wrong", found.wrong))
        }
        typer.echo(json.dumps(asdict(found) | scores, indent=2))
    else:
        typer.echo("\n".join(checked_lines(found, command(file, asked, checks))))
    if found.fault:
        raise typer.Exit(ValidationFailed.exit_code)
