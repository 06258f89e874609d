"""Two real rounds, and each way in which a store can be damaged: `audit` names it, `run` builds nothing on it."""

import json
import shutil
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from flows.console import Console
from flows.keeping import restore_round, withdraw_round
from flows.run import run_recipe
from schemas.errors import BadInput, Damaged
from schemas.manifest import Manifest
from tasks.audit.examine import examine_store
from tasks.store.chain import sealed
from tasks.store.gc import find_garbage
from tasks.store.lineage import make_store, open_lineage, read_lineage
from tasks.store.objects import file_digest, keep_checkpoint
from tasks.store.place import store_at
from tasks.training.adapters import base_of

from .damaging import DAMAGES, PLACES, UNREADABLE, chain_anew, edit, flip, forge, part, rewrite

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def played(tmp_path_factory, quickstart, written_recipe):
    """A recipe and its two rounds, with a record between them; played once, and copied by each test."""
    folder = tmp_path_factory.mktemp("played")
    adapters = {"rank": 4, "alpha": 8}
    path = written_recipe(folder, quickstart, "small", evaluate__num_samples=0, train__lora=adapters)
    run_recipe(path, folder / "store", 1, Console(to_stderr=True))
    withdraw_round(str(folder / "store"), "small/1", "a try", print)
    restore_round(str(folder / "store"), "small/1", "a try", print)
    run_recipe(path, folder / "store", 1, Console(to_stderr=True))
    return path, folder / "store"


@pytest.fixture
def store(played, tmp_path):
    return Path(shutil.copytree(played[1], tmp_path / "copy"))


def damage(store, only=""):
    return examine_store(store_at(store), only).damage


def files(store):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in store.rglob("*") if path.is_file()}


def test_what_was_played_is_whole_and_looking_at_it_writes_nothing(store):
    before, steps = files(store), []
    examined = examine_store(store_at(store), report=lambda *step: steps.append(step))
    assert (examined.rounds, examined.damage) == (2, ())
    assert examined.files > 60
    assert examined.objects == 5, "the base, and the weights and the adapter of each round"
    assert [done for done, _, _ in steps] == list(range(1, steps[-1][1] + 1)), "progress to the end"
    assert files(store) == before


@pytest.mark.parametrize("kind", DAMAGES)
def test_each_damage_is_named_with_what_it_makes_unusable_and_a_run_builds_nothing_on_it(store, played, kind):
    DAMAGES[kind](store)
    before = files(store)
    found = damage(store)
    first = found[0]
    assert first.place.startswith(PLACES[kind])
    assert first.expected
    assert first.found
    assert first.unusable
    with pytest.raises(BadInput if kind in UNREADABLE else Damaged) as refused:
        run_recipe(played[0], store, 1, Console(to_stderr=True))
    assert PLACES[kind] in str(refused.value)
    assert "\n" not in str(refused.value)
    after = {path: content for path, content in files(store).items() if "/lock/" not in str(path)}
    assert after == {path: content for path, content in before.items() if "/lock/" not in str(path)}


def test_a_row_whose_parent_is_gone_is_found_though_every_digest_fits(store, played):
    gone = pq.read_table(part(store, "questions"), partitioning=None)["proposal_id"][0].as_py()
    rewrite(store, "proposals", lambda rows: rows.filter(pc.not_equal(rows["id"], gone)))
    found = [d for d in damage(store) if "/questions/" in d.place]
    assert [(d.owner, d.expected) for d in found] == [("small/1", "proposal_id: a row of proposals")]
    assert gone in found[0].found
    with pytest.raises(Damaged, match=rf"small/round-0001/questions/.*names {gone}"):
        run_recipe(played[0], store, 1, Console(to_stderr=True))


def test_a_benchmark_item_among_the_training_rows_is_found(store):
    items = pq.read_table(part(store, "inputs/benchmark_items"), partitioning=None).to_pylist()
    sealed_item = next(row["question"] for row in items if row["sealed"])
    trained = pq.read_table(part(store, "sft_examples"), partitioning=None)["question_id"][0].as_py()

    def poison(rows):
        texts = [sealed_item if row["id"] == trained else row["question"] for row in rows.to_pylist()]
        return rows.set_column(rows.schema.names.index("question"), rows.schema.field("question"), [texts])

    rewrite(store, "questions", poison)
    found = {d.place.split("/")[2]: d.found for d in damage(store) if "repeats a benchmark" in d.expected}
    assert "sft_examples" in found
    assert found["sft_examples"].startswith(f"1, first {trained}: exact of benchmark_items-")
    assert found["sft_examples"].endswith("(sums-sealed)")


def test_a_kept_row_that_its_suite_refuses_is_found(store):
    def empty(rows):
        texts = ["", *rows["completion"].to_pylist()[1:]]
        return rows.set_column(rows.schema.names.index("completion"), rows.schema.field("completion"), [texts])

    rewrite(store, "sft_examples", empty)
    found = [(d.place.split("/")[2], d.expected) for d in damage(store)]
    assert ("sft_examples", "expect_column_value_lengths_to_be_between(completion)") in found


def test_a_row_whose_mark_is_not_what_its_stage_was_asked_of_is_found(store):
    def forged(rows):
        marks = [False, None, *rows["verified"].to_pylist()[2:]]
        return rows.set_column(rows.schema.names.index("verified"), rows.schema.field("verified"), [marks])

    rewrite(store, "attempts", forged)
    (found,) = [d for d in damage(store) if d.expected.startswith("verified")]
    assert found.expected == "verified = true: this program loaded the weights"
    assert found.found.startswith("another for 2 rows, first attempts-0001-")


def test_a_key_that_is_not_made_of_what_its_marker_says_is_found(store):
    (marker,) = (store / "small/round-0001/stages").glob("vote-*.json")
    settings = json.loads(marker.read_bytes())["settings"]
    edit(
        marker, settings=settings | {"settings": settings["settings"] | {"equivalence": "canonical", "rule": "other"}}
    )
    place = f"small/round-0001/stages/{marker.name}"
    assert [(d.place, d.expected[:5]) for d in damage(store)] == [(place, "SHA-2")], "nothing it says is believed"
    lineage = read_lineage(store, "small")[0]
    documents = {
        m.round: json.loads((lineage.round_folder(m.round) / "manifest.json").read_bytes()) for m in lineage.manifests
    }
    documents[1]["files"][f"stages/{marker.name}"] = file_digest(marker)
    chain_anew(store, documents)
    assert [(d.place, d.expected[:4]) for d in damage(store)] == [(place, "vote")]


@pytest.mark.parametrize(
    ("stage", "changes"),
    [
        ("gate", {"figures": {"decision": "held"}}),
        ("evaluate", {"figures": {"scores": [1]}}),
        ("validate", {"settings": {}}),
        ("collect", {"inputs": {"ngram": "x"}}),
    ],
)
def test_markers_that_say_what_no_stage_writes_are_damage_and_no_crash(store, stage, changes):
    lineage = read_lineage(store, "small")[0]
    documents = {
        m.round: json.loads((lineage.round_folder(m.round) / "manifest.json").read_bytes()) for m in lineage.manifests
    }
    for marker in (store / "small/round-0002/stages").glob(f"{stage}-*.json"):
        edit(marker, **changes)
        documents[2]["files"][f"stages/{marker.name}"] = file_digest(marker)
    chain_anew(store, documents)
    found = damage(store)
    assert found and all(d.place.startswith("small/round-0002") for d in found)


def test_a_record_that_no_command_could_have_added_is_found(store):
    from tasks.store.records import add_record

    for record, expected in (
        (("approve", 2, "x"), "a held round that awaits approval"),
        (("restore", 2, "x"), "a round that stands withdrawn by a record"),
        (("withdraw", 2, "x", [2]), "checkpoints: the 1 that those rounds trained"),
        (("drop-weights", 2, "x"), "a held round with weights"),
    ):
        add_record(store / "small", *record)
        assert expected in [found.expected for found in damage(store)], record


def test_a_manifest_that_contradicts_its_gate_is_found_though_it_was_sealed_anew(store):
    path = store / "small/round-0002/manifest.json"
    m = Manifest.model_validate_json(path.read_bytes())
    path.write_bytes(sealed(json.loads(path.read_bytes()) | {"decision": "promoted"}))
    (found,) = damage(store)
    assert m.decision == "held"
    assert (found.place, found.expected) == (
        "small/round-0002/manifest.json",
        "decision = held, as the gate's result says",
    )
    path.write_bytes(sealed(json.loads(m.model_dump_json(exclude={"weights_dropped"})) | {"parent": "small/1"}))
    (found,) = damage(store)
    assert found.expected.startswith("champion ")


def test_an_adapter_is_no_garbage_and_names_the_champion_that_it_was_trained_on(store, tmp_path):
    m = read_lineage(store, "small")[0].manifests[1]
    adapter = store / "objects" / m.adapter.digest
    assert base_of(adapter) == m.champion.digest
    assert find_garbage(store_at(store), 0) == []
    other = shutil.copytree(adapter, tmp_path / "other")
    edit(other / "adapter_config.json", base_model_name_or_path="0" * 64)
    (other / "object.json").unlink()
    forge(
        store / "small/round-0002/manifest.json", adapter={"digest": keep_checkpoint(store / "objects", other).digest}
    )
    assert ("adapter, as the markers of its stages have it", "another") in [
        (d.expected, d.found) for d in damage(store)
    ]
    assert f"an adapter onto the champion, {m.champion.digest[:16]}..." in [d.expected for d in damage(store)]
    lost = read_lineage(store, "small")[0].manifests[0].adapter.digest
    shutil.rmtree(store / "objects" / lost)
    (found,) = damage(store, "small/1")
    assert (found.place, found.unusable) == (
        f"objects/{lost}", "the weights of small/1 (adapter); a run that would start from them",
    )  # fmt: skip


def test_one_round_alone_can_be_examined(store):
    flip(part(store, "attempts", 2))
    assert examine_store(store_at(store), "small/1").rounds == 1
    assert damage(store, "1") == ()
    assert [d.owner for d in damage(store, "small/2")] == ["small/2"]
    for name, words in (
        ("small/9", "no published round"),
        ("other/1", "no published round"),
        ("x", "expected a round"),
    ):
        with pytest.raises(BadInput, match=words):
            damage(store, name)


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no store is there"):
        examine_store(store_at(tmp_path / "nowhere"))
    make_store(tmp_path / "empty")
    assert examine_store(tmp_path / "empty").damage == ()


def test_the_command_says_what_it_found_and_exits_1_and_run_with_one_line(store, played, typed):
    code, said, _ = typed("audit", "--store", store)
    assert (code, said.splitlines()[-1]) == (0, "examined: 2 rounds, 84 files, 5 checkpoints; all as published")
    path = part(store, "selections", 2)
    flip(path)
    (path.parent / "part-\x1b[31m.parquet").write_bytes(b"")
    code, said, _ = typed("audit", "2", "--store", store)
    assert code == 1
    assert f"damaged: {path.relative_to(store)}  (small/2)\n  expected  SHA-256 " in said
    assert said.endswith("; 2 damaged\n")
    assert "\x1b" not in said
    code, said, _ = typed("audit", "--store", store, "--json")
    found = json.loads(said)["damage"]
    assert (code, [entry["owner"] for entry in found]) == (1, ["small/2", "small/2"])
    assert set(found[0]) == {"owner", "place", "expected", "found", "unusable"}
    code, _, line = typed("run", played[0], "--store", store, "--rounds", "1", "--json")
    assert (code, line.count("\n")) == (1, 0)
    assert str(path.relative_to(store)) in line
    assert open_lineage(store, "small").next_round == 3
