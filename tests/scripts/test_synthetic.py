"""The lineage that benchmarks read is one that the factory itself could have written."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from flows.plan import plan_round
from flows.preflight import preflight
from schemas.tables import TABLES
from tasks.audit.ancestry import explain
from tasks.audit.examine import examine_store
from tasks.audit.rows import Rows
from tasks.store.lineage import open_lineage
from tasks.store.parquet import read_table

from .loading import ROOT, load


@pytest.fixture(scope="module")
def lineage(tmp_path_factory):
    synthetic = load("synthetic")
    folder = tmp_path_factory.mktemp("synthetic")
    synthetic.play_rounds(synthetic.synthetic_recipe(folder, 1600), folder / "store", 2)
    return open_lineage(folder / "store", "synthetic")


def test_its_rounds_are_whole_and_as_large_as_asked_for(lineage):
    examined = examine_store(lineage.store)
    assert (examined.rounds, examined.damage) == (2, ())
    assert [sum(ref.rows for ref in m.tables["attempts"]) for m in lineage.manifests] == [1600, 1600]
    assert {m.decision for m in lineage.manifests} <= {"promoted", "held"}


def test_a_row_of_every_table_has_a_story(lineage):
    rows, told = Rows(lineage), set()
    for m in lineage.manifests:
        for ref in (ref for refs in m.tables.values() for ref in refs if ref.rows):
            row = read_table(lineage.folder, ref, TABLES[ref.table])["id"][0].as_py()
            assert explain(lineage, row, rows).id == row
            told.add(ref.table)
    brought = {"inputs/seeds", "inputs/probe", "inputs/benchmark_items"}
    written = {"proposals", "questions", "attempts", "answers", "verdicts", "probe_verdicts", "rewards", "selections"}
    assert told == brought | written | {"sft_examples", "preference_pairs", "train_steps", "evaluations", "dropped"}


def test_a_control_plays_again_what_its_change_touches_and_no_more_after_a_promotion_too(lineage, tmp_path):
    assert lineage.champion_round, "else no earlier round's rows are in question"
    text = (lineage.store.parent / "synthetic.toml").read_text()
    recipe = tmp_path / "controlled.toml"
    recipe.write_text(text + "\n[controls]\nrandom_label = true\n")
    plan = preflight(recipe, str(lineage.store))
    shown = [planned.stage.split(".") for planned in plan_round(plan, lineage)]
    again = [stage for stage, *label in shown if label == ["control-random"]]
    assert again == ["vote", "select", "build", "validate", "train", "evaluate"]


ADDED = {  # file of the project -> what stands in it -> what stands in its place
    "schemas/tables.py": {
        "TABLES: dict": "from schemas.poems import POEMS\n\nTABLES: dict",
        "        SEEDS, PROBE,": "        POEMS, SEEDS, PROBE,",
    },
    "schemas/alarms.py": {
        "    vote_precision: AlarmRule =": '    rhymes: AlarmRule = AlarmRule(threshold=0.5, level="warning")\n'
        "    vote_precision: AlarmRule =",
    },
    "tasks/audit/alarms.py": {
        "Watch = Callable": 'def rhymes(poems):\n    return Finding("above", "rhymes", 1.0)\n\n\nWatch = Callable',
        "    vote_precision, reward": "    rhymes, vote_precision, reward",
    },
    "schemas/settings.py": {"class Vote(": "class Rhyme(Section):\n    scheme: str\n\n\nclass Vote("},
    "schemas/recipe.py": {
        "    retention: Retention =": "    rhyme: Rhyme | None = None\n    retention: Retention =",
        "import Answers,": "import Rhyme, Answers,",
    },
    "flows/methods/__init__.py": {'    "serl": serl,': '    "poems": poems,\n    "serl": serl,'}
    | {"from flows.methods.serl import": "from flows.methods.poems import poems\nfrom flows.methods.serl import"},
}  # fmt: skip
POEMS = """from schemas.table import parent, table, text

POEMS = table("poems", "a poem", parent("question_id", "questions", meaning="what it is about"), text("text", "it"))
"""
METHOD = """from flows.round import Round
from schemas.recipe import Recipe


class PoemsRecipe(Recipe):
    pass


def poems(r: Round[PoemsRecipe]) -> None:
    pass
"""


def test_a_new_table_method_alarm_and_section_change_no_key_of_serl(lineage, tmp_path):
    recipe, store = lineage.store.parent / "synthetic.toml", tmp_path / "store"
    shutil.copytree(lineage.store, store)
    (store / "synthetic/round-0002/manifest.json").unlink()  # as if killed right before its end
    there = tmp_path / "checkout"
    for folder in ("flows", "tasks", "schemas", "deployments"):
        shutil.copytree(ROOT / folder, there / folder, ignore=shutil.ignore_patterns("__pycache__", ".venv*"))
    for name, changes in ADDED.items():
        text = (there / name).read_text()
        for old, new in changes.items():
            assert old in text, (name, old)
            text = text.replace(old, new, 1)
        (there / name).write_text(text)
    (there / "schemas/poems.py").write_text(POEMS)
    (there / "flows/methods/poems.py").write_text(METHOD)
    assert not_reused(there, recipe, store) == set()
    changed = (there / "tasks/select.py").read_text().replace("hits", "found_there")
    (there / "tasks/select.py").write_text(changed)
    assert {"select", "build", "train"} <= not_reused(there, recipe, store), "it would have been seen"


def not_reused(checkout, recipe, store):
    look = "import sys; from flows.main import main; sys.argv[0] = 'selfplay'; main()"
    command = [sys.executable, "-c", look, "plan", str(recipe), "--store", str(store), "--json"]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    told = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return {stage["stage"] for stage in json.loads(told.stdout) if stage["state"] != "reused"}
