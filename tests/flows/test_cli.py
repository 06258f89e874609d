"""The command as a user types it, in a process of its own."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from flows.cli import app
from tasks.store.lineage import make_store

ROOT = Path(__file__).resolve().parents[2]
SELFPLAY = [sys.executable, "-c", "from flows.main import main; main()"]


TELLING = [
    *SELFPLAY[:-1],
    f"import atexit, sys\natexit.register(lambda: print('prefect' in sys.modules, file=sys.stderr))\n{SELFPLAY[-1]}",
]


def selfplay(*arguments, command=SELFPLAY, **environment):
    return subprocess.run(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_bad_recipe_is_one_line_exit_2_and_nothing_written(tmp_path, write_recipe):
    ended = selfplay("run", write_recipe(solve__num_samples=0), "--store", tmp_path / "store")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert "small.toml: solve.num_samples = 0: Input should be greater than or equal to 2" in ended.stderr
    assert not (tmp_path / "store").exists()


def test_the_command_alone_lists_every_command_by_what_it_is_for_with_nothing_cut(tmp_path):
    alone = selfplay(COLUMNS="80")
    asked = selfplay("--help", COLUMNS="80")
    assert (alone.returncode, alone.stdout, alone.stderr) == (0, asked.stdout, "")
    assert "..." not in alone.stdout.replace("[ARGS]...", "") and max(map(len, alone.stdout.splitlines())) <= 80
    listed = {line.split()[0] for line in alone.stdout.splitlines() if line.startswith("  ") and line[2:3].isalpha()}
    assert {command.callback.__name__.replace("_", "-") for command in app.registered_commands} <= listed


def test_the_version_is_that_of_the_installed_package():
    told = selfplay("--version")
    assert (told.returncode, told.stdout) == (0, f"selfplay-factory {metadata.version('selfplay-factory')}\n")


def test_log_imports_neither_prefect_nor_torch(tmp_path):
    make_store(tmp_path)
    code = (
        "import sys\nfrom flows.cli import app\n"
        f"app(['log', '--json', '--store', {str(tmp_path)!r}], standalone_mode=False)\n"
        "assert not {'prefect', 'torch', 'transformers', 'trl', 'great_expectations'} & set(sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, json.loads(ended.stdout), ended.stderr) == (0, [], "")


def test_doctor_names_what_would_be_used_and_mends_what_is_missing():
    ended = selfplay("doctor", "--json")
    findings = {finding["what"]: finding for finding in json.loads(ended.stdout)}
    assert ended.returncode == 0, ended.stdout
    assert findings["engine"]["found"].startswith("transformers on ")
    assert all(finding["mend"] for finding in findings.values() if not finding["ok"])


def test_a_run_speaks_json_shows_no_librarys_chatter_needs_no_network_and_no_prefect(tmp_path, write_recipe):
    """A home of its own, and an address for every proxy at which nobody listens."""
    nobody = "http://127.0.0.1:9"
    closed = {
        "http_proxy": nobody,
        "https_proxy": nobody,
        "no_proxy": "127.0.0.1",
        "PREFECT_HOME": str(tmp_path / "home"),
    }
    store = tmp_path / "store"
    ended = selfplay("run", write_recipe(), "--store", store, "--json", command=TELLING, **closed)
    assert ended.returncode == 0, ended.stderr
    *lines, has_prefect = ended.stderr.splitlines()
    assert has_prefect == "False"
    (entry,) = json.loads(ended.stdout)
    assert entry["round_id"] == "small/1"
    assert entry["decision"] in ("promoted", "held")
    assert entry["rows"]["questions"] == 40
    assert set(entry["scores"]["sums"]["candidate"]) >= {"accuracy", "low", "high", "n"}
    assert Path(entry["manifest"]).is_file()
    for line in lines:
        assert not line or line.startswith(("small", "  ")), line
    listed = json.loads(selfplay("log", "--store", store, "--json").stdout)
    assert listed == [entry]
    table = selfplay("log", "--store", store).stdout
    assert "small/1" in table
    assert entry["reason"] in table


def test_a_failed_round_exits_1_with_the_reason(tmp_path, write_recipe, typed):
    path = write_recipe(validation__min_sft_examples=100_000)
    code, said, _ = typed("run", path, "--store", tmp_path / "store")
    assert code == 1
    assert "failed: sft_examples: expect_table_row_count_to_be_between()" in said
