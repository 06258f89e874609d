"""`selfplay plan`, what a rerun says of each stage, and --from-stage."""

import json

import pytest

from flows.console import Console
from flows.plan import plan_round
from flows.preflight import preflight
from flows.run import run_recipe
from schemas.errors import BadInput
from tasks.store.lineage import open_lineage

ALL = [
    *("collect", "propose", "solve", "vote", "select", "build", "validate", "alarms"),
    *("evaluate.base", "evaluate.champion", "train", "evaluate.candidate", "validate.scores", "gate"),
]
STOPS_IN_SOLVE = {"budget__max_tokens": 9000, "solve__questions_per_shard": 16}


class Said(Console):
    """A console whose lines are kept."""

    def __init__(self):
        super().__init__(to_stderr=True)
        self.lines = []

    def note(self, line):
        self.lines.append(line)

    def of(self, stage):
        return [line.strip() for line in self.lines if line.split() and line.split()[0] == stage]


@pytest.fixture
def play(tmp_path, write_recipe):
    def run(from_stage="", name="small", **changes):
        said = Said()
        return run_recipe(write_recipe(name, **changes), tmp_path / "store", None, said, from_stage), said

    return run


@pytest.fixture
def planned(tmp_path, write_recipe):
    def plan(**changes):
        ready = preflight(write_recipe(**changes), tmp_path / "store")
        return {stage.stage: stage for stage in plan_round(ready, open_lineage(ready.store, "small"))}

    return plan


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_plan_names_every_stage_of_the_next_round_and_writes_nothing(tmp_path, planned):
    stages = planned()
    assert list(stages) == ALL
    assert (stages["collect"].state, stages["collect"].why) == ("running", "not in the store")
    assert (stages["propose"].state, stages["propose"].why) == ("running", "after collect")
    assert (
        stages["gate"].why
        == "after alarms, evaluate.base, evaluate.candidate, evaluate.champion, validate.scores, vote"
    )
    assert not (tmp_path / "store").exists()


def test_a_rerun_says_of_each_stage_whether_it_is_reused_resumed_or_why_it_runs(play, planned, tmp_path):
    assert play(**STOPS_IN_SOLVE)[0] == []
    whole = len(list((tmp_path / "store/small/round-0001/attempts").glob("*/*")))
    before = files(tmp_path / "store")
    again = planned(solve__questions_per_shard=16)
    assert (again["collect"].state, again["propose"].state, again["solve"].state) == ("reused", "reused", "resumed")
    assert again["solve"].why.startswith(f"{whole} part")
    other = planned(**STOPS_IN_SOLVE | {"propose__target": 30})
    assert (other["collect"].state, other["propose"].state) == ("reused", "running")
    assert other["propose"].why == "settings.settings.target changed"
    assert files(tmp_path / "store") == before
    (resumed,), said = play(solve__questions_per_shard=16)
    assert said.of("collect") == ["collect                   reused (already complete)"]
    assert f"(resumed at shard {whole + 1} of 5)" in said.of("solve")[0]
    assert "evaluate.champion         reused (already complete)" in said.of("evaluate.champion")
    following = planned(solve__questions_per_shard=16, solve__num_samples=5)
    assert following["solve"].why == "after propose"
    assert following["evaluate.base"].state == "reused"
    assert following["evaluate.base"].why == f"from {resumed.recipe}/1"


def test_a_stage_is_played_again_with_those_below_it_and_no_other(play, tmp_path):
    assert play(**STOPS_IN_SOLVE)[0] == []
    round_1 = tmp_path / "store/small/round-0001"
    kept = {path: at for path, at in files(round_1).items() if "attempts" not in path.parts}
    shards = files(round_1 / "attempts")
    with pytest.raises(BadInput, match="--from-stage votes: expected one of collect, propose, solve, vote"):
        play("votes", solve__questions_per_shard=16)
    (manifest,), said = play("solve", solve__questions_per_shard=16)
    assert said.of("propose") == ["propose                   reused (already complete)"]
    assert "resumed" not in said.of("solve")[0]
    assert "reused" in said.of("evaluate.champion")[0], "what evaluate.base has just made again"
    after = files(round_1)
    assert {path: after[path] for path in kept if path.name != "recipe.toml"} == {
        path: at for path, at in kept.items() if path.name != "recipe.toml"
    }
    assert all(after[path] != at for path, at in shards.items()), "every shard was made again"
    published = files(round_1)
    with pytest.raises(BadInput, match=r"round small/2 has not begun; a published one is never touched"):
        play("vote", solve__questions_per_shard=16)
    assert files(round_1) == published
    assert json.loads((round_1 / "manifest.json").read_text())["decision"] == manifest.decision


def test_a_plan_of_a_round_that_validation_failed_ends_there(play, planned, tmp_path):
    invalid = {"validation__min_sft_examples": 100_000}
    (failed,), _ = play(**invalid)
    assert failed.decision == "failed"
    (tmp_path / "store/small/round-0001/manifest.json").unlink()  # as if killed before it was written
    stages = planned(**invalid)
    assert list(stages) == ALL[: ALL.index("evaluate.base")]
    assert stages["validate"].why == "already complete; it failed the round, which ends there"
    (again,), said = play("vote", **invalid)
    assert again.decision == "failed"
    assert "reused" not in said.of("vote")[0]


def test_a_torn_shard_and_a_torn_table_of_a_draft_are_made_again(play, tmp_path):
    (never_torn,), _ = play(name="never", solve__questions_per_shard=16)
    assert play(**STOPS_IN_SOLVE)[0] == []
    round_1 = tmp_path / "store/small/round-0001"
    shard = sorted((round_1 / "attempts").glob("*/part-*"))[0]
    shard.write_bytes(shard.read_bytes()[:-40])
    questions = next((round_1 / "questions").glob("*/part-*"))
    content = bytearray(questions.read_bytes())
    content[len(content) // 3] ^= 0xFF
    questions.write_bytes(content)
    (mended,), said = play(solve__questions_per_shard=16)
    assert "reused" not in said.of("propose")[0]
    digests = [{t: [ref.digest for ref in refs] for t, refs in m.tables.items()} for m in (mended, never_torn)]
    assert digests[0] == digests[1]
    assert mended.candidate == never_torn.candidate
