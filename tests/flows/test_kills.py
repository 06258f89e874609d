"""SIGKILL from outside, at moments all over a round: what a rerun ends with is what an uninterrupted run ends with.

SELFPLAY_TEST_SEED repeats the choice of moments and delays; where a kill then hits is the machine's.
"""

import os
import random
import secrets
import shutil
import signal
import time

import psutil
import pytest

from tasks.store.lineage import open_lineage

from .aftermath import damaged, last_write, table_of, unaccounted, where
from .killing import LINEAGE, MOMENTS, Kill, Moment, Victim, command, warm
from .serving import serving_prefect

SMALL = {
    "solve__questions_per_shard": 8,
    "evaluate__items_per_shard": 50,
    "train__save_minutes": 0,
    "train__sft__steps": 6,
}
DPO = {
    "steps": 4, "batch_size": 8, "rows_at_once": 8, "learning_rate": 1e-4, "schedule": "cosine", "warmup_steps": 1,
    "max_length": 128, "beta": 0.1, "loss_type": ["sigmoid"], "loss_weights": [1.0],
}  # fmt: skip
METHODS = {"sft": {}, "sft and dpo": {"train__methods": ["sft", "dpo"], "train__dpo": DPO}}
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # small matrices: two threads wait for each other, for long on a busy machine
DEATH_SECONDS = 10.0


class Played:
    """A small recipe, and how its round ends if nothing interrupts it."""

    def __init__(self, start, path):
        self.start, self.path = start, path
        self.whole = self.finish(path.parent / "whole")

    def finish(self, store, **environment):
        """Play to the end; the one published round."""
        arguments, log = ["run", str(self.path), "--store", str(store)], store.with_suffix(".log")
        assert self.start(arguments, surroundings(**environment), log).wait() == 0, log
        (manifest,) = open_lineage(store, LINEAGE).manifests
        return manifest

    def check(self, store):
        """The same rows, weights and decision, one round, and nothing that `selfplay gc` would miss."""
        (manifest,) = open_lineage(store, LINEAGE).manifests
        for of in (digests, lambda m: m.candidate, lambda m: m.stages, lambda m: m.gate, lambda m: m.scores):
            assert of(manifest) == of(self.whole)
        log = store.with_suffix(".log")
        gc = ["gc", "--store", str(store), "--remove", "--grace-days", "0"]
        assert self.start(gc, surroundings(), log).wait() == 0, log.read_text()
        assert unaccounted(store) == []
        assert damaged(store) == []
        assert len(open_lineage(store, LINEAGE).manifests) == 1


class Series:
    """Kills, one after the other, on one store."""

    def __init__(self, played, store, rng, start=None):
        self.played, self.store, self.rng, self.start = played, store, rng, start or played.start
        self.kills = []

    def kill(self, moment, **environment):
        """Play until the moment and a random while more, then kill; False if the run had ended.

        A round that was published by then is held against the uninterrupted one, and the series goes on from the
        store as it was before. If the kill was aimed at an earlier stage, it is aimed anew, for sooner.
        """
        for sooner in (1, 4, 16):
            at, over = self._kill_within(moment, moment.within / sooner, environment)
            if moment.stage == "publish" or not over:
                return at is not None
        raise AssertionError(f"{moment}: the round was over before, three times")

    def _kill_within(self, moment, seconds, environment):
        """When the kill hit, None if the run had ended; and whether the round was published."""
        before = self.store.with_suffix(".before")
        shutil.rmtree(before, ignore_errors=True)
        if self.store.exists():
            shutil.copytree(self.store, before)
        if moment.stage == "publish":
            _litter(self.store)
        delay = self.rng.uniform(0, seconds)
        victim = Victim(self.start, self.played.path, self.store, surroundings(**environment))
        victim.wait_for(moment)
        _sleep(delay)
        at = victim.kill()
        if at:
            hit = where(victim, self.played.whole)
            self.kills.append(Kill(moment, delay, *hit, at - last_write(self.store)))
        else:
            assert victim.process.returncode == 0, victim.log.read_text()
        _, alive = psutil.wait_procs(victim.started(), DEATH_SECONDS)
        assert alive == [], "what a run started dies with it"
        over = (victim.round / "manifest.json").exists()
        if over:
            self.played.check(self.store)
            shutil.rmtree(self.store)
            before.rename(self.store)
        return at, over

    def end(self, **environment):
        """Play to the end."""
        manifest = self.played.finish(self.store, **environment)
        assert manifest.epoch == len(list((self.store / LINEAGE / "lock").glob("*.json")))
        self.played.check(self.store)

    @property
    def stages(self):
        return [kill.stage for kill in self.kills]


@pytest.fixture(scope="module")
def start_warm():
    with warm(surroundings()) as start:
        yield start


@pytest.fixture(scope="module")
def played(tmp_path_factory, start_warm, quickstart, written_recipe):
    """A recipe for these training methods, played once for all tests."""
    made = {}

    def play(methods):
        if methods not in made:
            folder = tmp_path_factory.mktemp("reference")
            path = written_recipe(folder, quickstart, LINEAGE, **SMALL, **METHODS[methods])
            made[methods] = Played(start_warm, path)
        return made[methods]

    return play


@pytest.fixture
def rng(request):
    seed = int(os.environ.get("SELFPLAY_TEST_SEED") or secrets.randbelow(10**6))
    request.node.user_properties.append(("shown", f"SELFPLAY_TEST_SEED={seed} of {request.node.name}"))
    return random.Random(seed)


@pytest.fixture
def show(request):
    """Have the table of kills printed when all tests have ended."""
    return lambda series, title: request.node.user_properties.append(("shown", table_of(series.kills, title)))


def test_four_kills_in_generation_training_evaluation_and_publish_change_nothing(played, tmp_path, rng, show):
    series = Series(played("sft"), tmp_path / "store", rng)
    for moments in (_of("propose", "solve"), _of("train")[:2], _of("evaluate")[1:], _of("publish")):
        while not series.kill(rng.choice(moments)):
            pass
    show(series, "Four kills")
    series.end()
    assert len(series.kills) >= 4  # one that came too late is aimed anew
    assert {"train", "publish"} <= set(series.stages)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("methods", METHODS)
def test_kills_all_over_a_round_change_nothing(played, prefect_url, tmp_path, rng, show, methods):
    """Twelve times a series: the command itself where it starts, and twice on a user's Prefect server; forks of one
    process that has loaded its libraries elsewhere."""
    series = Series(played(methods), tmp_path / "store", rng)
    early = [m for m in MOMENTS if m.stage not in ("train", "publish")]
    training, publishing = _of("train"), _of("publish")
    in_training = (*rng.sample(training[:3], 2), rng.choice(training[3:]))  # those last; these may hit what follows
    aimed = {*rng.sample(early, 5), *in_training, *rng.sample(publishing, 2), publishing[-1]}
    served = rng.sample(range(1, len(aimed)), 2)
    for number, moment in enumerate(m for m in MOMENTS if m in aimed):
        series.start = command if number in (0, *served) else series.played.start
        series.kill(moment, **({"PREFECT_API_URL": prefect_url} if number in served else {}))
    series.start = series.played.start
    kinds = ("no manifest", "strays left")
    for _ in range(20):  # publishing takes milliseconds
        if len(series.kills) >= 12 and all(any(k.phase.endswith(kind) for k in series.kills) for kind in kinds):
            break
        series.kill(rng.choice(publishing))
    show(series, f"{len(series.kills)} kills, {methods}")
    series.end()
    assert len(series.kills) >= 12
    assert series.stages.count("train") >= 2
    assert series.stages.count("publish") >= 3


ENDS = (
    ("solve", (signal.SIGTERM,), 143, "ended by SIGTERM"),
    ("train", (signal.SIGINT, signal.SIGINT, signal.SIGINT), 130, "interrupted"),
    ("evaluate", (signal.SIGINT, signal.SIGTERM), 130, "interrupted"),
)


@pytest.mark.slow
def test_a_run_that_is_told_to_end_says_how_to_go_on_and_a_rerun_ends_as_if_never_told(played, tmp_path, rng):
    series = Series(played("sft"), tmp_path / "store", rng)
    for stage, signals, code, words in ENDS:
        victim = Victim(series.start, series.played.path, series.store, surroundings())
        assert victim.wait_for(_of(stage)[1])
        victim.log.write_text("")
        told = time.monotonic()
        for number in signals:  # a user who loses patience
            os.kill(victim.process.pid, number)
            time.sleep(0.1)
        assert victim.process.wait() == code
        assert time.monotonic() - told < 8
        said = victim.log.read_text().splitlines()
        assert said[-1] == f"selfplay: {words}; what is complete is kept; run again to go on"
        assert "Traceback" not in "".join(said)
        assert psutil.wait_procs(victim.started(), DEATH_SECONDS)[1] == []
    series.end()


@pytest.mark.slow
def test_with_engines_on_two_cores_kills_leave_no_process_and_the_rows_of_one_core(played, tmp_path, rng, show):
    series = Series(played("sft"), tmp_path / "store", rng, command)
    for moment in (*_of("solve")[1:], *_of("evaluate")):
        series.kill(moment, OMP_NUM_THREADS="2")
    show(series, "Kills of two engines")
    assert len(series.kills) >= 3
    series.end(OMP_NUM_THREADS="2")


@pytest.mark.slow
def test_a_lost_prefect_database_changes_nothing(played, tmp_path, rng):
    series = Series(played("sft"), tmp_path / "store", rng)
    home = tmp_path / "home"
    home.mkdir()
    with serving_prefect(home) as (url, _):
        assert series.kill(_of("solve")[-1], PREFECT_API_URL=url)
    shutil.rmtree(home)
    home.mkdir()
    with serving_prefect(home) as (url, _):
        series.end(PREFECT_API_URL=url)


def test_of_two_runs_at_once_the_second_is_told_of_the_first_and_exits_3(start_warm, tmp_path, write_recipe):
    store, second_log = tmp_path / "store", tmp_path / "second.log"
    path = write_recipe(LINEAGE, **SMALL | {"train__sft__steps": 5000})  # busy for as long as it is watched
    first = Victim(start_warm, path, store, surroundings())
    assert first.wait_for(Moment("start", "lock", "../lock/*.beat"))
    began = time.monotonic()
    second = command(["run", str(path), "--store", str(store)], surroundings(), second_log)
    code, seconds = second.wait(), time.monotonic() - began
    assert first.runs
    first.kill()
    said = second_log.read_text()
    assert (code, said.count("\n")) == (3, 1), said
    for told in (f"{store / LINEAGE} is held by run", f"(pid {first.process.pid} on {os.uname().nodename}", ", for "):
        assert told in said
    assert seconds < 20
    assert len(list((store / LINEAGE / "lock").glob("*.json"))) == 1, "the second one takes no epoch"


def digests(manifest):
    return {name: [ref.digest for ref in refs] for name, refs in manifest.tables.items()}


def surroundings(**changes):
    """What a run finds in its environment."""
    return {name: value for name, value in (os.environ | ONE_THREAD | changes).items() if value}


def _of(*stages):
    return [moment for moment in MOMENTS if moment.stage in stages]


def _litter(store):
    """Rows under other keys, as a changed recipe leaves them: publishing removes them, which takes a while."""
    attempts = store / LINEAGE / "round-0001/attempts"
    parts = sorted(attempts.glob("*/part-*"))
    for number in range(300):
        target = attempts / f"{number:032x}" / "part-0000.parquet"
        if not target.exists():  # an earlier kill may have left it
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(parts[number % len(parts)], target)


def _sleep(seconds):
    """Shorter than the kernel's own sleep, if need be."""
    until = time.perf_counter() + seconds
    while (left := until - time.perf_counter()) > 0:
        time.sleep(left / 2 if left > 0.0005 else 0)
