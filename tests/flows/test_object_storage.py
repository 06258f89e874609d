"""Whole rounds in a bucket of a real S3 server, and the commands on it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.console import Console
from flows.run import run_recipe
from schemas.errors import Damaged, Locked
from tasks.store.lineage import open_lineage
from tasks.store.lock import hold

ROOT = Path(__file__).resolve().parents[2]
HELD = {"gate__min_gain": 0.9, "retention__keep_held": 0}


def selfplay(*arguments):
    command = [sys.executable, "-c", "from flows.main import main; main()", *map(str, arguments)]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=300)
    return ended.returncode, ended.stdout, ended.stderr


def digests(manifest):
    return {table: [ref.digest for ref in refs] for table, refs in manifest.tables.items()}


def test_a_round_in_a_bucket_has_the_rows_of_one_on_a_disk_and_every_command_reads_it(
    s3_store, write_recipe, tmp_path, monkeypatch, typed
):
    path = write_recipe(**HELD)
    (on_disk,) = run_recipe(path, tmp_path / "store", None, Console(to_stderr=True))
    # stopped in the middle, and gone on with by another machine
    stopped = write_recipe(**HELD, budget__max_tokens=9000)
    assert run_recipe(stopped, s3_store, None, Console(to_stderr=True)) == []
    monkeypatch.setenv("SELFPLAY_CACHE", str(tmp_path / "another machine"))
    code, planned, _ = typed("plan", write_recipe(**HELD), "--store", s3_store, "--json")
    states = {stage["stage"]: stage["state"] for stage in json.loads(planned)}
    assert (code, states["propose"], states["train"]) == (0, "reused", "running")
    (in_bucket,) = run_recipe(write_recipe(**HELD), s3_store, None, Console(to_stderr=True))
    assert digests(in_bucket) == digests(on_disk)
    assert in_bucket.candidate == on_disk.candidate

    code, listed, _ = typed("log", "--store", s3_store, "--json")
    (entry,) = json.loads(listed)
    assert (code, entry["decision"]) == (0, "held")
    assert entry["reason"].endswith("; weights dropped")
    assert entry["manifest"] == f"{s3_store}/small/round-0001/manifest.json"
    code, found, _ = typed("gc", "--store", s3_store, "--grace-days", "0", "--json")
    (garbage,) = json.loads(found)["garbage"]
    assert garbage["why"] == "weights dropped by a record"
    code, _, _ = typed("gc", "--store", s3_store, "--grace-days", "0", "--remove")
    assert code == 0
    monkeypatch.setenv("SELFPLAY_CACHE", str(tmp_path / "a third machine"))
    with pytest.raises(Damaged, match="these weights are not in the store"):
        open_lineage(s3_store, "small").checkpoint_folder(in_bucket.candidate)
    code, said, _ = typed("gc", "--store", s3_store, "--grace-days", "0")
    assert "nothing to remove" in said

    with hold(open_lineage(s3_store, "small").folder, "run"):
        told = [typed("run", path, "--store", s3_store)]
        if told[0][0] == 4:  # a request that the server failed on a busy machine: run again, as the line says
            told.append(typed("run", path, "--store", s3_store))
        code, _, line = told[-1]
        assert (code, line.count("\n")) == (3, 0), told
        assert "small is held by run (pid" in line
        with pytest.raises(Locked), hold(open_lineage(s3_store, "small").folder, "gc"):
            pass


@pytest.mark.slow
def test_a_bucket_that_cannot_be_reached_is_one_line_and_exit_4(s3_store, write_recipe, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for arguments in (["log"], ["run", write_recipe()]):
        code, said, line = selfplay(*arguments, "--store", s3_store)
        assert (code, said, line.count("\n")) == (4, "", 1), line
        assert "127.0.0.1:9" in line


def test_without_credentials_the_line_says_what_to_set(s3_store, monkeypatch):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    code, _, line = selfplay("log", "--store", s3_store)
    assert (code, line.count("\n")) == (4, 1), line
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in line


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_one_line(s3_store, write_recipe):
    code, _, line = selfplay("run", write_recipe(), "--store", "s3://no-such-bucket/store")
    assert (code, line.count("\n")) == (4, 1), line
    assert "no-such-bucket" in line


def test_a_url_that_cannot_be_a_store_is_one_line_and_exit_2(write_recipe):
    code, _, line = selfplay("run", write_recipe(), "--store", "gs://bucket/store")
    assert (code, line) == (2, "selfplay: --store gs://bucket/store: expected a folder, or s3://bucket/path\n")
