import re
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

import flows
import schemas
import tasks

ROOT = Path(__file__).resolve().parents[1]


def test_the_packages_are_this_checkouts():
    for package in (flows, tasks, schemas):
        assert Path(package.__file__).is_relative_to(ROOT)


def test_every_folder_and_file_of_the_map_is_there():
    text = (ROOT / "AGENTS.md").read_text()
    folder_map = text.split("## Where things are")[1].split("```")[1]
    paths = [line.split()[0] for line in folder_map.splitlines() if line.strip()]
    assert len(paths) > 8
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_readme_is_short_and_links_every_page():
    text = (ROOT / "README.md").read_text()
    assert text.count("\n") <= 150
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"(docs/{page.name})" not in text] == []


def test_no_link_between_the_documents_is_broken():
    pages = [ROOT / "README.md", ROOT / "AGENTS.md", *(ROOT / "docs").glob("*.md")]
    broken = []
    for page in pages:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\((?!http)([^)]+)\)", text):
            path, _, anchor = target.partition("#")
            found = (page.parent / path).resolve() if path else page
            if not found.exists() or (anchor and found.suffix == ".md" and anchor not in anchors(found)):
                broken.append(f"{page.name}: {target}")
    assert broken == []


def anchors(page):
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


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
