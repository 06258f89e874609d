import re
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

import flows
import schemas
import tasks
from flows.cli import app

ROOT = Path(__file__).resolve().parents[1]


def test_the_packages_are_this_checkouts():
    for package in (flows, tasks, schemas):
        assert Path(package.__file__).is_relative_to(ROOT)


def test_every_folder_and_file_of_the_readmes_map_is_there():
    text = (ROOT / "README.md").read_text()
    folder_map = text.split("## Where things are")[1].split("```")[1]
    paths = [line.split()[0] for line in folder_map.splitlines() if line.strip()]
    assert len(paths) > 8
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_readme_lists_every_command():
    listed = (ROOT / "README.md").read_text().split("## Commands")[1].split("```")[1]
    names = {command.callback.__name__.replace("_", "-") for command in app.registered_commands}
    assert {line.split()[1] for line in listed.strip().splitlines()} == names


def test_stages_do_not_import_one_another():
    """Order belongs to flows. A stage is a module of tasks/ with a function that is given a draft."""
    sources = {f"tasks.{path.stem}": path.read_text() for path in (ROOT / "tasks").glob("*.py")}
    stages = {name for name, text in sources.items() if re.search(r"^def \w+\(\s*draft: Draft, ?\*?", text, re.M)}
    assert {"tasks.solve", "tasks.pose", "tasks.play_games", "tasks.train", "tasks.gate"} <= stages
    graph = grimp.build_graph("flows", "tasks", "schemas", cache_dir=None)
    crossing = {stage: graph.find_modules_directly_imported_by(stage) & stages for stage in stages}
    assert {stage: found for stage, found in crossing.items() if found} == {}


def test_no_module_imports_itself_by_way_of_others():
    graph = grimp.build_graph("flows", "tasks", "schemas", cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imported).prepare()  # raises CycleError, with the circle
