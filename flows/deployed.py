"""What a Prefect server is told of a night: the flow around it, and a task around each of its stages.

Deployments name it, and `selfplay run` takes it when PREFECT_API_URL is set. Without a server the same functions are
played bare, and Prefect is not even imported.
"""

from flows import environment

environment.prepare()

from prefect import flow, task  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402

from flows import nightly as night  # noqa: E402
from flows.stage import AROUND, Play  # noqa: E402
from schemas.manifest import StageRecord  # noqa: E402


@flow(name="nightly", persist_result=False, retries=0)  # by our own rules: flows/stage.py
def nightly(recipe: str, store: str = "store", rounds: int | None = None, from_stage: str = "") -> list[str]:
    """Play rounds of a recipe, from where its lineage stands; the published rounds' ids."""
    AROUND.set(as_task)
    return night.nightly(recipe, store, rounds, from_stage)


def as_task(shown: str, play: Play) -> StageRecord:
    """Play a stage as a task of the flow under way."""
    record: StageRecord = _stage.with_options(task_run_name=shown)(play)
    return record


@task(name="stage", cache_policy=NO_CACHE, persist_result=False, retries=0)
def _stage(play: Play) -> StageRecord:
    """It takes a closure: the orchestrator has no business with rows and weights."""
    return play()
