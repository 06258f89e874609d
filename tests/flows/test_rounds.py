"""Whole rounds on the tiny model: real proposals, votes, Great Expectations, TRL, Prefect."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from flows import main
from flows.console import Console
from flows.estimate import estimate
from flows.plan import plan_round
from flows.preflight import preflight
from flows.run import run_recipe
from flows.sized import works
from schemas.errors import BadInput
from tasks.audit.examine import examine_store
from tasks.estimate.forecast import played
from tasks.figures import precisions
from tasks.store.lineage import open_lineage

from .faults import ROOT

EASY = {"gate__level": 0.999, "train__sft__steps": 60}  # a gate that lets a small gain through


@pytest.fixture
def play(tmp_path, write_recipe):
    def run(store="store", rounds=None, name="small", **changes):
        return run_recipe(write_recipe(name, **changes), tmp_path / store, rounds, Console(to_stderr=True))

    return run


def published(lineage):
    """Every published file and its bytes."""
    return {
        path.relative_to(lineage.folder).as_posix(): path.read_bytes()
        for m in lineage.manifests
        for path in lineage.round_folder(m.round).rglob("*")
        if path.is_file()
    }


def digests(manifest):
    return {name: [ref.digest for ref in refs] for name, refs in manifest.tables.items()}


@pytest.fixture(scope="module")
def two_rounds(tmp_path_factory, quickstart, written_recipe):
    """Two rounds played once for all tests that only read them."""
    folder = tmp_path_factory.mktemp("two")
    path = written_recipe(folder, quickstart, "small", **EASY)
    run_recipe(path, folder / "store", 2, Console(to_stderr=True))
    return open_lineage(folder / "store", "small")


@pytest.mark.slow
def test_a_round_has_the_same_rows_and_weights_on_one_core(two_rounds, tmp_path, quickstart, written_recipe):
    path = written_recipe(tmp_path, quickstart, "small", **EASY)
    on_one = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); from flows.main import main; main()"
    command = [sys.executable, "-c", on_one, "run", str(path), "--store", str(tmp_path / "store"), "--rounds", "1"]
    subprocess.run(command, check=True, cwd=ROOT)
    alone, m = open_lineage(tmp_path / "store", "small").manifests[0], two_rounds.manifests[0]
    assert (alone.stages, digests(alone), alone.candidate) == (m.stages, digests(m), m.candidate)


def test_a_round_ends_in_a_manifest_that_names_all_it_wrote(two_rounds):
    for m in two_rounds.manifests:
        assert m.decision in ("promoted", "held")
        assert two_rounds.checkpoint_folder(m.candidate).is_dir()
        assert precisions(m)["vote"].n > 0
        assert set(m.scores["sums"]) == {"base", "champion", "candidate"}
        assert set(m.scores) == {"sums"}, "the sealed benchmark is not played"
        folder = two_rounds.round_folder(m.round)
        on_disk = {p.relative_to(two_rounds.folder).as_posix() for p in folder.rglob("*.parquet")}
        named = {f"{ref.path}/{file}" for refs in m.tables.values() for ref in refs for file in ref.files}
        assert on_disk == named
        for file in ("recipe.toml", "scorecard.json", "validation.json", "alarms.json"):
            assert (folder / file).is_file()
        assert len(list((folder / "stages").glob("*.json"))) == len(
            {(s.split(".")[0], k) for s, k in m.stages.items()}
        )


def test_a_published_checkpoint_loads_in_transformers_as_it_is(two_rounds):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for m in two_rounds.manifests:
        folder = two_rounds.checkpoint_folder(m.candidate)
        given = {"use_safetensors": True, "trust_remote_code": False, "local_files_only": True}
        model, said = AutoModelForCausalLM.from_pretrained(folder, **given, output_loading_info=True)
        assert not any(said.values()), "every weight has its place, and no other was made up"
        assert model.generate(**AutoTokenizer.from_pretrained(folder)("1+2=", return_tensors="pt")).shape[1] > 4


@pytest.fixture(scope="module")
def foreseen(two_rounds):
    """What a third round will take."""
    ready = preflight(two_rounds.store.parent / "small.toml", two_rounds.store)
    return estimate(ready, two_rounds, plan_round(ready, two_rounds))


def test_an_estimate_foresees_the_last_round_from_those_before_it(two_rounds, foreseen):
    found, last = foreseen, two_rounds.manifests[1]
    assert (found.next_round, found.rests_on, found.last_round) == ("small/3", "small/1, small/2", "small/2")
    assert found.errors["tokens"].actual == sum(last.tokens.values())
    assert found.errors["seconds"].actual == pytest.approx(sum(last.seconds.values()))
    files = [f for f in two_rounds.round_folder(2).rglob("*.parquet")]
    weights = two_rounds.checkpoint_folder(last.candidate)
    stored = sum(f.stat().st_size for f in (*files, *weights.iterdir()))
    assert found.errors["storage_bytes"].actual == stored
    for name, most in (("tokens", 0.25), ("trained_tokens", 0.25), ("storage_bytes", 0.25)):
        assert abs(found.errors[name].relative) < most, name
    assert found.errors["seconds"].foreseen > 0


def test_no_stage_takes_more_than_its_bounds(two_rounds):
    ready = preflight(two_rounds.store.parent / "small.toml", two_rounds.store)
    for m in two_rounds.manifests:
        took = played(two_rounds, m, works(ready, ready.recipe, two_rounds, 385_000), 385_000)
        for shown, cost in took.costs.items():
            most = took.works[shown]
            assert cost.tokens <= most.tokens, shown
            assert cost.trained_tokens <= most.trained, shown
            assert cost.storage_bytes <= most.bytes + 20_000, f"{shown}, and what a file's own head takes"


def test_an_estimate_counts_what_is_in_the_store_already_as_room_alone(two_rounds, foreseen):
    stages = {stage.stage: stage for stage in foreseen.stages}
    for name in ("collect", "evaluate.base", "evaluate.champion"):
        assert stages[name].reused
        assert (stages[name].tokens, stages[name].trained_tokens, stages[name].seconds) == (0, 0, 0)
    assert stages["evaluate.base"].storage_bytes > 0
    last = two_rounds.manifests[1]
    record = two_rounds.stage_record(2, "solve", last.stages["solve"])
    assert stages["solve"].tokens == pytest.approx(record.tokens), "as many attempts as before, at its rate"
    assert stages["train"].storage_bytes > stages["solve"].storage_bytes, "the weights are among it"
    assert all(stage.seconds is not None for stage in stages.values())


def test_an_estimate_is_told_as_json_on_standard_output_alone(two_rounds, foreseen, monkeypatch, capsys):
    recipe = str(two_rounds.store.parent / "small.toml")
    typed = ["selfplay", "plan", recipe, "--estimate", "--json", "--store", str(two_rounds.store)]
    monkeypatch.setattr(sys, "argv", typed)
    assert main._ended() == ("", 0)
    told = json.loads(capsys.readouterr().out)
    assert told["next_round"] == "small/3"
    assert told["total"]["tokens"] == sum(stage["tokens"] for stage in told["stages"])
    assert told["errors"]["tokens"]["relative"] == foreseen.errors["tokens"].relative


def test_an_estimate_follows_the_recipe(two_rounds, quickstart, written_recipe, tmp_path, foreseen):
    more = {"solve__num_samples": 8, "train__sft__steps": 30}
    ready = preflight(written_recipe(tmp_path, quickstart, "small", **EASY | more), two_rounds.store)
    found = estimate(ready, two_rounds, plan_round(ready, two_rounds))
    now, then = ({stage.stage: stage for stage in f.stages} for f in (found, foreseen))
    assert now["solve"].tokens == pytest.approx(2 * then["solve"].tokens, abs=1)
    assert now["vote"].seconds == pytest.approx(2 * then["vote"].seconds)
    assert now["train"].trained_tokens == pytest.approx(then["train"].trained_tokens / 2, abs=1)
    assert now["evaluate.candidate"].tokens == then["evaluate.candidate"].tokens


def test_every_table_reads_without_this_projects_code(two_rounds):
    from datasets import load_dataset

    for m in two_rounds.manifests:
        for refs in m.tables.values():
            for ref in refs:
                files = str(two_rounds.folder / ref.path / "*.parquet")
                assert sum(pq.read_table(two_rounds.folder / ref.path / f).num_rows for f in ref.files) == ref.rows
                assert duckdb.sql(f"select count(*) from '{files}'").fetchall() == [(ref.rows,)]
                if ref.rows:
                    read = load_dataset("parquet", data_files=files, split="train", keep_in_memory=True)
                    assert read.num_rows == ref.rows


def test_ids_are_unique_sorted_and_lead_back_to_parents(two_rounds):
    for m in two_rounds.manifests:
        rows = {name: [row for ref in refs for row in rows_of(two_rounds, ref)] for name, refs in m.tables.items()}
        ids = {name: {row["id"] for row in table} for name, table in rows.items()}
        questions = ids["questions"] | ids["inputs/probe"]
        assert {row["proposal_id"] for row in rows["questions"]} <= ids["proposals"]
        assert {row["question_id"] for row in rows["attempts"]} == questions
        assert {row["attempt_id"] for row in rows["answers"]} == ids["attempts"]
        assert {row["question_id"] for row in rows["selections"]} <= ids["questions"]
        assert {row["attempt_id"] for row in rows["sft_examples"]} <= ids["attempts"]
        assert {row["item_id"] for row in rows["evaluations"]} <= ids["inputs/benchmark_items"]


def rows_of(lineage, ref):
    rows = [row for file in ref.files for row in pq.read_table(lineage.folder / ref.path / file).to_pylist()]
    return rows


def test_no_probe_or_benchmark_row_reaches_a_training_table_or_a_few_shot(two_rounds):
    for m in two_rounds.manifests:
        (probe,), (items,) = m.tables["inputs/probe"], m.tables["inputs/benchmark_items"]
        protected = {row["question"] for ref in (probe, items) for row in rows_of(two_rounds, ref)}
        probe_ids = {row["id"] for row in rows_of(two_rounds, probe)}
        for table in ("sft_examples", "preference_pairs"):
            for row in rows_of(two_rounds, m.tables[table][0]):
                assert row["question_id"] not in probe_ids
                assert row["prompt"].removesuffix("=\n") not in protected
        for row in rows_of(two_rounds, m.tables["proposals"][0]):
            shown = [line.split(". ", 1)[1] for line in row["prompt"].splitlines()[:-1]]
            assert shown
            assert not set(shown) & protected


def test_the_second_round_starts_from_the_champion_and_repeats_no_question(two_rounds):
    first, second = two_rounds.manifests
    assert second.champion == (first.candidate if first.decision == "promoted" else first.base)
    texts = [{row["question"] for row in rows_of(two_rounds, m.tables["questions"][0])} for m in (first, second)]
    assert not texts[0] & texts[1]


def test_scores_in_the_manifest_are_those_of_the_evaluated_rows(two_rounds):
    for m in two_rounds.manifests:
        for ref in m.tables["evaluations"]:
            rows = [row for row in rows_of(two_rounds, ref) if row["greedy"]]
            right = Counter(row["correct"] for row in rows)[True] / len(rows)
            checkpoints = {"base": m.base, "champion": m.champion, "candidate": m.candidate}
            roles = [role for role, c in checkpoints.items() if c.digest == rows[0]["checkpoint"]]
            assert roles
            assert all(m.scores["sums"][role].accuracy == pytest.approx(right) for role in roles)


def test_the_same_recipe_gives_the_same_rows_and_the_same_weights(play):
    (first,), (second,) = play("one"), play("two")
    assert digests(first) == digests(second)
    assert first.candidate == second.candidate


def test_a_held_round_keeps_the_champion_and_its_rows_are_trained_on_again(play):
    first, second = play(rounds=2, gate__min_gain=0.9)
    assert [m.decision for m in (first, second)] == ["held", "held"]
    assert "a gain below min_gain = 90.0%" in first.reason or "p above level" in first.reason
    assert second.champion == second.base
    rows = [sum(ref.rows for ref in m.tables["sft_examples"]) for m in (first, second)]
    assert second.trained_on["sft"] == sum(rows)


def test_a_failing_suite_publishes_a_failed_round_and_the_next_run_goes_on(play, tmp_path):
    (failed,) = play(rounds=2, validation__min_sft_examples=100_000)
    assert failed.decision == "failed"
    assert failed.reason.startswith("sft_examples: expect_table_row_count_to_be_between(): observed ")
    assert failed.candidate is None
    before = published(open_lineage(tmp_path / "store", "small"))
    (nextone,) = play()
    assert (nextone.round, nextone.decision in ("held", "promoted")) == (2, True)
    assert nextone.champion == nextone.base
    assert examine_store(tmp_path / "store").damage == (), "a failed round can be audited too"
    after = published(open_lineage(tmp_path / "store", "small"))
    assert {path: after[path] for path in before} == before, "a published round is never edited"


@pytest.mark.slow
def test_a_spent_token_budget_leaves_a_draft_and_the_next_run_ends_as_if_never_stopped(play, tmp_path):
    assert play(budget__max_tokens=9000, solve__questions_per_shard=16) == []
    lineage = open_lineage(tmp_path / "store", "small")
    shards = sorted((lineage.round_folder(1) / "attempts").rglob("part-*.parquet"))
    assert shards, "the shards that were whole stay"
    kept = {path: path.stat().st_mtime_ns for path in shards}
    (resumed,) = play(solve__questions_per_shard=16)
    (uninterrupted,) = play("other", solve__questions_per_shard=16)
    assert {path: path.stat().st_mtime_ns for path in shards} == kept
    assert digests(resumed) == digests(uninterrupted)


def test_a_deadline_that_has_passed_starts_nothing(play, tmp_path):
    assert play(budget__deadline_minutes=1e-6) == []
    assert open_lineage(tmp_path / "store", "small").manifests == ()


@pytest.mark.slow
def test_a_night_stops_after_so_many_held_rounds(play):
    assert len(play(rounds=5, gate__min_gain=0.9, budget__max_held_rounds=1)) == 1
    assert len(play(rounds=5, gate__min_gain=0.9, budget__max_held_rounds=2)) == 2


def test_a_round_without_a_row_to_train_on_fails_and_the_champion_stays(play, tmp_path):
    (failed,) = play(validation__min_sft_examples=0, select__min_agreement=0.0, select__max_agreement=0.0)
    assert failed.decision == "failed"
    assert failed.reason.startswith("train: no valid row of sft_examples for sft; what was dropped")
    assert open_lineage(tmp_path / "store", "small").champion(failed.base) == failed.base


def test_seeds_that_are_all_benchmark_rows_teach_nothing(play, quickstart, tmp_path):
    benchmark = quickstart["benchmarks"][0]
    (failed,) = play(data__seeds={name: benchmark[name] for name in ("path", "sample")})
    assert failed.decision == "failed"
    assert failed.reason == "data.seeds: each of the 200 rows touches a protected row"
    assert (failed.candidate, failed.tables) == (None, {})
    assert examine_store(tmp_path / "store").damage == ()


def test_what_scores_rest_on_cannot_change_within_a_lineage(play, quickstart, tmp_path):
    benchmark = quickstart["benchmarks"][0]
    mine = tmp_path / "mine.jsonl"
    rows = Path(benchmark["path"]).read_text()
    mine.write_text(rows)
    play(gate__min_gain=0.9, benchmarks=[benchmark | {"path": str(mine)}])
    before = published(open_lineage(tmp_path / "store", "small"))
    mine.write_text(rows.replace("1", "2", 1))
    with pytest.raises(BadInput, match=r"^\S+small\.toml: the benchmarks differ from round small/1's, so scores"):
        play(gate__min_gain=0.9, benchmarks=[benchmark | {"path": str(mine)}])
    mine.write_text(rows)
    with pytest.raises(BadInput, match=r"the gate differs from round small/1's"):
        play(gate__min_gain=0.0, benchmarks=[benchmark | {"path": str(mine)}])
    with pytest.raises(BadInput, match=r"the benchmarks differ from round small/1's"):
        play(gate__min_gain=0.9, benchmarks=[benchmark | {"path": str(mine), "sample": 150}])
    assert published(open_lineage(tmp_path / "store", "small")) == before
