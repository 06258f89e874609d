"""The `selfplay` command. Commands that only read the store import neither Prefect nor torch, but `compare`, which
asks the models."""

from flows import environment

environment.prepare()

from importlib import metadata  # noqa: E402
from typing import Annotated, Any  # noqa: E402

import typer  # noqa: E402
import typer.core  # noqa: E402

from flows.commands.ancestry import where, why  # noqa: E402
from flows.commands.auditing import audit, restore, withdraw  # noqa: E402
from flows.commands.checking import check_answers  # noqa: E402
from flows.commands.compare import compare, rank  # noqa: E402
from flows.commands.export import export  # noqa: E402
from flows.commands.joining import join  # noqa: E402
from flows.commands.keeping import approve, gc  # noqa: E402
from flows.commands.methods import methods  # noqa: E402
from flows.commands.playing import plan, run  # noqa: E402
from flows.commands.rejudging import rejudge  # noqa: E402
from flows.commands.report import report  # noqa: E402
from flows.commands.serve import serve  # noqa: E402
from flows.commands.services import doctor, down, up  # noqa: E402
from flows.commands.versions import diff, log, show  # noqa: E402

GROUPS = {
    "Play rounds": (run, plan, methods, doctor),
    "Look at them": (log, show, diff, compare, rank, report, serve, export),
    "Trace and check": (why, where, audit, check_answers, rejudge),
    "Decide and clean up": (approve, withdraw, restore, gc),
    "Nights and machines": (up, down, join),
}


class Grouped(typer.core.TyperGroup):
    """The help lists commands by what they are for, each with the whole of its first sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for title, functions in GROUPS.items():
            with formatter.section(title):
                names = [function.__name__.replace("_", "-") for function in functions]
                formatter.write_dl([(name, _first_sentence(self.commands[name].help or "")) for name in names])


def _first_sentence(told: str) -> str:
    return " ".join(told.split()).partition(". ")[0].rstrip(".")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"selfplay-factory {metadata.version('selfplay-factory')}")
        raise typer.Exit


app = typer.Typer(cls=Grouped, pretty_exceptions_enable=False, rich_markup_mode=None)
for functions in GROUPS.values():
    for command in functions:
        app.command()(command)


@app.callback(invoke_without_command=True)
def selfplay(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A language model improves on data that it made itself, round after round.

    Begin with: selfplay run deployments/recipes/quickstart.toml
    """
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
