"""Shipped recipes at test sizes, and every command on the store of one."""

import json
import os
import signal
import time
import tomllib

import tomli_w
from typer.testing import CliRunner

from flows.cli import app
from flows.console import Console
from flows.run import run_recipe
from schemas.tables import TABLES
from tasks.store.lineage import open_lineage
from tasks.store.parquet import read_table

from ..conftest import changed
from .faults import ROOT

RECIPES = ROOT / "deployments/recipes"


def shipped(name):
    """A recipe of deployments/recipes, its paths made absolute."""

    def absolute(value):
        if isinstance(value, dict):
            there = {key: absolute(inner) for key, inner in value.items()}
            path = value.get("path")
            return there | ({"path": str((RECIPES / path).resolve())} if isinstance(path, str) else {})
        return [absolute(each) for each in value] if isinstance(value, list) else value

    return absolute(tomllib.loads((RECIPES / f"{name}.toml").read_text()))


def small(name, changes, **of_each_benchmark):
    """A shipped recipe with dotted keys changed, and keys of each of its benchmarks."""
    recipe = changed(shipped(name), changes)
    for benchmark in recipe["benchmarks"]:
        benchmark |= of_each_benchmark
    return recipe


def two_rounds(recipe, folder):
    """The recipe's file, and the lineage that was played from it."""
    path = folder / "recipe.toml"
    path.write_text(tomli_w.dumps(recipe))
    run_recipe(path, folder / "store", 2, Console(to_stderr=True))
    return path, open_lineage(folder / "store", recipe["name"])


def rows_of(lineage, m, table):
    """A table of a round, whatever stages wrote it."""
    return [row for ref in m.tables[table] for row in read_table(lineage.folder, ref, TABLES[table]).to_pylist()]


def asked(*arguments):
    """The command's standard output; it ends well, or with the code that was asked for."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, (arguments, result.output)
    return result.output


def every_command_works(recipe, store, folder, trained, lineage):
    """On a store of two rounds of `recipe`. `trained`: a row that weights were trained on; its story is returned."""
    name, where = lineage.recipe, ("--store", str(store))
    asked("audit", *where)
    asked("log", *where)
    asked("show", f"{name}/1", *where)
    asked("diff", f"{name}/1", f"{name}/2", *where)
    asked("plan", str(recipe), *where)
    asked("plan", str(recipe), "--estimate", *where)
    asked("report", *where, "-o", folder / "pages")
    asked("export", f"{name}/2", folder / "export", *where)
    story = json.loads(asked("why", trained, *where, "--json"))
    asked("where", trained, *where)
    asked("withdraw", f"{name}/2", "--reason", "a test", *where)
    asked("audit", *where)
    return story


def goes_on_to_the_same(started, recipe, store, whole, *signs):
    """A first round that is killed once after each of these files lies in its folder, and played again, has the rows
    and weights of `whole`, a lineage that nobody killed."""
    folder = store / whole.recipe / "round-0001"
    for sign in signs:
        process, until = started(recipe, store, start_new_session=True), time.monotonic() + 300
        while not any(folder.glob(sign)):
            assert process.poll() is None and time.monotonic() < until, sign
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not (folder / "manifest.json").exists(), f"{sign}: too late to be killed"
    run_recipe(recipe, store, 1, Console(to_stderr=True))
    again, once = open_lineage(store, whole.recipe).manifests[0], whole.manifests[0]
    assert (again.candidate, again.scores, again.stages) == (once.candidate, once.scores, once.stages)
    for name, refs in once.tables.items():
        assert [ref.digest for ref in refs] == [ref.digest for ref in again.tables[name]], name
