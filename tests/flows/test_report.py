"""`selfplay report`, as a user types it: where the pages lie, and what is said where there can be none."""

import json

import pytest

from .test_cli import selfplay


def test_it_ends_with_the_page_to_open(rounds, tmp_path):
    rounds.publish("failed")
    ended = selfplay("report", "--store", rounds.store, "-o", tmp_path / "pages", "--json")
    assert ended.returncode == 0, ended.stderr
    page = tmp_path / "pages/small/index.html"
    assert json.loads(ended.stdout) == {"page": str(page), "url": page.as_uri()}
    assert (tmp_path / "pages/small/round-0001.html").exists()
    again = selfplay("report", "--store", rounds.store, "-o", tmp_path / "pages")
    assert again.stdout.splitlines()[-1] == f"open {page}"


@pytest.mark.parametrize(
    ("store", "output", "line"),
    [
        ("nowhere", "pages", "nowhere"),
        ("store", "file", "no folder can be made there: "),
        ("store", "s3://bucket/pages", "-o s3://bucket/pages: expected a folder of this machine"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_line_and_exit_2(rounds, tmp_path, store, output, line):
    rounds.publish("failed")
    (tmp_path / "file").write_text("mine")
    place = output if "://" in output else tmp_path / output
    ended = selfplay("report", "--store", tmp_path / store, "-o", place)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert line in ended.stderr
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "pages").exists()
