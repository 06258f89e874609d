"""Whatever a user points a command at by mistake: one clear line, exit 2, and nothing changed."""

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import pytest

from flows import main, nightly
from flows.console import Console
from flows.run import run_recipe
from schemas.errors import Stopped

ROOT = Path(__file__).resolve().parents[2]
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2
ROW = "questions-0001-" + "0" * 20
READERS = {
    "log": ["log"],
    "log --json": ["log", "--json"],
    "show": ["show", "small/1"],
    "show TABLE": ["show", "small/1", "verdicts"],
    "diff": ["diff", "small/1", "small/2"],
    "why": ["why", ROW],
    "where": ["where", ROW],
    "audit": ["audit"],
    "rejudge": ["rejudge", "small/1"],
    "report": ["report", "-o", "OUT"],
    "withdraw": ["withdraw", "small/1", "--reason", "bad"],
    "restore": ["restore", "small/1", "--reason", "good"],
    "approve": ["approve", "small/1"],
    "gc": ["gc"],
    "gc --remove": ["gc", "--remove", "--grace-days", "0"],
    "export": ["export", "small/1", "OUT"],
    "serve": ["serve", "small/1"],
}
LOOKING = ("log", "log --json", "show", "show TABLE", "diff")
REASON = ["--reason", "bad"]
COMMANDS = READERS | {"plan": ["plan", "RECIPE"], "run": ["run", "RECIPE"]}


@pytest.fixture
def store(rounds):
    """A round that could be approved, and one that could be exported."""
    rounds.publish("held", awaiting=True)
    (rounds.lineage.round_folder(1) / "recipe.toml").write_text('[train]\nmethods = ["sft"]\n')
    return rounds.store


@pytest.fixture
def arguments(tmp_path, write_recipe):
    recipe = write_recipe()
    named = {"OUT": str(tmp_path / "out"), "RECIPE": str(recipe)}
    return lambda command, store: [*(named.get(part, part) for part in COMMANDS[command]), "--store", str(store)]


def snapshot(folder):
    """Everything below a folder: kind, mode, time and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[path] = (about.st_mode, about.st_mtime_ns, content)
    return found


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """The line that a command ends with, in this process; it must exit 2, print nothing and change nothing."""

    def end(*typed):
        before = snapshot(tmp_path)
        monkeypatch.setattr(sys, "argv", ["selfplay", *typed])
        line, code = main._ended()
        assert code == 2, (line, code)
        assert "unexpected" not in line
        assert line == " ".join(line.split())
        assert capsys.readouterr().out == ""
        assert snapshot(tmp_path) == before
        return line

    return end


def torn(path):
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def a_folder(path):
    path.unlink()
    path.mkdir()


FAULTS = {
    "store.json is torn": ("store.json", torn, "store.json: cannot be read"),
    "store.json is no object": ("store.json", lambda path: path.write_bytes(b"[]"), "store.json: cannot be read"),
    "store.json is no text": ("store.json", lambda path: path.write_bytes(b"\xff\xfe"), "store.json: cannot be read"),
    "store.json is a folder": ("store.json", a_folder, "store.json: Is a directory"),
    "a newer store": (
        "store.json",
        lambda path: path.write_bytes(b'{"format": 6}'),
        "format = 6: this version reads format 5; update the checkout",
    ),
    "an older store": (
        "store.json",
        lambda path: path.write_bytes(b'{"format": 3}'),
        "format = 3: this version reads format 5; begin a new store",
    ),
    "a torn manifest": (
        "small/round-0001/manifest.json",
        torn,
        "manifest.json: not readable as JSON",
    ),
    "an empty manifest": (
        "small/round-0001/manifest.json",
        lambda path: path.write_bytes(b"{}"),
        "manifest.json: not readable as JSON",
    ),
    "a manifest that is a folder": (
        "small/round-0001/manifest.json",
        a_folder,
        "manifest.json: not readable as JSON",
    ),
    "a torn record": ("small/records/0001.json", torn, "records/0001.json: not readable as JSON"),
}


@pytest.mark.parametrize(
    ("fault", "command"),  # of what is in a round, `audit` makes a list, and exit 1
    [(f, c) for f in FAULTS for c in COMMANDS if c != "audit" or "store" in f],
)
def test_a_half_written_store(store, arguments, refused, command, fault):
    from tasks.store.records import add_record

    add_record(store / "small", "drop-weights", 1, "to make room")
    place, break_it, line = FAULTS[fault]
    break_it(store / place)
    assert line in refused(*arguments(command, store))


@pytest.mark.parametrize("command", READERS)
def test_a_path_that_is_no_store(store, tmp_path, arguments, refused, command):
    (tmp_path / "git/objects/ab").mkdir(parents=True)
    (tmp_path / "git/objects/ab/c").write_text("not ours")
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "nowhere", tmp_path / "empty", tmp_path / "git", store / "small"):
        assert refused(*arguments(command, place)).startswith(f"{place}: no store is there")
    (store / "store.json").unlink()
    assert "no store is there" in refused(*arguments(command, store))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_path_where_no_store_can_be(tmp_path, arguments, refused, command):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for place, line in (
        (tmp_path / "file", "not a folder"),
        (tmp_path / "file/below", "Not a directory"),
        (tmp_path / "loop", "Too many levels of symbolic links"),
        (tmp_path / ("x" * 300), "File name too long"),
        ("", "expected a folder, or s3://bucket/path"),
        ("ftp://host/store", "expected a folder, or s3://bucket/path"),
        ("s3://", "expected a folder, or s3://bucket/path"),
        ("s3://key:secret@bucket/store", "no secrets in the URL"),
    ):
        assert line in refused(*arguments(command, place))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"model__path": "nowhere"}, "model.path = 'nowhere': no config.json in"),
        ({"propose__prompt": "nothing"}, "propose.prompt = 'nothing': no such template; there are"),
        (
            {"propose__prompt": "solve_math"},
            "propose.prompt = 'solve_math': 'question' is undefined; it is given fewshots",
        ),
        ({"solve__prompt": "solve_math"}, "solve.prompt is a chat, and"),
        ({"data__probe__path": "gone.csv"}, "data.probe.path = 'gone.csv': no such file"),
        ({"method": "unheard-of"}, "method = 'unheard-of': expected one of"),
    ],
)
def test_what_the_recipe_names_is_checked_before_anything_is_written(tmp_path, refused, write_recipe, changes, line):
    assert line in refused("run", str(write_recipe(**changes)), "--store", str(tmp_path / "store"))


def test_a_flag_that_cannot_be_used(refused):
    for arguments in (["run", "x.toml", "--rounds", "none"], ["run"], ["unknown"], ["log", "--since", "1"]):
        refused(*arguments)


def test_joining_where_nothing_can_be_joined(tmp_path, refused):
    assert refused("join", "1", "--store", str(tmp_path / "nowhere")).startswith(
        f"{tmp_path}/nowhere: no folder is there"
    )
    assert "equal to 1" in refused("join", "0", "--store", str(tmp_path))
    assert "MACHINE" in refused("join").upper()


@pytest.mark.parametrize(
    "command", ["approve", "export", "show", "diff", "audit", "rejudge", "withdraw", "restore", "serve"]
)
def test_an_unknown_round(store, tmp_path, refused, command):
    rest = {"export": [str(tmp_path / "out")], "diff": ["small/1"], "withdraw": REASON, "restore": REASON}
    for name, line in (
        ("small/7", "small/7: no published round of this name"),
        ("7", "7: no published round of this name"),
        ("other/1", "other/1: no published round of this name"),
        ("objects/1", "objects/1: no published round of this name"),
        ("small", "expected a round such as quickstart/3"),
        ("../store/small/1", "expected a round such as quickstart/3"),
        ("small/" + "9" * 5000, "expected a round such as quickstart/3"),
        ("x" * 300 + "/1", "expected a round such as quickstart/3"),
        ("small/\x1b[31m1", "expected a round such as quickstart/3"),
    ):
        line_told = refused(command, name, *rest.get(command, []), "--store", str(store))
        assert line in line_told
        assert len(line_told) < 300


def test_a_round_that_cannot_be_judged_again(store, refused):
    assert "small/1: nobody voted in it" in refused("rejudge", "small/1", "--store", str(store))


def test_answers_that_cannot_be_checked(tmp_path, refused):
    (tmp_path / "mine.jsonl").write_text('{"question": "1+1", "answer": "2", "other": null}\n')
    (tmp_path / "text.jsonl").write_text("not\nJSON")
    mine = str(tmp_path / "mine.jsonl")
    for typed, line in (
        ([str(tmp_path / "gone.jsonl")], "no such file"),
        ([str(tmp_path)], "cannot be read"),
        ([str(tmp_path / "text.jsonl")], "has no usable row (2 not a JSON object)"),
        ([mine, "--answer", "solution"], "has no column 'solution'; it has answer, other, question"),
        ([mine, "--question", "problem"], "has no column 'problem'; it has answer, other, question"),
        ([mine, "--answer", "other"], "has no usable row (1 no answer)"),
        ([mine, "--answer-pattern", "("], "--answer-pattern '(': not a regular expression: missing )"),
        ([mine, "--equivalence", "maths"], "'maths' is not one of 'math', 'canonical'"),
        ([], "Missing argument"),
    ):
        assert line in refused("check-answers", *typed)


def test_a_round_that_cannot_be_approved(store, rounds, refused):
    rounds.publish("held")
    rounds.publish("failed")
    for name in ("small/2", "small/3"):
        assert "nothing to approve" in refused("approve", name, "--store", str(store))


TYPED = """
import io, json, sys
from contextlib import redirect_stdout
from flows import main

for typed in sys.stdin:
    sys.argv = ["selfplay", *json.loads(typed)]
    with redirect_stdout(io.StringIO()) as out:
        line, code = main._ended()
    print(json.dumps([code, out.getvalue(), line]), flush=True)
"""


def without_privileges():
    """In the child: root reads and writes what its files' modes forbid; not without these capabilities."""
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.fixture(scope="module")
def ended():
    """A command's exit code, output and line without the privileges of root; one process for all."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    child = subprocess.Popen([sys.executable, "-c", TYPED], cwd=ROOT, preexec_fn=without_privileges, **pipes)

    def end(*typed):
        child.stdin.write(json.dumps(typed) + "\n")
        child.stdin.flush()
        return json.loads(child.stdout.readline())

    yield end
    child.kill()
    child.wait()


@pytest.fixture
def forbid():
    """Take permissions from a path, until the test ends."""
    taken = []

    def forbid(path, mode):
        taken.append((path, path.stat().st_mode))
        path.chmod(mode)

    yield forbid
    for path, mode in reversed(taken):
        path.chmod(mode)


@pytest.mark.parametrize(
    ("command", "place", "mode"),
    [
        *((command, "store", 0o000) for command in COMMANDS),
        ("log", "store/store.json", 0o000),
        *((c, f"store/{part}", 0o000) for c in LOOKING for part in ("small", "small/round-0001")),
        ("log", "store/small/round-0001/manifest.json", 0o000),
        ("approve", "store/small", 0o555),
        ("gc --remove", "store/small", 0o555),
        ("run", "store", 0o555),
        ("run", "store/small", 0o555),
        ("run", "store/objects", 0o555),
        ("export", "store/small/round-0001/recipe.toml", 0o000),
        ("export", ".", 0o555),
        ("export", "out", 0o000),
        ("plan", "small.toml", 0o000),
        ("run", "small.toml", 0o000),
    ],
)
def test_no_permission(store, tmp_path, arguments, forbid, ended, command, place, mode):
    if place == "out":
        (tmp_path / "out").mkdir()
    typed = arguments(command, store)
    before = snapshot(tmp_path)
    forbid(tmp_path / place, mode)
    code, out, line = ended(*typed)
    (tmp_path / place).chmod(before[tmp_path / place][0] if place != "." else 0o700)
    assert (code, out) == (2, ""), line
    assert line == " ".join(line.split())
    assert "permission" in line.lower() or "cannot be read (PermissionError)" in line
    assert str(tmp_path / place) in line
    assert snapshot(tmp_path) == before


def test_a_permission_that_is_lost_under_way_is_no_bad_input_but_a_stop(tmp_path, write_recipe, monkeypatch):
    def play(*_):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(nightly, "nightly", play)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(Stopped, match=r"Permission denied.*run again to go on"):
        run_recipe(write_recipe(), tmp_path / "store", 1, Console())


def test_a_store_that_may_only_be_read_is_read(store, arguments, forbid, ended):
    for folder in (store, store / "small", store / "small/round-0001", store / "objects"):
        forbid(folder, 0o555)
    for command in ("log", "gc", "plan", "export"):
        code, _, line = ended(*arguments(command, store))
        assert (code, line) == (0, "")
