import json
import os
import subprocess
import sys

import pytest

from schemas.errors import BadInput, Damaged
from schemas.questions import QUESTIONS
from schemas.train_steps import TRAIN_STEPS
from schemas.verdicts import VERDICTS
from tasks.audit import query
from tasks.audit.query import find_rows
from tasks.store.naming import open_round


def question(number, text):
    return {
        "id": f"questions-{number}", "proposal_id": "p", "item": 0, "position": number, "question": text,
        "nearest_score": 0.0, "nearest_id": None,
    }  # fmt: skip


def verdict(number, votes):
    return {
        "id": f"verdicts-{number}", "question_id": f"questions-{number}", "answer": "3", "votes": votes,
        "num_attempts": 4, "num_planned": 4, "num_valid": 4, "agreement": votes / 4, "agreement_valid": votes / 4,
        "classes": [{"answer": "3", "count": votes}], "tied": False, "undecided": 0,
    }  # fmt: skip


def published(rounds):
    refs = {
        "questions": [
            rounds.table(QUESTIONS, [question(n, text) for n, text in enumerate(("a", "bb", "ccc"))]),
            rounds.table(QUESTIONS, [question(9, "dddd")], stage="2" * 32),
        ],
        "verdicts": [rounds.table(VERDICTS, [verdict(n, n + 1) for n in range(3)])],
    }
    rounds.publish("promoted", tables=refs)
    return open_round(rounds.store, "1")


@pytest.fixture
def round(rounds):
    return published(rounds)


def ids(found):
    return [row["id"] for row in found.rows]


def test_rows_of_all_stages_come_by_id_as_far_as_the_limit_goes(round):
    found = find_rows(*round, "questions", limit=2)
    assert (ids(found), found.matched, found.table) == (["questions-0", "questions-1"], 4, "questions")
    assert ids(find_rows(*round, "questions", limit=99))[-1] == "questions-9"
    assert found.rows[0] == question(0, "a")


def test_a_condition_may_look_at_columns_at_nested_values_and_at_the_rounds_other_tables(round):
    assert ids(find_rows(*round, "verdicts", "agreement > 0.5")) == ["verdicts-2"]
    assert ids(find_rows(*round, "verdicts", "classes[1].count = 1 -- the first")) == ["verdicts-0"]
    assert ids(find_rows(*round, "verdicts", "agreement = (select max(agreement) from verdicts)")) == ["verdicts-2"]
    by_text = "question_id in (select id from questions where length(question) = 2)"
    assert ids(find_rows(*round, "verdicts", by_text)) == ["verdicts-1"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("answr = '3'", 'Referenced column "answr" not found'),
        ("agreement <", "syntax error"),
        ("'open", "unterminated string"),
        ("/* open", "unterminated /* comment"),
        (" ", "expected one expression"),
        ("agreement = ?", "expected one expression"),
        ("1=1; drop table verdicts", 'syntax error at or near ";"'),
        ("1=1); drop view verdicts; select (1", "expected one expression"),
        ("1=1); select (1", "expected one expression"),
        ("1=1) union all select * from verdicts where (1=1", "expected one expression"),
        ("1=1) order by (agreement", "expected one expression"),
        ("1=1) limit (1", "expected one expression"),
        ("1=1) group by (id", "expected one expression"),
        ("1=1); attach 'HERE/stolen.db' as s; select (1", "expected one expression"),
        ("1=1); copy verdicts to 'HERE/stolen.csv'; select (1", "expected one expression"),
        ("1=1); set lock_configuration = false; select (1", "expected one expression"),
        ("attach 'HERE/stolen.db'", "DuckDB says: "),
        ("copy verdicts to 'HERE/stolen.csv'", "syntax error"),
        ("id in (copy verdicts to 'HERE/stolen.csv')", "syntax error"),
        ("id in (select * from read_csv('/etc/passwd'))", "file system operations are disabled"),
        ("id in (select content from read_text('/etc/passwd'))", "file system operations are disabled"),
        ("id in (select file from glob('/etc/*'))", "file system operations are disabled"),
        ("id in (select * from '/etc/passwd')", "does not exist"),
        ("id in (select id from read_parquet('https://example.com/x.parquet'))", "file system operations are"),
        ("id in (select name from database)", "does not exist"),  # the worker's own variable
        ("getenv('HOME') <> ''", "does not exist"),
        ("id in (select id from query('attach ''HERE/stolen.db'''))", "DuckDB says: "),
        ("error('no' || chr(10) || chr(27))", "Invalid Input"),
        ("list_sum(range(1000000000)) > 0", "it takes too much memory"),
        ("len(repeat('x', 3000000000)) > 0", "it takes too much memory"),
    ],
)
def test_what_is_no_harmless_expression_is_refused_in_words(round, tmp_path, where, said):
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(BadInput) as refused:
        find_rows(*round, "verdicts", where.replace("HERE", str(tmp_path)))
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"--where {where[:5]}")
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


@pytest.mark.parametrize(
    "where",
    ["levenshtein(repeat('a', 1000000), repeat('b', 1000000)) > 3", "(select count(*) from range(10**11)) > 0"],
)
def test_what_takes_too_long_is_ended_even_inside_one_call(round, monkeypatch, where):
    monkeypatch.setattr(query, "SECONDS", 2.0)
    with pytest.raises(BadInput, match="it takes more than 2 s"):
        find_rows(*round, "verdicts", where.replace("10**11", str(10**11)))


def test_the_worker_reads_the_rounds_files_and_no_other(round, tmp_path):
    """Its lock by itself, without the check that the condition is one expression."""
    lineage, m = round
    (ref,) = m.tables["verdicts"]
    part = lineage.folder / ref.path / "part-0000.parquet"
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nxyzzy\n")
    code = (
        "import sys; from tasks.audit.query_worker import _opened; database = _opened({'verdicts': [sys.argv[1]]})\n"
        "print(database.execute('select count(*) from verdicts').fetchone())\n"
        "for statement in sys.argv[2:]:\n"
        "    try: print('did', statement, database.execute(statement).fetchall())\n"
        "    except Exception as error: print(type(error).__name__)\n"
    )
    tried = [
        f"from read_csv('{secret}')",
        f"copy verdicts to '{tmp_path}/stolen.csv'",
        f"attach '{tmp_path}/stolen.db'",
        f"export database '{tmp_path}/stolen'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set lock_configuration = false",
        f"set allowed_paths = ['{secret}']",
        f"set temp_directory = '{tmp_path}'",
    ]
    ended = subprocess.run(
        [sys.executable, "-c", code, str(part), *tried], capture_output=True, text=True, timeout=60, check=True
    )
    first, *others = ended.stdout.splitlines()
    assert first == "(3,)"
    assert len(others) == len(tried)
    assert not [line for line in others if line.startswith("did") or "Parser" in line], ended.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.csv", "store", "weights"]


def test_a_file_that_is_not_what_was_written_is_damage(round):
    lineage, m = round
    part = lineage.folder / m.tables["questions"][0].path / "part-0000.parquet"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    with pytest.raises(Damaged, match=r"part-0000\.parquet"):
        find_rows(*round, "questions")
    assert find_rows(*round, "verdicts").matched == 3


def test_a_table_the_round_does_not_have_is_named_with_those_it_has(round):
    with pytest.raises(BadInput, match="verdict: no such table in small/1; it has questions, verdicts"):
        find_rows(*round, "verdict")
    with pytest.raises(BadInput, match="no such table"):
        find_rows(*round, "../../questions")


@pytest.mark.parametrize("name", ["run=3", "it's", "[ab]*?", 'a "b", c', "日本"])
def test_a_store_may_lie_in_a_folder_of_any_name(tmp_path, name):
    from tests.conftest import Rounds

    rounds = Rounds(tmp_path / name / "store", tmp_path / "weights")
    found = find_rows(*published(rounds), "questions", "length(question) > 1")
    assert ids(found) == ["questions-1", "questions-2", "questions-9"]
    assert set(found.rows[0]) == set(QUESTIONS.schema.names)


def test_more_rows_than_anyone_reads_are_refused_before_they_fill_the_memory(rounds):
    rows = [question(number, "x" * 2**20) for number in range(80)]
    rounds.publish("promoted", tables={"questions": [rounds.table(QUESTIONS, rows)]})
    whole = open_round(rounds.store, "1")
    assert len(find_rows(*whole, "questions", limit=3).rows[0]["question"]) == 2**20
    with pytest.raises(BadInput, match="more than 64 MB of rows; ask for fewer with --limit"):
        find_rows(*whole, "questions", limit=80)


def test_figures_that_are_no_numbers_come_through(rounds):
    row = {"id": "train_steps-1", "method": "sft", "step": 1, "loss": float("nan"), "learning_rate": 0.1}
    row |= {"grad_norm": float("inf"), "num_tokens": None, "reward_accuracy": None}
    rounds.publish("promoted", tables={"train_steps": [rounds.table(TRAIN_STEPS, [row])]})
    (found,) = find_rows(*open_round(rounds.store, "1"), "train_steps").rows
    assert str(found["loss"]) == "nan"
    assert found["grad_norm"] == float("inf")


def test_a_store_at_a_url_is_queried_from_verified_copies(s3_rounds):
    whole = published(s3_rounds)
    assert ids(find_rows(*whole, "verdicts", "votes = 2")) == ["verdicts-1"]


def test_the_worker_ends_with_a_reason_if_it_is_asked_nonsense():
    ended = subprocess.run(
        [sys.executable, "-P", query.query_worker.__file__],
        input=json.dumps({"tables": {}, "table": "x", "where": "true", "limit": 1}),
        capture_output=True, text=True, timeout=60, env=os.environ,
    )  # fmt: skip
    assert "Table with name x does not exist" in json.loads(ended.stdout)["fault"]
