"""What `why` and `where` told of one row of every table, kept and dropped, before they were walks: all of it is told.

`golden_stories.json` holds each fact once, and of every row which of them were told, in JSON and in words. Left out:
what was said of stages that had no part in a row, an answer as made of itself, and a refused question's number in its
proposal, which was guessed.
"""

import hashlib
import json
import re
from pathlib import Path

import pytest

from flows.lines.story import descent, story
from schemas.tables import TABLES
from tasks.audit.ancestry import explain
from tasks.audit.descent import follow
from tasks.audit.rows import ROW_ID

from .scripted import play_script, rows

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = json.loads(Path(__file__).with_name("golden_stories.json").read_text())
OF_CODE = {"settings", "prompts", "key", "code", "versions", "facts"}  # of a stage: not the rows' own story


@pytest.fixture(scope="module")
def lineage(tmp_path_factory, quickstart):
    return play_script(tmp_path_factory.mktemp("golden"), quickstart)


def leaves(value, name=""):
    """Every text, and every figure with its name: how they are put together is layout."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (key,) if key in TABLES else ()
            yield from leaves(inner, key) if key not in OF_CODE else ()
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield f"{name} {value}"
    elif value and isinstance(value, str):
        text = value.replace(f"{ROOT}/", "")
        yield text if len(text) < 100 else f"{len(text)} characters, {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def words(text):
    """Texts in quotation marks, and what has a figure in it: ids, digests, counts, shares."""
    text = text.replace(f"{ROOT}/", "")
    for quoted in re.findall(r'"([^\n]*?)"(?=[ ,;:)\n]|$)', text):
        yield f"word {quoted}" if ROW_ID.fullmatch(quoted) else f"said {quoted}"
    for word in re.sub(r'"[^\n]*?"(?=[ ,;:)\n]|$)', "", text).split():
        if re.search(r"\d", word):
            yield f"word {word.strip('(),;:[]')}"


def told(lineage, row_id):
    why, where = explain(lineage, row_id), follow(lineage, row_id)
    return {
        "why": {*leaves(json.loads(json.dumps(vars(why))))},
        "where": {*leaves(json.loads(json.dumps(vars(where))))},
        "why in words": {*words(story(why))},
        "where in words": {*words(descent(where))},
    }


def chosen(lineage):
    """One row of every table, and one of every reason to be dropped by a stage."""
    found = {f"a row of {table}": rows(lineage, table)[0]["id"] for table in lineage.manifests[0].tables}
    for row in rows(lineage, "dropped"):
        found.setdefault(f"a row of {row['table']} that {row['stage']} dropped for {row['reason']}", row["id"])
    return found


@pytest.mark.parametrize("row", GOLDEN["rows"])
def test_nothing_that_was_told_of_a_row_is_lost(lineage, row):
    golden = GOLDEN["rows"][row]
    now = told(lineage, golden["id"])
    for how in ("why", "where", "why in words", "where in words"):
        assert {GOLDEN["facts"][number] for number in golden[how]} - now[how] == set(), how


def test_every_table_and_every_reason_of_the_script_is_among_them(lineage):
    assert chosen(lineage) == {row: golden["id"] for row, golden in GOLDEN["rows"].items()}
