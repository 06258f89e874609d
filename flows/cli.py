"""The `selfplay` command. Commands that only read the store import neither Prefect nor torch, but `compare`, which
asks the models."""

from flows import environment

environment.prepare()

import typer  # noqa: E402

from flows.commands.ancestry import where, why  # noqa: E402
from flows.commands.auditing import audit, restore, withdraw  # noqa: E402
from flows.commands.checking import check_answers  # noqa: E402
from flows.commands.compare import compare  # noqa: E402
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

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
READING = (log, show, diff, compare, why, where, audit, check_answers, rejudge, report, export, serve)
for command in (run, plan, methods, *READING, approve, withdraw, restore, gc, join, up, down, doctor):
    app.command()(command)
