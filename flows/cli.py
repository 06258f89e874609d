"""The `selfplay` command. Commands that only read the store import neither Prefect nor torch."""

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

from flows import environment

environment.prepare()

import typer  # noqa: E402

from flows.console import Console, as_json  # noqa: E402
from schemas.errors import FactoryError, Stopped  # noqa: E402
from schemas.manifest import Manifest  # noqa: E402
from tasks.store.lineage import Lineage, open_lineages  # noqa: E402

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
StoreOption = Annotated[Path, typer.Option("--store", envvar="SELFPLAY_STORE", help="Folder of the store.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, all else on standard error.")
]


@app.command()
def run(
    recipe: Annotated[Path, typer.Argument(help="A recipe, such as deployments/recipes/quickstart.toml.")],
    store: StoreOption = Path("store"),
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds to play, instead of the recipe's number.")] = None,
    as_json_lines: JsonOption = False,
) -> None:
    """Play rounds of a recipe, from where its lineage stands."""
    from flows.run import run_recipe

    console = Console(to_stderr=as_json_lines)
    played = run_recipe(recipe, store, rounds, console)
    if as_json_lines:
        typer.echo(json.dumps([_entry(m, store) for m in played], indent=2))
    elif played:
        console.rounds_table(played)
        last = played[-1]
        console.note(f"\nround {last.recipe}/{last.round} lies in {_folder(last, store)}")
        console.note(f"next: selfplay log --store {store}    or: selfplay run {recipe} --store {store}")
    if played and played[-1].decision == "failed":
        raise typer.Exit(1)


@app.command()
def log(store: StoreOption = Path("store"), as_json_list: JsonOption = False) -> None:
    """Every published round, oldest first."""
    manifests = [m for lineage in open_lineages(store) for m in lineage.manifests]
    if as_json_list:
        typer.echo(json.dumps([_entry(m, store) for m in manifests], indent=2))
    elif manifests:
        Console().rounds_table(manifests)
    else:
        Console().note(f"no published round in {store}; begin with: selfplay run deployments/recipes/quickstart.toml")


@app.command()
def doctor(as_json_object: JsonOption = False) -> None:
    """What is installed, which engine and device would be used, what is missing and the command that mends it."""
    from flows.doctor import examine

    findings = examine()
    if as_json_object:
        typer.echo(json.dumps([finding.__dict__ for finding in findings], indent=2))
    else:
        for finding in findings:
            mend = f"  -> {finding.mend}" if finding.mend else ""
            Console().note(f"{'ok     ' if finding.ok else 'missing'}  {finding.what:<22} {finding.found}{mend}")
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(2)


def _folder(m: Manifest, store: Path) -> Path:
    return Lineage(store, m.recipe, ()).round_folder(m.round)


def _entry(m: Manifest, store: Path) -> dict[str, Any]:
    return as_json(m, str(_folder(m, store) / "manifest.json"))


def main() -> None:
    """Run the command; every end that a user can act on is one line and an exit code."""
    signal.signal(signal.SIGTERM, lambda *_: _terminated())
    try:
        code = app(standalone_mode=False)
    except FactoryError as error:
        _end(str(error), error.exit_code)
    except typer.Exit as ended:
        code = ended.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _end("interrupted; what is whole stays, run again to go on", 130)
    except OSError as error:
        _end(f"{error}; what is whole stays, run again to go on", Stopped.exit_code)
    except Exception as error:
        if hasattr(error, "format_message"):  # click's own: a flag or an argument that cannot be used
            _end(f"{error.format_message()}; see selfplay --help", 2)
        _end(f"unexpected {error.__class__.__name__}; its traceback is in {_kept(traceback.format_exc())}", 4)
    sys.exit(code or 0)


def _kept(text: str) -> Path:
    path = Path(os.environ["PREFECT_HOME"]) / "last-error.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _terminated() -> None:
    _end("ended by SIGTERM; what is whole stays, run again to go on", 143)


def _end(line: str, code: int) -> None:
    print(f"selfplay: {line}", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
