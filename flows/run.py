"""What `selfplay run` does around the night: check first, begin to load libraries, and play it, on the user's Prefect
server if there is one."""

import os
import re
from collections.abc import Callable
from pathlib import Path

from flows.console import CONSOLE, Console
from flows.libraries import begin_loading
from flows.preflight import preflight
from schemas.errors import BadInput, Stopped
from schemas.manifest import Manifest
from tasks.engines.clients import proxies_named
from tasks.environment import is_loopback
from tasks.store.lineage import open_lineage
from tasks.store.lock import refuse_if_held
from tasks.store.place import check_cache, check_writable, on_disk

ANSWER_SECONDS = 10.0


def run_recipe(
    recipe: Path, store: str | Path, rounds: int | None, console: Console, from_stage: str = ""
) -> list[Manifest]:
    """Play rounds in this process; the manifests published by it. With PREFECT_API_URL set it is the flow that a
    deployment plays, on that server."""
    plan = preflight(recipe, store)
    if on_disk(plan.store):
        for folder in (plan.store, plan.store / "objects", plan.store / plan.recipe.name / "lock"):
            check_writable(folder)
    else:
        check_cache()
    refuse_if_held(plan.store / plan.recipe.name)  # the night takes it; this is the quick answer
    nightly = _nightly()
    begin_loading()
    CONSOLE.set(console)
    try:
        played = set(nightly(str(recipe), str(store), rounds, from_stage))
    except PermissionError as error:  # under way: then the input was good
        raise Stopped(f"{error}; what is complete is kept; run again to go on") from error
    return [m for m in open_lineage(plan.store, plan.recipe.name).manifests if f"{m.recipe}/{m.round}" in played]


def _nightly() -> Callable[..., list[str]]:
    if not os.environ.get("PREFECT_API_URL"):
        from flows.nightly import nightly

        return nightly
    refuse_a_dead_server()
    os.environ.setdefault("PREFECT_LOGGING_INTERNAL_LEVEL", "CRITICAL")  # events that its server did not take
    return _on_the_users_server


def refuse_a_dead_server() -> None:
    """Raises Stopped unless Prefect answers at PREFECT_API_URL, BadInput for what is no address. Prefect itself would
    try for a while, and say less."""
    import httpx

    url = os.environ["PREFECT_API_URL"]
    said = f"PREFECT_API_URL = '{_without_password(url)}'"
    try:
        direct = httpx.HTTPTransport(verify=False) if is_loopback(httpx.URL(url).host) else None
        with proxies_named(url):
            httpx.Client(verify=False).close()  # as Prefect's own will be
            client = httpx.Client(transport=direct, verify=False, timeout=ANSWER_SECONDS)
        with client:
            answer = client.get(f"{url.rstrip('/')}/health")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise BadInput(f"{said}: expected http://host:port/api; mend it, or unset the variable") from error
    except httpx.HTTPError as error:
        raise Stopped(f"{said}: no answer ({error}); start that server, or unset the variable") from error
    if answer.status_code >= 500:
        raise Stopped(f"{said}: HTTP {answer.status_code}; mend that server, or unset the variable")
    if answer.status_code == 404 or (answer.status_code == 200 and answer.text.strip() != "true"):
        raise Stopped(
            f"{said}: no Prefect server answers there; expected http://host:port/api, or unset the variable"
        )


def _without_password(line: str) -> str:
    """An address, or what speaks of one, as it may be shown."""
    return re.sub(r"//[^\s'\"]*@", "//...@", line)


def _on_the_users_server(*arguments: object) -> list[str]:
    """Raises Stopped if the server failed the flow: others name their faults themselves."""
    from httpx import HTTPError, HTTPStatusError
    from prefect.settings import PREFECT_API_URL

    from flows.deployed import nightly

    try:
        played: list[str] = nightly(*arguments)
    except HTTPError as error:
        url = PREFECT_API_URL.value()
        if isinstance(error, HTTPStatusError) and error.response.status_code == 401:
            line = (
                f"PREFECT_API_URL = {url}: it asks for a password; set PREFECT_API_AUTH_STRING "
                "(of selfplay up's server: the line in PREFECT_HOME/services/secret), then run again"
            )
        else:
            line = (
                f"Prefect's server at {url}: {error.__class__.__name__}: {error}; rounds that were published stay, "
                "run again to go on"
            )
        raise Stopped(_without_password(line)) from error
    return played
