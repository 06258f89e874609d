"""Rounds in waves on the tiny model: what each wave asks, answers and trains, and how such a round is kept."""

import os

import pyarrow.parquet as pq
import pytest

from flows.console import Console
from flows.estimate import estimate
from flows.plan import plan_round
from flows.preflight import preflight
from flows.recipes import load_recipe
from flows.run import run_recipe
from flows.sized import works
from schemas.errors import BadInput
from tasks.audit.ancestry import explain
from tasks.audit.descent import follow
from tasks.audit.examine import examine_store
from tasks.audit.rejudge import rejudge
from tasks.estimate.forecast import played
from tasks.figures import precisions
from tasks.store.gc import find_garbage, remove_garbage
from tasks.store.lineage import open_lineage
from tasks.waves import in_wave

POLICY = {
    "waves": 2, "steps": 3, "batch_size": 32, "rows_at_once": 32, "learning_rate": 1e-4, "schedule": "linear",
    "max_length": 128, "advantage": "batch", "filter": "after", "kl": "reward", "kl_weight": 1e-3,
    "reference": "champion", "clip_low": 0.2, "clip_high": 0.2, "reduction": "token",
}  # fmt: skip
ONLINE = {
    "method": "serl_online", "build": None, "validation__min_sft_examples": None,
    "validation__min_preference_pairs": None, "validation__min_policy_rows": 20, "select__max_agreement": 0.9,
    "train": {"methods": ["policy"], "policy": POLICY}, "solve__questions_per_shard": 16,
}  # fmt: skip
OF_A_WAVE = ("solve", "vote", "select", "advantage", "validate", "train")


@pytest.fixture
def play(tmp_path, write_recipe):
    def run(store="store", rounds=None, **changes):
        path = write_recipe("online", **(ONLINE | changes))
        return run_recipe(path, tmp_path / store, rounds, Console(to_stderr=True))

    return run


@pytest.fixture(scope="module")
def online(tmp_path_factory, quickstart, written_recipe):
    """One round of two waves, played once for all tests that only read it."""
    folder = tmp_path_factory.mktemp("online")
    path = written_recipe(folder, quickstart, "online", **ONLINE)
    run_recipe(path, folder / "store", 1, Console(to_stderr=True))
    return open_lineage(folder / "store", "online")


def rows_of(lineage, *refs):
    return [
        row
        for ref in refs
        for file in ref.files
        for row in pq.read_table(lineage.folder / ref.path / file).to_pylist()
    ]


def of_wave(lineage, stage, wave):
    (m,) = lineage.manifests
    return lineage.stage_record(1, stage, m.stages[f"{stage}.wave-{wave}"])


@pytest.mark.slow
def test_a_round_in_waves_is_rejudged_wave_by_wave(online):
    (m,) = online.manifests
    found = rejudge(online, m)
    judged = [of_wave(online, "vote", wave) for wave in (1, 2)]
    for table, count in (("answers", found.attempts), ("verdicts", found.questions)):
        assert count == sum(record.tables[table].rows for record in judged)
    assert [found.answers, found.labels, found.selections, found.probe] == [[], [], [], []]
    assert found.selected_before == found.selected_after > 0
    assert found.precision_before == found.precision_after


def digests(manifest):
    return {name: [ref.digest for ref in refs] for name, refs in manifest.tables.items()}


def test_an_estimate_reads_a_round_in_waves(online):
    ready = preflight(online.store.parent / "online.toml", online.store)
    found = estimate(ready, online, plan_round(ready, online))
    assert (found.rests_on, found.errors) == ("online/1", {})
    stages = {stage.stage: stage for stage in found.stages}
    for wave in (1, 2):
        trained = online.stage_record(1, "train", online.manifests[0].stages[f"train.wave-{wave}"])
        assert stages[f"train.wave-{wave}"].seconds == pytest.approx(trained.seconds, abs=1e-3)
        assert stages[f"train.wave-{wave}"].trained_tokens > 0
    assert stages["solve.wave-1"].tokens > 0
    (m,) = online.manifests
    most_of = works(ready, ready.recipe, online, found.weights_bytes)
    took = played(online, m, most_of, found.weights_bytes)
    for shown, cost in took.costs.items():
        most = most_of[shown]
        assert cost.tokens <= most.tokens and cost.trained_tokens <= most.trained, shown
        assert cost.storage_bytes <= most.bytes + 20_000, shown


def test_each_wave_is_answered_by_the_policy_that_the_one_before_left(online):
    (m,) = online.manifests
    assert {s for s in m.stages if ".wave-" in s} == {f"{s}.wave-{w}" for w in (1, 2) for s in OF_A_WAVE}
    first, last = (of_wave(online, "train", wave) for wave in (1, 2))
    assert [of_wave(online, "solve", wave).inputs["model"] for wave in (1, 2)] == [
        m.champion.digest, first.figures["checkpoint"],
    ]  # fmt: skip
    assert m.candidate.digest == last.figures["checkpoint"] != first.figures["checkpoint"]
    assert last.inputs["moments"] == first.figures["moments"]
    for wave in (1, 2):
        solved = of_wave(online, "solve", wave)
        assert {row["checkpoint"] for row in rows_of(online, solved.tables["attempts"])} == {solved.inputs["model"]}


def test_questions_and_probe_rows_are_divided_over_the_waves_by_their_texts(online):
    (m,) = online.manifests
    text_of = {row["id"]: row["question"] for row in rows_of(online, *m.tables["questions"])}
    text_of |= {row["id"]: row["question"] for row in rows_of(online, *m.tables["inputs/probe"])}
    asked = [
        {row["question_id"] for row in rows_of(online, of_wave(online, "solve", wave).tables["attempts"])}
        for wave in (1, 2)
    ]
    assert asked[0] | asked[1] == text_of.keys()
    for wave, ids in enumerate(asked, 1):
        assert ids
        assert all(in_wave(text_of[question], (wave, 2)) for question in ids)
    assert sum(ref.rows for ref in m.tables["verdicts"]) == m.tables["questions"][0].rows


def test_what_is_trained_on_is_selected_and_no_benchmark_or_probe_row(online):
    (m,) = online.manifests
    selected = {row["question_id"] for row in rows_of(online, *m.tables["selections"])}
    protected = {
        row["question"] for t in ("inputs/probe", "inputs/benchmark_items") for row in rows_of(online, *m.tables[t])
    }
    rows = rows_of(online, *m.tables["advantages"])
    assert {row["group"] for row in rows if row["kept"]} == selected
    assert any(not row["kept"] for row in rows)
    assert not {row["prompt"].removesuffix("=\n") for row in rows} & protected
    assert m.trained_on == {"policy": sum(row["kept"] for row in rows)}


def test_the_manifest_has_each_waves_figures_and_what_they_come_to_together(online):
    (m,) = online.manifests
    marks = [row["correct"] for row in rows_of(online, *m.tables["probe_verdicts"]) if row["correct"] is not None]
    precision = precisions(m)["vote"]
    assert (precision.n, precision.accuracy) == (len(marks), pytest.approx(sum(marks) / len(marks)))
    for wave in (1, 2):
        verdicts = rows_of(online, of_wave(online, "vote", wave).tables["verdicts"])
        inside = sum(0.5 <= row["agreement"] <= 0.9 for row in verdicts if row["answer"] is not None)
        band = m.figures[f"select.wave-{wave}"]["band"]
        assert band["in"] == pytest.approx(inside / len(verdicts))
        assert sum(band.values()) == pytest.approx(1)
    steps = sorted(rows_of(online, *m.tables["train_steps"]), key=lambda row: row["step"])
    assert [row["step"] for row in steps] == [1, 2, 3, 4, 5, 6]
    rates = [row["learning_rate"] for row in steps]
    assert rates == pytest.approx([1e-4 * (6 - step) / 6 for step in range(6)])
    assert steps[0]["kl"] == pytest.approx(0, abs=1e-6)
    assert all(row["entropy"] > 0 and row["length"] > 10 and 0 < row["reward"] < 1 for row in steps)


def test_the_votes_precision_is_asked_of_all_waves_so_far_and_every_waves_steps_are_validated(online):
    (m,) = online.manifests
    given = {shown: online.stage_record(1, "validate", key).inputs["tables"] for shown, key in m.stages.items()
             if shown.startswith("validate")}  # fmt: skip
    marks = [of_wave(online, "vote", wave).tables["probe_verdicts"].digest for wave in (1, 2)]
    assert [set(marks) & set(given[f"validate.wave-{wave}"]) for wave in (1, 2)] == [{marks[0]}, set(marks)]
    steps = {of_wave(online, "train", wave).tables["train_steps"].digest for wave in (1, 2)}
    assert steps <= set(given["validate.scores"])


def test_a_row_tells_its_story_by_its_own_wave(online):
    (m,) = online.manifests
    for wave in (1, 2):
        rows = rows_of(online, of_wave(online, "advantage", wave).tables["advantages"])
        kept = next(row for row in rows if row["kept"])
        told = explain(online, kept["id"])
        assert {stage["stage"] for stage in told.stages} == {"propose", *(f"{s}.wave-{wave}" for s in OF_A_WAVE)}
        became = {e["row"]["id"]: e for e in told.tables["advantages"]}
        assert {t["checkpoint"] for e in became.values() for t in e["trained"]} == {m.candidate.digest}
        assert became[kept["id"]]["trained"]
        assert kept["id"] in follow(online, kept["sample_id"]).rounds[0]["made"]["advantages"]
        for apart in [row for row in rows if not row["kept"]][:1]:
            assert not any(e["trained"] for e in explain(online, apart["id"]).tables["advantages"])
            assert follow(online, apart["id"]).checkpoints == []


def test_weights_between_waves_may_go_once_the_round_is_published(online):
    (m,) = online.manifests
    between = of_wave(online, "train", 1).objects
    assert all((online.objects / digest).exists() for digest in between)
    for garbage in find_garbage(online.store, 0):
        remove_garbage(online.store, garbage)
    assert not any((online.objects / digest / "object.json").exists() for digest in between)
    assert online.checkpoint_folder(m.candidate).is_dir()
    assert examine_store(online.store).damage == ()


def test_a_round_that_stopped_between_waves_goes_on_as_if_it_had_not(play, tmp_path, write_recipe):
    assert play(budget__max_tokens=18_000) == []
    lineage = open_lineage(tmp_path / "store", "online")
    first = [path for path in (lineage.round_folder(1) / "stages").iterdir() if path.name.startswith("train-")]
    assert len(first) == 1, "the first wave was trained, the second was being solved"
    record = lineage.stage_record(1, "train", first[0].stem.removeprefix("train-"))
    kept = {path for digest in record.objects for path in (lineage.objects / digest).iterdir()}
    for path in kept:
        os.utime(path, (0, 0))
    assert len(record.objects) == 2
    assert not kept & {path for garbage in find_garbage(lineage.store, 3600) for path in garbage.files}
    plan = preflight(write_recipe("online", **ONLINE), tmp_path / "store")
    planned = {p.stage: p.state for p in plan_round(plan, lineage)}
    assert [planned[f"{stage}.wave-1"] for stage in OF_A_WAVE] == ["reused"] * 6
    assert planned["solve.wave-2"] == "resumed"
    assert planned["train.wave-2"] == "running"
    (resumed,), (uninterrupted,) = play(), play("other")
    assert digests(resumed) == digests(uninterrupted)
    assert resumed.candidate == uninterrupted.candidate


def test_a_stop_rule_ends_the_waves_and_the_gate_judges_what_there_is(play, tmp_path):
    (m,) = play(train__stop={"max_kl": 1e-6})
    assert not any(shown.endswith(".wave-2") for shown in m.stages)
    assert m.decision in ("held", "promoted")
    record = open_lineage(tmp_path / "store", "online").stage_record(1, "train", m.stages["train.wave-1"])
    assert record.figures["stopped"]["policy"].startswith("KL ")
    assert m.candidate.digest == record.figures["checkpoint"]
    assert examine_store(tmp_path / "store").damage == ()


def test_a_wave_with_too_little_to_train_on_fails_the_round_and_leaves_no_candidate(play, tmp_path):
    (m,) = play(validation__min_policy_rows=100_000)
    assert (m.decision, m.candidate) == ("failed", None)
    assert m.reason.startswith("advantages: expect_column_sum_to_be_between(kept): observed ")
    assert "alarms" in m.stages, "what went wrong is measured all the same"
    assert examine_store(tmp_path / "store").damage == ()


def test_attempts_that_are_all_alike_end_a_wave_in_one_line_and_leave_the_champion(play, tmp_path):
    grpo = {name: value for name, value in POLICY.items() if name not in ("kl", "kl_weight", "reference")}
    grpo |= {"advantage": "group", "scale": "sample"}
    (m,) = play(select__min_agreement=1.0, select__max_agreement=1.0, train__policy=grpo)
    lineage = open_lineage(tmp_path / "store", "online")
    assert (m.decision, m.candidate) == ("failed", None)
    assert m.reason.endswith("(kept): observed 0.0, expected at least 20.0")
    assert m.dropped["no_difference"] > 0 == sum(row["kept"] for row in rows_of(lineage, *m.tables["advantages"]))
    assert lineage.champion(m.base) == m.base
    assert examine_store(tmp_path / "store").damage == ()


@pytest.mark.slow
def test_a_round_that_fails_in_a_later_wave_is_sound(play, tmp_path):
    (m,) = play(train__policy=POLICY | {"learning_rate": 0.1, "schedule": "constant"})
    assert (m.decision, m.candidate) == ("failed", None)
    assert {"train.wave-1", "solve.wave-2"} <= m.stages.keys()
    assert "train.wave-2" not in m.stages
    assert examine_store(tmp_path / "store").damage == ()


def test_method_and_training_go_together(write_recipe):
    build = {"solutions_per_question": 1, "pairs_per_question": 0}
    with pytest.raises(BadInput, match=r"build: method = 'serl_online' does not read it; .* do"):
        load_recipe(write_recipe(**ONLINE | {"build": build}))
    without = ONLINE | {"method": "serl", "build": build}
    with pytest.raises(BadInput, match=r"min_policy_rows: method = 'serl' does not read it; .* do"):
        load_recipe(write_recipe(**without))
    one = {key: value for key, value in without.items() if key != "validation__min_policy_rows"}
    with pytest.raises(BadInput, match=r"'policy' does not go with method = 'serl', which trains by sft"):
        load_recipe(write_recipe(**one))
