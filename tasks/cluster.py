"""A Ray cluster: how a run joins it, what its workers must be alike in, and work that outlives the loss of a node."""

import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import platform
import socket
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from schemas.engines import RayExecutor
from schemas.errors import BadInput, FactoryError, Stopped
from tasks.environment import take_out
from tasks.store.code import PROJECT, ROOT

TRIES = 4  # of one piece of work, each on another worker
DECIDING = ("torch", "transformers", "tokenizers", "math-verify", "sympy", "latex2sympy2_extended")
GIVEN = (
    *("HF_HUB_OFFLINE", "PYTHONUTF8", "TOKENIZERS_PARALLELISM"),
    *("TRANSFORMERS_NO_ADVISORY_WARNINGS", "TRANSFORMERS_VERBOSITY"),
)
EVERY_SECONDS = 0.2
LOOPBACK = ("127.", "localhost:")
Result = TypeVar("Result")
_left = threading.Event()
_joining = threading.Lock()


def check_ray() -> None:
    """Raises BadInput where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise BadInput(
            "executor.kind = 'ray': Ray is not installed; type: .venv/bin/pip install -c constraints.txt -e '.[ray]'"
        )


def join(executor: RayExecutor) -> Any:
    """Ray, joined to the cluster until `leave`. Raises Stopped if the cluster cannot be reached."""
    check_ray()
    with _joining:
        return _joined(executor)


def _joined(executor: RayExecutor) -> Any:
    address = os.environ.get("RAY_ADDRESS") or "auto" if executor.address == "auto" else executor.address
    _check_address(address)
    afar = address != "local" and not address.startswith(LOOPBACK)
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = str(int(afar))  # so is Ray kept on loopback, on Linux too
    if address == "local":
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # its default, without a word
    import ray

    if ray.is_initialized():
        return ray
    _left.clear()
    ray._private.ray_constants.ENABLE_RAY_CLUSTER = afar  # it was read at the first import
    ray._private.worker._worker_logs_enabled = False  # it would print a lost node's log into what a script reads
    code = {"py_modules": [str(ROOT / package) for package in PROJECT], "excludes": ["**/__pycache__"]}
    given = {"env_vars": {name: os.environ[name] for name in GIVEN if name in os.environ}}
    options: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    try:
        if address == "auto":  # what Ray finds on this machine may be what is left of a cluster
            address = str(ray._private.services.canonicalize_bootstrap_address(address))
            _check_address(address)
        ray.init(address, runtime_env=code | given, log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise Stopped(_nothing_at(address, str(error).strip().splitlines()[0])) from error
    return ray


def _check_address(address: str) -> None:
    """Raises Stopped if nobody listens there: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if "://" in address:
        raise BadInput(f"RAY_ADDRESS = '{address}': expected host:port; a run has to be on a machine of the cluster")
    if host:
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except (OSError, ValueError, OverflowError) as error:
            raise Stopped(_nothing_at(address, str(error))) from error


def _nothing_at(address: str, why: str) -> str:
    return (
        f"executor.address: no Ray cluster at '{address}' ({why}); start one, as docs/scale.md says, then run again"
    )


def leave() -> None:
    """Leave the cluster, if one was joined: what is still asked of it ends."""
    _left.set()
    for thread in threading.enumerate():
        if thread.name.startswith("shard"):  # of a stage that was interrupted: it looks soon
            thread.join(10 * EVERY_SECONDS)
    if ray := sys.modules.get("ray"):
        ray.shutdown()


def on_the_cluster(executor: RayExecutor, function: Callable[..., Result], *arguments: Any) -> Result:
    """What a function of this project returns, called on the cluster; once more elsewhere if its node is lost.

    Raises what it raised, and Stopped if it was lost too often.
    """
    ray = join(executor)
    task = ray.remote(num_cpus=executor.cpus, max_retries=TRIES - 1, scheduling_strategy="SPREAD")(_called)
    answer = task.remote(alike(), function, *arguments)
    while not is_ready(ray, [answer]):
        pass
    try:
        result: Result = ray.get(answer)
        return result
    except ray.exceptions.RayError as error:
        if own := own_error(error):
            raise own from None
        raise Stopped(f"a worker of the Ray cluster was lost {TRIES} times over one shard; run again") from error


def is_ready(ray: Any, asked: list[Any]) -> list[Any]:
    """Those that are answered by now, or a moment later. Raises Stopped once the run has left the cluster."""
    if _left.is_set():
        raise Stopped("the run has left the Ray cluster; run again")
    ready: list[Any] = ray.wait(asked, timeout=EVERY_SECONDS)[0]
    return ready


def own_error(error: Exception) -> Exception | None:
    """What our code raised on a worker; None if Ray, the process or the node failed."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, FactoryError) else error if isinstance(cause, Exception) else None


def alike() -> dict[str, str]:
    """What a worker must have as this process has it, for the same rows: code and libraries."""
    versions = {name: importlib.metadata.version(name) for name in DECIDING}
    return {"Python": ".".join(platform.python_version_tuple()[:2]), **versions, "this project's code": _code()}


def check_alike(wanted: dict[str, str]) -> None:
    """Raises Stopped, on a worker, for what it has otherwise. Its node's own shell decides nothing."""
    take_out(os.environ)
    here = alike()
    if differing := [
        f"{name} {here[name]} instead of {wanted[name]}" for name in wanted if here[name] != wanted[name]
    ]:
        raise Stopped(
            f"the Ray node {platform.node()} has {', '.join(differing)}, so its rows could differ; install what "
            "constraints.txt says there, then run again"
        )


@cache
def _code() -> str:
    digest = hashlib.sha256()
    for package in PROJECT:
        found = importlib.util.find_spec(package)
        assert found is not None and found.origin is not None
        folder = Path(found.origin).parent
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _called(wanted: dict[str, str], function: Callable[..., Result], *arguments: Any) -> Result:
    check_alike(wanted)
    return function(*arguments)
