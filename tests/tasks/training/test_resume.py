import json
import random
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from upath import UPath

from tasks.training.resume import MARK, Place, keep, newest_whole, remove_work

ROOT = Path(__file__).resolve().parents[3]
SAVE = "tasks/training/resume.py"
MOMENTS = {
    "in the trainer's save": ("sft", ["transformers/trainer.py", "self._save_scaler(", 3], 2),
    "before the mark": ("sft", [SAVE, "write_whole(", 2], 1),
    "after the mark, before older ones go": ("sft", [SAVE, "if not on_disk(place.kept):", 4], 4),
    "when sft is written, not marked": ("sft", [SAVE, "write_whole(", 5], 4),
    "before the candidate is kept": ("sft", ["tasks/train.py", "candidate = _kept_weights(", 1], 5),
    "before the candidate is whole": ("sft", ["tasks/store/objects.py", "create_once(home / LISTING", 1], 5),
    "in dpo, before the mark": ("dpo", [SAVE, "write_whole(", 3], 2),
    "between sft and dpo": ("both", ["tasks/train.py", "gc.collect()", 1], 5),
    "in a policy gradient, before the mark": ("policy", [SAVE, "write_whole(", 3], 2),
    "in dpo after sft, with adapters": ("lora", ["transformers/trainer.py", "self._save_scaler(", 7], 7),
}


@pytest.fixture(scope="module")
def play(tmp_path_factory):
    """Train in a child process: by default from nothing, to the end, without a save on the way."""
    command = [sys.executable, Path(__file__).with_name("forks.py")]
    forks = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def run(what, folder=None, kill=None):
        folder, minutes = (folder, 0) if folder else (tmp_path_factory.mktemp("whole"), 10)
        asked = {"folder": str(folder), "what": what, "kill": kill, "save_minutes": minutes}
        print(json.dumps(asked), file=forks.stdin, flush=True)
        return json.loads(forks.stdout.readline())

    yield run
    forks.stdin.close()
    assert forks.wait(10) == 0


@pytest.fixture(scope="module")
def whole(play):
    """What an uninterrupted run gives: the weights' SHA-256, the candidate's digest, every row of train_steps."""
    return cache(lambda what: play(what)["result"])


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_training_goes_on_to_the_same_weights_and_steps(play, whole, tmp_path, moment):
    what, kill, reached = MOMENTS[moment]
    total = {"sft": 5, "dpo": 4, "policy": 4}.get(what, 9)
    assert play(what, tmp_path, kill) == {"killed": True}
    again = play(what, tmp_path)
    assert again["result"] == whole(what)
    assert again["seen"]["resumed"] == [f"step {reached} of {total}"]
    assert again["seen"]["reports"] == ([] if reached == total else [*range(reached, total + 1)])


def test_a_kill_after_a_stop_rule_ended_training_changes_nothing(play, whole, tmp_path):
    assert play("stopping", tmp_path, [SAVE, "write_whole(", 1])["killed"]
    assert play("stopping", tmp_path)["result"] == whole("stopping")
    assert [row["step"] for row in whole("stopping")["steps"]] == [1]


@pytest.mark.slow
def test_training_killed_over_and_over_comes_to_the_same_end(play, whole, tmp_path, tmp_path_factory):
    lines = play("both", tmp_path_factory.mktemp("counted"))["seen"]["lines"]
    moments, kills = random.Random(1), 0
    while "result" not in (end := play("both", tmp_path, moments.randrange(lines // 2, lines))):
        assert end["killed"]
        kills += 1
        assert kills < 20, "it comes no further"
    assert kills >= 2
    assert end["result"] == whole("both")


def test_a_truncated_checkpoint_is_passed_over_for_the_one_before(play, whole, tmp_path):
    play("sft", tmp_path, MOMENTS["after the mark, before older ones go"][1])
    (torn,) = tmp_path.rglob("checkpoint-4/optimizer.pt")
    assert (torn.parents[1] / "checkpoint-3").exists()
    torn.write_bytes(torn.read_bytes()[:1000])
    again = play("sft", tmp_path)
    assert again["seen"]["resumed"] == ["step 3 of 5"]
    assert again["result"] == whole("sft")


def saved(place, name, **files):
    for file, content in ({"trainer_state.json": "{}", "optimizer.pt": "moments"} | files).items():
        path = place.work / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    keep(place, place.work / name)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "work", tmp_path / "work")


@pytest.fixture
def elsewhere(tmp_path):
    kept = UPath("memory://bucket/training")
    remove_work(kept)  # one bucket in this process
    return Place(tmp_path / "work", kept)


def flip(folder):
    content = bytearray((folder / "optimizer.pt").read_bytes())
    content[3] ^= 1
    (folder / "optimizer.pt").write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        flip,
        lambda folder: (folder / "optimizer.pt").write_text("mom"),
        lambda folder: (folder / "trainer_state.json").unlink(),
        lambda folder: (folder / "optimizer.bin").write_text("a pickle from elsewhere"),
        lambda folder: (folder / MARK).unlink(),
        lambda folder: (folder / MARK).write_text('{"files": {"trainer_st'),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_and_removed(place, tmp_path, damage):
    saved(place, "checkpoint-4")
    shutil.copytree(place.work / "checkpoint-4", tmp_path / "older")
    saved(place, "checkpoint-20")
    (tmp_path / "older").rename(place.work / "checkpoint-4")
    damage(place.work / "checkpoint-20")
    assert newest_whole(place) == place.work / "checkpoint-4"
    assert [path.name for path in place.work.iterdir()] == ["checkpoint-4"]
    damage(place.work / "checkpoint-4")
    assert newest_whole(place) is None


def test_a_new_checkpoint_replaces_the_older_ones_here_and_where_it_is_kept(elsewhere):
    for step in (9, 10):
        saved(elsewhere, f"checkpoint-{step}")
    for home in (elsewhere.work, elsewhere.kept):
        assert [path.name for path in home.iterdir()] == ["checkpoint-10"]
        assert {path.name for path in home.rglob("*.*")} == {"trainer_state.json", "optimizer.pt", MARK}


def test_another_machine_fetches_what_is_whole(elsewhere, tmp_path):
    saved(elsewhere, "finished-5", **{"weights/model.safetensors": "w"})
    other = Place(tmp_path / "other", elsewhere.kept)
    assert newest_whole(other) == other.work / "finished-5"
    assert (other.work / "finished-5/weights/model.safetensors").read_text() == "w"


@pytest.mark.parametrize("damage", [lambda f: (f / MARK).unlink(), lambda f: (f / "optimizer.pt").write_text("mom")])
def test_another_machine_passes_over_what_is_torn(elsewhere, tmp_path, damage):
    saved(elsewhere, "checkpoint-4")
    damage(elsewhere.kept / "checkpoint-4")
    other = Place(tmp_path / "other", elsewhere.kept)
    assert newest_whole(other) is None
    assert not (other.work / "checkpoint-4").exists()


def test_the_newer_of_here_and_elsewhere_is_gone_on_from(elsewhere, tmp_path):
    saved(elsewhere, "checkpoint-4")
    other = Place(tmp_path / "other", elsewhere.kept)
    assert newest_whole(other) == other.work / "checkpoint-4"
    saved(other, "checkpoint-8")
    assert newest_whole(elsewhere) == elsewhere.work / "checkpoint-8"
    (elsewhere.kept / "checkpoint-8" / MARK).unlink()  # as if its upload had been killed
    assert newest_whole(elsewhere) == elsewhere.work / "checkpoint-8"
