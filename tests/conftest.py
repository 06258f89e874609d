"""What the tests share: a small recipe on the tiny model, and a draft to play one stage in."""

import copy
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from flows import environment

if worker := os.environ.get("PYTEST_XDIST_WORKER"):  # two side by side: a database and a core for each
    os.environ |= {"PREFECT_HOME": str(environment.ROOT / ".prefect" / worker), "OMP_NUM_THREADS": "1"}
os.environ.setdefault("OMP_NUM_THREADS", "1")  # no process for each core, but where a test is about them
environment.prepare()

from flows.recipes import read_recipe  # noqa: E402
from schemas.gate import GateResult  # noqa: E402
from schemas.manifest import CheckpointRef, Manifest, TableRef  # noqa: E402
from schemas.recipe import Recipe  # noqa: E402
from tasks.publish import publish  # noqa: E402
from tasks.store.draft import Draft  # noqa: E402
from tasks.store.lineage import Lineage, make_store, open_lineage  # noqa: E402
from tasks.store.objects import keep_checkpoint  # noqa: E402
from tasks.store.parquet import table_ref, write_part  # noqa: E402
from tasks.store.place import store_at  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
TINY = ROOT / "deployments/models/tiny"
SMALL = {
    "rounds": 1,
    "propose.target": 40,
    "propose.prompts_per_wave": 32,
    "solve.num_samples": 4,
    "solve.questions_per_shard": 64,
    "validation.min_sft_examples": 10,
    "validation.min_vote_precision": 0.3,
    "train.sft.steps": 4,
    "evaluate.sampled_items": 20,
    "evaluate.num_samples": 2,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file begins first: begun last, it would be played alone for minutes."""
    items.sort(key=lambda item: item.path.name != "test_resume.py")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What tests want shown, whichever process they ran in: seeds, and tables of kills."""
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if getattr(report, "when", "") == "call":
            for line in (text for name, text in report.user_properties if name == "shown"):
                terminalreporter.write_line(line)


def changed(recipe: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A recipe with dotted keys replaced; None removes a key."""
    recipe = copy.deepcopy(recipe)
    for dotted, value in changes.items():
        *tables, key = dotted.split(".")
        table = recipe
        for name in tables:
            table = table.setdefault(name, {})
        if value is None:
            table.pop(key, None)
        else:
            table[key] = copy.deepcopy(value)  # a later key may go into it
    return recipe


@pytest.fixture(scope="session")
def quickstart() -> dict[str, Any]:
    """The shipped quickstart recipe, its paths made absolute, its benchmarks cut to a sample."""
    folder = ROOT / "deployments/recipes"
    recipe = tomllib.loads((folder / "quickstart.toml").read_text())
    recipe["model"]["path"] = str((folder / recipe["model"]["path"]).resolve())
    for rows in (recipe["data"]["seeds"], recipe["data"]["probe"], *recipe["benchmarks"]):
        rows["path"] = str((folder / rows["path"]).resolve())
    for benchmark in recipe["benchmarks"]:
        benchmark["sample"] = 200
    recipe["data"]["probe"]["sample"] = 40
    return changed(recipe, SMALL)


@pytest.fixture(scope="session")
def written_recipe() -> Callable[..., Path]:
    """Write a recipe with changes into a folder; `train__sft__steps` stands for train.sft.steps."""

    def write(folder: Path, recipe: dict[str, Any], name: str, **changes: Any) -> Path:
        dotted = {key.replace("__", "."): value for key, value in changes.items()}
        path = folder / f"{name}.toml"
        path.write_text(tomli_w.dumps(changed(recipe, {"name": name, **dotted})))
        return path

    return write


@pytest.fixture
def write_recipe(
    tmp_path: Path, quickstart: dict[str, Any], written_recipe: Callable[..., Path]
) -> Callable[..., Path]:
    """The small quickstart recipe, changed, in this test's folder."""
    return lambda name="small", **changes: written_recipe(tmp_path, quickstart, name, **changes)


@pytest.fixture
def recipe(quickstart: dict[str, Any]) -> Recipe:
    return read_recipe(quickstart)


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    """A place to play one stage in, without a flow."""
    return Draft(lineage=Lineage(tmp_path / "store", "small", ()), round=1, stage="stage", key="0" * 32, seed=1)


@pytest.fixture
def tiny(draft: Draft) -> CheckpointRef:
    return keep_checkpoint(draft.lineage.objects, TINY)


@pytest.fixture
def given(draft: Draft) -> Callable[..., TableRef]:
    """Write rows as if an earlier stage had."""
    made = iter(range(1, 100))

    def write(table: Any, rows: list[dict[str, Any]]) -> TableRef:
        folder = draft.folder / table.name / f"{next(made):032x}"
        write_part(folder / "part-0000.parquet", table, rows)
        return table_ref(draft.lineage.folder, folder, table)

    return write


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real S3 server (SeaweedFS) on loopback, found by its address in the environment; a bucket's URL."""
    with pytest.MonkeyPatch.context() as patch, _seaweedfs(tmp_path_factory.mktemp("s3")) as environment:
        for name, value in environment.items():
            patch.setitem(os.environ, name, value)
        yield "s3://factory"


@pytest.fixture
def s3_store(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new store at that server, and a machine that has cached nothing yet."""
    monkeypatch.setenv("SELFPLAY_CACHE", str(tmp_path / "cache"))
    return f"{s3_server}/{tmp_path.name}"


class Rounds:
    """A lineage of published rounds that nobody played: for tests of what is made of manifests and records."""

    def __init__(self, store, folder):
        self.store, self.folder = store_at(store), folder
        make_store(self.store)
        self.base = keep_checkpoint(self.store / "objects", TINY)

    @property
    def lineage(self):
        return open_lineage(self.store, "small")

    def weights(self, name):
        """Weights that differ from all others in a word of their description."""
        folder = self.folder / name
        shutil.copytree(TINY, folder)
        told = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(told | {"described_as": name}))
        return keep_checkpoint(self.store / "objects", folder)

    def table(self, table, rows, stage="1" * 32):
        """Rows of the next round, as a stage wrote them."""
        folder = self.lineage.round_folder(self.lineage.next_round) / table.name / stage
        write_part(folder / "part-0000.parquet", table, rows)
        return table_ref(self.lineage.folder, folder, table)

    def publish(self, decision, candidate: CheckpointRef | None = None, awaiting=False, **changes):
        lineage = self.lineage
        number = lineage.next_round
        candidate = candidate or (None if decision == "failed" else self.weights(f"w{number}"))
        gate = GateResult(
            decision="promoted" if decision == "promoted" else "held", reason="as told", benchmark="sums",
            test="mcnemar", n=1, gained=1, lost=0, difference=1.0, low=0.0, high=1.0, p_value=0.5,
            awaiting_approval=awaiting,
        )  # fmt: skip
        manifest = Manifest(
            recipe="small", round=number, method="serl", decision=decision, reason="as told", parent=None,
            base=self.base, champion=lineage.champion(self.base), candidate=candidate, stages={},
            fixed={"base": self.base.digest},
            tables={}, dropped={}, inputs={}, figures={}, trained_on={}, scores={},
            gate=gate if decision != "failed" else None, validation={}, seconds={}, tokens={}, started="",
            finished="", versions={}, device="cpu", git="unknown", seed=1,
            previous=lineage.last_manifest, record=lineage.last_record,
        )  # fmt: skip
        manifest = manifest.model_copy(update=changes)
        publish(lineage.round_folder(number), manifest)
        return manifest


@pytest.fixture
def rounds(tmp_path):
    return Rounds(tmp_path / "store", tmp_path / "weights")


@pytest.fixture
def s3_rounds(s3_store, tmp_path):
    return Rounds(s3_store, tmp_path / "weights")


@contextmanager
def _seaweedfs(folder: Path) -> Iterator[dict[str, str]]:
    master, volume, filer, s3, *grpc = _free_ports(8)
    ports = [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"]
    for part, port in zip(("master", "volume", "filer", "s3"), grpc, strict=True):
        ports.append(f"-{part}.port.grpc={port}")
    command = [
        str(Path(sys.executable).with_name("weed")), "server", f"-dir={folder}", "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1", "-s3", "-filer", *ports, "-master.volumeSizeLimitMB=64", "-volume.max=50",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
    ]  # fmt: skip
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3}",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with open(folder / "weed.log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _make_bucket(environment, server)
        yield environment
    finally:
        server.kill()
        server.wait()


def _make_bucket(environment: dict[str, str], server: "subprocess.Popen[bytes]") -> None:
    """The server answers with errors for its first seconds."""
    import s3fs

    until = time.monotonic() + 120
    while True:
        try:
            s3fs.S3FileSystem(
                endpoint_url=environment["AWS_ENDPOINT_URL"], key="any", secret="any", skip_instance_cache=True
            ).mkdir("factory")
            return
        except Exception:
            assert server.poll() is None and time.monotonic() < until, "SeaweedFS did not start"
            time.sleep(0.3)


def _free_ports(number: int) -> list[int]:
    probes = [socket.socket() for _ in range(number)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def chromium():
    """A real browser."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    assert path, "no chromium on this machine; type: make chromium"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])  # the tests may run as root
        yield browser
        browser.close()
