"""up, down and doctor: this machine."""

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import JsonOption
from flows.console import Console


def up(
    port: Annotated[int | None, typer.Option(min=1024, max=65535, help="Of the server; 4200 at first.")] = None,
    store: Annotated[
        str | None, typer.Option(envvar="SELFPLAY_STORE", help="In place of the one in deployments/prefect.yaml.")
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A file that holds the URL to call on trouble, - for standard input; without it, what "
            "SELFPLAY_WEBHOOK_URL holds. It is kept in a Prefect block only.",
        ),
    ] = None,
) -> None:
    """Start a Prefect server and a worker on this machine, and deploy what deployments/prefect.yaml says."""
    from flows.secret import webhook_url
    from flows.services import up as start_services

    start_services(port, store, webhook_url(webhook), Console().note)


def down() -> None:
    """End what `selfplay up` started."""
    from flows.services import down as end_services

    end_services(Console().note)


def doctor(
    model: Annotated[
        Path | None, typer.Argument(help="A base model's folder: whether its weights and tokenizer are whole.")
    ] = None,
    as_json_object: JsonOption = False,
) -> None:
    """What is installed, which engine and device would be used, what is missing and the command that mends it."""
    from flows.doctor import examine, examine_model

    findings = examine_model(model) if model else examine()
    if as_json_object:
        typer.echo(json.dumps([finding.__dict__ for finding in findings], indent=2))
    else:
        for finding in findings:
            mend = f"  -> {finding.mend}" if finding.mend else ""
            Console().note(f"{'ok     ' if finding.ok else 'missing'}  {finding.what:<22} {finding.found}{mend}")
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(2)
