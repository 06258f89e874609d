"""The lineage that benchmarks read is one that the factory itself could have written."""

import importlib.util
import sys
from pathlib import Path

import pytest

from schemas.tables import TABLES
from tasks.audit.ancestry import explain
from tasks.audit.examine import examine_store
from tasks.audit.rows import Rows
from tasks.store.lineage import open_lineage
from tasks.store.parquet import read_table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lineage(tmp_path_factory):
    spec = importlib.util.spec_from_file_location("synthetic", ROOT / "scripts/synthetic.py")
    synthetic = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = synthetic  # dataclasses look their module up
    spec.loader.exec_module(synthetic)
    folder = tmp_path_factory.mktemp("synthetic")
    synthetic.play_rounds(synthetic.synthetic_recipe(folder, 1600), folder / "store", 2)
    return open_lineage(folder / "store", "synthetic")


def test_its_rounds_are_whole_and_as_large_as_asked_for(lineage):
    examined = examine_store(lineage.store)
    assert (examined.rounds, examined.damage) == (2, ())
    assert [sum(ref.rows for ref in m.tables["attempts"]) for m in lineage.manifests] == [1600, 1600]
    assert {m.decision for m in lineage.manifests} <= {"promoted", "held"}


def test_a_row_of_every_table_has_a_story(lineage):
    rows, told = Rows(lineage), set()
    for m in lineage.manifests:
        for ref in (ref for refs in m.tables.values() for ref in refs if ref.rows):
            row = read_table(lineage.folder, ref, TABLES[ref.table])["id"][0].as_py()
            assert explain(lineage, row, rows).id == row
            told.add(ref.table)
    assert told == {*TABLES} - {"contamination", "base_samples", "reference_logps", "advantages", "inputs/gold"}, (
        "no sum repeats its words; SFT refers to nothing"
    )
