"""Every method: planned from its shipped recipe before a token is spent, and named in its own places alone."""

import ast
import json
import re
from collections import Counter

import pytest
import tomli_w

from flows.described import described
from flows.methods import METHODS, recipe_class
from flows.methods.serl import SerlRecipe
from flows.plan import plan_round
from flows.preflight import preflight
from flows.round import Round
from schemas.errors import BadInput
from tasks.build import build
from tasks.store.lineage import open_lineage

from ..conftest import changed
from ..scripts.loading import load
from .faults import ROOT
from .shipped import RECIPES, asked, shipped


def shipped_on_the_tiny_model(method):
    """The first recipe of a method that plays on the model that ships."""
    names = sorted((path.stem for path in RECIPES.glob("*.toml")), key=lambda name: (name != "quickstart", name))
    for name in names:
        recipe = shipped(name)
        if recipe["method"] == method and recipe["model"]["path"].endswith("models/tiny"):
            return name
    raise AssertionError(f"{method}: no recipe in deployments/recipes plays it on the tiny model")


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_planned_to_the_gate_with_all_its_inputs_there(method, tmp_path):
    plan = preflight(RECIPES / f"{shipped_on_the_tiny_model(method)}.toml", tmp_path / "store")
    assert (plan.recipe.method, type(plan.recipe)) == (method, recipe_class(method))
    stages = [planned.stage for planned in plan_round(plan, open_lineage(plan.store, plan.recipe.name))]
    assert stages[0] == "collect" and "gate" in stages
    assert not (tmp_path / "store").exists()


def test_each_method_has_a_row_and_a_section_in_the_docs():
    told = (ROOT / "docs/methods.md").read_text()
    assert re.findall(r"^\| \[(\w+)\]\(#\1\) \|", told, re.MULTILINE) == sorted(METHODS)
    assert re.findall(r"^## (\w+)$", told, re.MULTILINE) == sorted(METHODS)
    readme = (ROOT / "README.md").read_text()
    assert re.findall(r"^\| \[(\w+)\]\(docs/methods.md#\1\) \|", readme, re.MULTILINE) == sorted(METHODS)


def test_the_command_tells_every_method_and_one_in_full_as_its_file_and_the_docs_have_it():
    listed = asked("methods").splitlines()
    assert [line.split()[0] for line in listed[: len(METHODS)]] == list(METHODS)
    (told,) = json.loads(asked("methods", "serl_online", "--json"))
    assert told["stages"] == ["propose", "solve", "vote", "select", "advantage"]
    assert (told["roles"], told["needs"]) == (["proposer", "solver"], ["data.seeds", "data.probe"])
    assert "deployments/recipes/quickstart_online.toml" in told["recipes"]
    assert "### Where this differs from SeRL" in asked("methods", "serl_online")
    assert asked("methods", "spice").count("## ") == 0, "its own section alone"


def code_lines(path):
    """Lines that are no blank, comment or docstring."""
    text = path.read_text()
    told = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = enumerate(text.splitlines(), 1)
    return sum(number not in told and bool(line.strip()) and line.strip()[0] != "#" for number, line in lines)


def test_a_method_has_at_most_60_lines_and_a_stage_of_one_method_alone_150():
    long = {name: code_lines(ROOT / f"flows/methods/{name}.py") for name in METHODS}
    assert {name: lines for name, lines in long.items() if lines > 60} == {}
    users = Counter(stage for name in METHODS for stage in described(name).stages)
    alone = {stage: (ROOT / f"tasks/{stage}.py") for stage, methods in users.items() if methods == 1}
    of_stage = {stage: path.read_text().count("\n") for stage, path in alone.items() if path.exists()}
    assert {stage: lines for stage, lines in of_stage.items() if lines > 150} == {}


def test_a_stage_without_what_it_reads_fails_at_the_plan(tmp_path, monkeypatch):
    def forgetful(r: Round[SerlRecipe]) -> None:
        r.play(build, r.brought)

    monkeypatch.setitem(METHODS, "serl", forgetful)
    plan = preflight(
        RECIPES / "quickstart.toml",
        tmp_path / "store",
    )
    with pytest.raises(BadInput, match="build: needs attempts; it is given benchmark_items, contamination, d"):
        plan_round(plan, open_lineage(plan.store, plan.recipe.name))


def test_no_stage_table_or_method_is_named_in_the_machine_around_them(tmp_path, capsys):
    lint = load("lint_names")
    assert lint.main() == 0, capsys.readouterr().out
    known = lint.names() - lint.OF_LEARN
    assert {"propose", "pose", "play_games", "verdicts", "episodes", "spin"} <= known
    leaky = tmp_path / "leaky.py"
    leaky.write_text(
        'from tasks.solve import solve\nfrom schemas.turns import TURNS\nASKED = "inputs/gold", "vote.x"\n'
    )
    lint.ROOT = tmp_path
    assert [line.rpartition(": ")[2] for line in lint.named_in(leaky, known)] == ["solve", "turns", "gold", "vote"]


@pytest.mark.parametrize(
    ("name", "changes", "line"),
    [
        ("spin", {"gate.min_vote_precision": 0.5}, "gate.min_vote_precision does not go with method = 'spin'"),
        ("spice", {"gate.min_vote_precision": 0.5}, "gate.min_vote_precision does not go with method = 'spice'"),
        ("spin", {"solve.early_stopping": True}, "solve.early_stopping does not go with method = 'spin'"),
        (
            "spiral",
            {"contamination": {"ngram": 13}},
            "contamination: no text of the user's is trained on (method = 'spiral')",
        ),
        ("spiral", {"play_games.moves": {"1": "Pas", "2": "Bet"}}, "moves: '1' stands for 'Pas', which is no action"),
        (
            "self_rewarding",
            {"validation.min_sft_examples": 9},
            "method = 'self_rewarding' does not",
        ),
    ],
)
def test_what_a_method_would_ignore_is_refused_before_anything_is_written(name, changes, line, tmp_path):
    path = tmp_path / f"{name}.toml"
    path.write_text(tomli_w.dumps(changed(shipped(name), changes)))
    with pytest.raises(BadInput, match=re.escape(line)):
        preflight(path, tmp_path / "store")
    assert not (tmp_path / "store").exists()
