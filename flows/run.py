"""What `selfplay run` does around the flow: check first, start Prefect's server beside the imports, then play."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from flows.console import CONSOLE, Console
from flows.preflight import preflight
from flows.server import start_server
from schemas.errors import Stopped
from schemas.manifest import Manifest
from tasks.store.lineage import open_lineage
from tasks.store.lock import refuse_if_held
from tasks.store.place import check_writable, on_disk


def run_recipe(
    recipe: Path, store: str | Path, rounds: int | None, console: Console, from_stage: str = ""
) -> list[Manifest]:
    """Play rounds in this process, as the flow a deployment plays; the manifests published by it."""
    plan = preflight(recipe, store)
    if on_disk(plan.store):
        for folder in (plan.store, plan.store / "objects", plan.store / plan.recipe.name / "lock"):
            check_writable(folder)
    refuse_if_held(plan.store / plan.recipe.name)  # the flow takes it; this is the quick answer
    os.environ.setdefault("PREFECT_LOGGING_INTERNAL_LEVEL", "CRITICAL")  # events that its server did not take
    console.note(f"{plan.recipe.name}: loading libraries and starting Prefect")
    with start_server() as server:
        _load_libraries()
        from prefect.settings import PREFECT_API_URL, temporary_settings

        from flows.nightly import nightly

        if server:
            server.wait()
        threading.Thread(target=_load_later_libraries, daemon=True).start()
        CONSOLE.set(console)
        with temporary_settings({PREFECT_API_URL: server.url} if server else {}):
            played = set(_answered(lambda: nightly(str(recipe), str(store), rounds, from_stage)))
    return [m for m in open_lineage(plan.store, plan.recipe.name).manifests if f"{m.recipe}/{m.round}" in played]


def _answered(play: Callable[[], list[str]]) -> list[str]:
    """What was played. Raises Stopped if Prefect's server failed the flow: others name their faults themselves."""
    from httpx import HTTPError
    from prefect.settings import PREFECT_API_URL

    try:
        return play()
    except PermissionError as error:  # under way: then the input was good
        raise Stopped(f"{error}; what is whole stays, run again to go on") from error
    except HTTPError as error:
        url = PREFECT_API_URL.value()
        raise Stopped(
            f"Prefect's server at {url}: {error.__class__.__name__}: {error}; rounds that were published stay, "
            "run again to go on"
        ) from error


def _load_libraries() -> None:
    """What the first token needs."""
    import torch  # noqa: F401
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig  # noqa: F401


def _load_later_libraries() -> None:
    """What later stages import, loaded while the model generates. Not trl itself, whose module takes another's place
    when it is whole: a stage that imports it at that moment is left with half of the first."""
    with suppress(Exception):  # the stage that needs it meets the same trouble, and says so
        import accelerate  # noqa: F401
        import datasets  # noqa: F401
        import great_expectations  # noqa: F401
        import peft  # noqa: F401
        from transformers import Trainer  # noqa: F401
