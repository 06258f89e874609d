"""What the tests share: a small recipe on the tiny model, a draft to play one stage in, and one Prefect server."""

import copy
import os
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from flows import environment

environment.prepare()

from schemas.manifest import CheckpointRef, TableRef  # noqa: E402
from schemas.recipe import Recipe  # noqa: E402
from tasks.store.draft import Draft  # noqa: E402
from tasks.store.lineage import Lineage  # noqa: E402
from tasks.store.objects import keep_checkpoint  # noqa: E402
from tasks.store.parquet import table_ref, write_part  # noqa: E402

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


def changed(recipe: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A recipe with dotted keys replaced; None removes a key."""
    recipe = copy.deepcopy(recipe)
    for dotted, value in changes.items():
        *tables, key = dotted.split(".")
        table = recipe
        for name in tables:
            table = table.setdefault(name, {})
        if value is None:
            table.pop(key)
        else:
            table[key] = value
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
    return Recipe.model_validate(quickstart)


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
def prefect_server() -> Iterator[None]:
    """One real server for all flows of the session; runs find it by its URL, as a user's runs find theirs."""
    from flows.server import start_server

    with pytest.MonkeyPatch.context() as patch, start_server() as server:
        assert server is not None, "unset PREFECT_API_URL to run the tests"
        server.wait()
        patch.setitem(os.environ, "PREFECT_API_URL", server.url)
        yield
