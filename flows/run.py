"""What `selfplay run` does around the flow: check first, start Prefect's server beside the imports, then play."""

import threading
from pathlib import Path

from flows.console import CONSOLE, Console
from flows.preflight import preflight
from flows.server import start_server
from schemas.manifest import Manifest
from tasks.store.lineage import open_lineage


def run_recipe(recipe: Path, store: Path, rounds: int | None, console: Console) -> list[Manifest]:
    """Play rounds in this process, as the flow a deployment plays; the manifests published by it."""
    plan = preflight(recipe, store)
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
            played = set(nightly(str(recipe), str(store), rounds))
    return [m for m in open_lineage(plan.store, plan.recipe.name).manifests if f"{m.recipe}/{m.round}" in played]


def _load_libraries() -> None:
    """What the first token needs."""
    import torch  # noqa: F401
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig  # noqa: F401


def _load_later_libraries() -> None:
    """What later stages import, loaded while the model generates."""
    import great_expectations  # noqa: F401
    import trl  # noqa: F401
