"""A round whose questions and attempts a teacher behind a URL wrote, by chat, and whose benchmarks it never saw."""

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.console import Console
from flows.run import run_recipe
from schemas.tables import TABLES
from tasks.audit.examine import examine_store
from tasks.store.lineage import open_lineage
from tasks.store.parquet import read_table

from .completions import TEACHER, Engine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def taught(tmp_path_factory, quickstart, written_recipe):
    folder = tmp_path_factory.mktemp("taught")
    server = Engine(folder / "store")
    engine = {"kind": "openai", "url": server.url, "concurrency": 4, "timeout_seconds": 20, "api": "chat"}
    changes = {
        "engine": engine | {"model": TEACHER, "revision": "2024-07-18"},
        "evaluate__engine": quickstart["engine"],
    }
    run_recipe(written_recipe(folder, quickstart, "small", **changes), folder / "store", 1, Console(to_stderr=True))
    server.shutdown()
    server.server_close()
    return open_lineage(folder / "store", "small")


def rows(lineage, table):
    m = lineage.manifests[0]
    return [row for ref in m.tables[table] for row in read_table(lineage.folder, ref, TABLES[table]).to_pylist()]


def test_the_teacher_wrote_what_is_trained_on_and_the_lineages_own_weights_were_asked_the_benchmarks(taught):
    (m,) = taught.manifests
    assert {(row["checkpoint"], row["verified"]) for row in rows(taught, "attempts")} == {
        (f"{TEACHER}@2024-07-18", False)
    }
    assert {row["verified"] for row in rows(taught, "proposals")} == {False}
    assert {(row["checkpoint"], row["verified"]) for row in rows(taught, "evaluations")} == {
        (ref.digest, True) for ref in (m.base, m.candidate)
    }
    assert {row["prompt"][-2:] for row in rows(taught, "sft_examples")} == {"=\n"}, "as the student is asked"
    assert m.trained_on["sft"] > 0
    assert examine_store(taught.store).damage == ()


def test_why_and_show_say_that_a_server_wrote_it(taught):
    def said(*arguments):
        ran = CliRunner().invoke(app, [*arguments, "--store", str(taught.store)])
        assert ran.exit_code == 0, ran.output
        return ran.output

    story = said("why", rows(taught, "attempts")[0]["id"])
    assert f': the teacher "{TEACHER}@2024-07-18", template solve_sums' in story
    assert f'unverified, by chat of a server that says id "{TEACHER}"' in story
    assert "verified          False" in story
    stages = {line.split()[0]: line for line in said("show", "1").splitlines() if line.strip()}
    assert [stage for stage, line in stages.items() if line.endswith("unverified: by a server")] == [
        "propose",
        "solve",
    ]
    assert said("show", "1", "attempts", "--where", "verified").startswith("0 of 0 rows")
