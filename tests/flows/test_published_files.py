"""A whole round whose probe and benchmarks are files as published, named by their columns alone."""

import json

import pytest

from flows.console import Console
from flows.run import run_recipe
from schemas.tables import TABLES
from tasks.audit.examine import examine_store
from tasks.store.lineage import open_lineage
from tasks.store.parquet import read_table
from tests.tasks.test_sources import PUBLISHED

pytestmark = pytest.mark.slow


def as_named(folder, name):
    """A published file, and the recipe's lines for it."""
    question, answer, rows, _ = PUBLISHED[name]
    path = folder / f"{name.replace(' ', '-')}.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    return {"path": str(path), "question": question, "answer": answer}


@pytest.fixture(scope="module")
def played(tmp_path_factory, quickstart, written_recipe):
    folder = tmp_path_factory.mktemp("published")
    sums = next(b for b in quickstart["benchmarks"] if not b.get("sealed"))
    others = [{"name": name.replace(" ", "-")} | as_named(folder, name) for name in PUBLISHED if name != "gsm8k"]
    changes = {
        "data__probe": as_named(folder, "gsm8k"),
        "benchmarks": [sums, *others],
        "gate__sealed": None,
        "answers__equivalence": "math",
        "answers__pattern": None,
        "validation__min_vote_precision": 0.0,
        "validation__max_unparsable": 1.0,
    }
    if "sealed" not in quickstart["gate"]:
        del changes["gate__sealed"]
    run_recipe(written_recipe(folder, quickstart, "small", **changes), folder / "store", 1, Console(to_stderr=True))
    return open_lineage(folder / "store", "small")


def test_each_benchmark_is_scored_and_each_reference_is_the_answer_alone(played):
    (m,) = played.manifests
    names = {name.replace(" ", "-"): of[3] for name, of in PUBLISHED.items() if name != "gsm8k"}
    (ref,) = m.tables["inputs/benchmark_items"]
    items = read_table(played.folder, ref, TABLES["inputs/benchmark_items"]).to_pylist()
    for name, references in names.items():
        assert sorted(row["reference"] for row in items if row["benchmark"] == name) == sorted(references)
        assert m.scores[name]["candidate"].n + m.scores[name]["candidate"].undecided == len(references)


def test_the_vote_is_measured_on_the_probe_and_the_store_is_sound(played):
    (m,) = played.manifests
    assert m.decision in ("promoted", "held")
    (ref,) = m.tables["probe_verdicts"]
    probed = read_table(played.folder, ref, TABLES["probe_verdicts"]).to_pylist()
    assert sorted(row["reference"] for row in probed) == sorted(PUBLISHED["gsm8k"][3])
    assert examine_store(played.store).damage == ()
