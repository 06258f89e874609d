"""why and where, on rounds that were really played, against what another reading of the same files gives."""

import ast
import copy
import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from flows.console import Console
from flows.run import run_recipe
from schemas.errors import BadInput, Damaged
from tasks.audit.examine import examine_store
from tasks.store.chain import sealed
from tasks.store.records import add_record

from . import recomputed, refiltered, reread
from .conftest import FEWER
from .recomputed import Recomputed
from .reread import Lineage

ROOT = Path(__file__).resolve().parents[2]
NUM_ROWS = 200
BOTH = {
    "gate__level": 0.999,
    "gate__approval": True,
    "evaluate__sampled_items": 0,
    "train__methods": ["sft", "dpo"],
    "train__dpo": {
        "steps": 2, "batch_size": 8, "rows_at_once": 8, "learning_rate": 1e-7, "schedule": "constant",
        "max_length": 96, "beta": 0.1, "loss_type": ["sigmoid"], "loss_weights": [1.0],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory, quickstart, written_recipe):
    """Round 1, approved; round 2 from its champion and few-shots, held; round 3, on the rows of both."""
    folder = tmp_path_factory.mktemp("ancestry")
    store = folder / "store"
    same = BOTH | {"benchmarks": [benchmark | {"sample": 1000} for benchmark in quickstart["benchmarks"]]}
    (first,) = run_recipe(
        written_recipe(folder, quickstart, "small", **same, **FEWER), store, 1, Console(to_stderr=True)
    )
    assert first.gate.awaiting_approval
    add_record(store / "small", "approve", 1, "as good as any")
    run_recipe(written_recipe(folder, quickstart, "small", **same), store, 2, Console(to_stderr=True))
    return store


@pytest.fixture(scope="module")
def lineage(store):
    return Lineage(store / "small")


@pytest.fixture
def ask(store, capsys):
    """What a command prints with --json."""
    from flows.cli import app

    def asked(command, name, at=store):
        app([command, name, "--json", "--store", str(at)], standalone_mode=False)
        return json.loads(capsys.readouterr().out)

    return asked


def chosen_rows(lineage, number):
    """Random rows, as many of each table as there are."""
    choice = random.Random(5)
    by_table = defaultdict(list)
    for table, row_id in lineage.rows():
        by_table[table].append(row_id)
    assert {"dropped", "inputs/seeds", "inputs/probe", "inputs/benchmark_items", "preference_pairs"} < set(by_table)
    pools = [choice.sample(ids, len(ids)) for _, ids in sorted(by_table.items())]
    found = [pool[n] for n in range(number) for pool in pools if n < len(pool)]
    return list(dict.fromkeys(found))[:number]


def test_the_recomputation_imports_nothing_of_the_project():
    others = {"collections", "hashlib", "json", "pyarrow.parquet", "re", "tomllib"}
    for module, own in ((reread, set()), (refiltered, {".reread"}), (recomputed, {".reread", ".refiltered"})):
        tree = ast.parse(Path(module.__file__).read_text())
        plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        named = {"." * n.level + (n.module or "") for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert plain | named <= others | own


def test_why_agrees_with_a_recomputation_for_200_random_rows_over_all_tables(lineage, ask):
    agree_on_rows(lineage, lambda row_id: ask("why", row_id))


@pytest.mark.slow
def test_so_it_does_on_the_quickstarts_own_rounds_and_an_audit_finds_them_whole(tmp_path, ask):
    store = tmp_path / "store"
    shipped, recipe = ROOT / "deployments/recipes/quickstart.toml", tmp_path / "quickstart.toml"
    recipe.write_text(shipped.read_text().replace('"../', f'"{shipped.parents[1]}/'))  # as it is, from elsewhere
    run_recipe(recipe, store, None, Console(to_stderr=True))
    assert examine_store(store).damage == ()
    agree_on_rows(Lineage(store / "quickstart"), lambda row_id: ask("why", row_id, store))


def agree_on_rows(lineage, why):
    rows = chosen_rows(lineage, NUM_ROWS)
    assert len(rows) == NUM_ROWS
    for row_id in rows:
        try:
            Recomputed(lineage).agree(why(row_id))
        except AssertionError as error:
            raise AssertionError(f"{row_id}: {error}") from error


def leaves(value, path=()):
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in inner:
        yield from leaves(entry, (*path, key))
    if not isinstance(value, dict | list):
        yield path


def test_no_value_of_a_story_can_change_unnoticed_by_the_recomputation(lineage, ask):
    story = ask("why", lineage.rounds[2].tables["preference_pairs"][0]["id"])
    assert story["checkpoints"] and story["filters"]
    assert {"inputs/seeds", "proposals", "attempts", "answers", "verdicts", "selections"} < {*story["tables"]}
    for path in leaves(story):
        wrong = copy.deepcopy(story)
        place = wrong
        for key in path[:-1]:
            place = place[key]
        value = place[path[-1]]
        place[path[-1]] = (
            not value if isinstance(value, bool) else value + 1 if isinstance(value, int | float) else f"{value}x"
        )
        with pytest.raises((AssertionError, LookupError, AttributeError, ValueError)):
            Recomputed(lineage).agree(wrong)
            raise RuntimeError(f"{path}: {value!r} was changed, and nothing said so")


def test_rows_of_a_held_round_name_the_later_training_that_took_them_again(lineage, ask):
    for table, method in (("sft_examples", "sft"), ("preference_pairs", "dpo")):
        first, second = (lineage.rounds[number].tables[table][0]["id"] for number in (1, 2))
        for row_id, rounds in ((first, ["small/1"]), (second, ["small/2", "small/3"])):
            (told,) = (e for e in ask("why", row_id)["tables"][table] if e["row"]["id"] == row_id)
            assert [(t["round"], t["method"]) for t in told["trained"]] == [(round, method) for round in rounds]


def test_where_agrees_with_a_walk_over_all_rows(lineage, ask):
    for row_id in filter(lineage.row, chosen_rows(lineage, 60)):
        told = {played["round"]: played["made"] for played in ask("where", row_id)["rounds"]}
        made = {round: {t: set(ids) for t, ids in tables.items()} for round, tables in told.items() if tables}
        assert made == lineage.made_of(row_id), row_id


def test_where_follows_a_selection_into_the_few_shots_of_later_rounds(lineage, ask):
    fruitful = {row["proposal_id"] for row in lineage.rounds[2].tables["questions"]}
    proposals = [row for row in lineage.rounds[2].tables["proposals"] if row["id"] in fruitful]
    shown = {shot for row in proposals for shot in row["shown_ids"] if shot.startswith("selections-0001")}
    found = ask("where", min(shown))
    later = {played["round"]: played["made"] for played in found["rounds"]}
    assert later["small/2"]["proposals"] and later["small/2"]["attempts"]
    assert {c["made_by"] for c in found["checkpoints"]} >= {"small/1", "small/2"}


def test_an_id_that_two_recipes_have_wants_the_recipes_name(store, lineage, ask, tmp_path):
    """The same recipe under another name: so far the same rows under the same ids."""
    shutil.copytree(store, tmp_path / "store")
    shutil.copytree(store / "small", tmp_path / "store/twin", ignore=shutil.ignore_patterns("round-0003"))
    previous = ""
    for path in sorted((tmp_path / "store/twin").glob("round-*/manifest.json")):
        path.write_bytes(sealed(json.loads(path.read_text()) | {"recipe": "twin", "previous": previous}))
        previous = hashlib.sha256(path.read_bytes()).hexdigest()
    both, own = (lineage.rounds[number].tables["questions"][0]["id"] for number in (1, 3))
    with pytest.raises(BadInput, match=rf"{both}: of which recipe\? one of small/{both}, twin/{both}"):
        ask("why", both, tmp_path / "store")
    assert ask("why", f"twin/{both}", tmp_path / "store")["recipe"] == "twin"
    assert ask("why", own, tmp_path / "store")["recipe"] == "small", "only one recipe has it"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("questions-0001-0123456789abcdef0123", "no such row in small/1, neither kept nor dropped"),
        ("small/questions-0001-0123456789abcdef0123", "no such row in small/1, neither kept nor dropped"),
        ("questions-0009-0123456789abcdef0123", "no published round 9 in"),
        ("other/questions-0001-0123456789abcdef0123", "no published round 1 of other in"),
        ("../questions-0001-0123456789abcdef0123", "no published round 1 of .. in"),
        ("rows-0001-0123456789abcdef0123", "expected a row's id, such as questions-0001-0123456789abcdef0123"),
        ("questions-0001", "expected a row's id"),
        ("", "expected a row's id"),
    ],
)
@pytest.mark.parametrize("command", ["why", "where"])
def test_a_name_that_no_row_has_is_one_line(ask, command, name, line):
    with pytest.raises(BadInput) as raised:
        ask(command, name)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_hostile_name_reaches_the_terminal_as_printable_text_and_exit_2(tmp_path):
    ended = selfplay("why", "\x1b[2J\u202e" + "x" * 100_000, "--store", tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr) < 600
    assert ended.stderr.endswith("\n") and ended.stderr[:-1].isprintable()


def test_a_file_that_is_not_what_was_written_is_never_explained(store, lineage, ask, tmp_path):
    shutil.copytree(store, tmp_path / "store")
    for path in (tmp_path / "store/small/round-0001/attempts").rglob("*.parquet"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    tables = lineage.rounds[1].tables
    with pytest.raises(Damaged, match=r"attempts/[0-9a-f]+/part-\d+\.parquet: not the file that was written"):
        ask("why", tables["sft_examples"][0]["id"], tmp_path / "store")
    item = tables["inputs/benchmark_items"][0]["id"]
    assert ask("why", item, tmp_path / "store")["id"] == item, "it needs none of them"


def test_why_starts_without_what_takes_long_to_import(store, lineage):
    row = lineage.rounds[1].tables["sft_examples"][0]["id"]
    code = (
        "import sys\nfrom flows.cli import app\n"
        f"app(['why', '{row}', '--store', {str(store)!r}], standalone_mode=False)\n"
        "late = {'pandas', 'prefect', 'torch', 'transformers', 'great_expectations', 'scipy', 'duckdb'}\n"
        "assert not late & set(sys.modules), late & set(sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"{row}  in small/1")


def selfplay(*arguments):
    command = [sys.executable, "-c", "from flows.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
