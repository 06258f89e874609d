"""Engines on a Ray cluster: each is asked for a batch at a time; a batch whose engine is lost, of another one."""

import platform
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.engines import RayExecutor, TransformersEngine
from schemas.errors import Stopped
from schemas.manifest import CheckpointRef
from tasks.cluster import TRIES, alike, check_alike, is_ready, join, own_error
from tasks.engines.engine import Checkpoint, Completion, Engine, Request
from tasks.store.objects import LISTING, checkpoint_folder

PLACE_SECONDS = 300.0  # without one worker on any node: time for a cluster that grows by itself


@contextmanager
def open_on_ray(
    settings: TransformersEngine, executor: RayExecutor, checkpoint: Checkpoint
) -> Iterator["ClusterEngine"]:
    """As many engines as the cluster has room for, `executor.workers` at most; ended together. One that is lost is
    started again by Ray, wherever there is room."""
    ray = join(executor)
    kind = ray.remote(num_cpus=executor.cpus, num_gpus=executor.gpus, max_restarts=-1)(Worker)
    device = "cuda" if executor.gpus else "cpu"
    workers = [kind.remote(alike(), settings, checkpoint, device) for _ in range(executor.workers)]
    try:
        yield ClusterEngine(ray, settings, executor, workers)
    finally:
        for worker in workers:
            ray.kill(worker)


@dataclass(frozen=True)
class Asked:
    """What a worker has still to answer, to one caller."""

    worker: Any
    method: str
    batch: list[Request] | None = None
    tries: int = 0
    """How often the batch was asked for, this time among them."""


@dataclass
class ClusterEngine:
    """An engine that several threads may ask at once: a worker answers them in turn."""

    ray: Any
    settings: TransformersEngine
    executor: RayExecutor
    workers: list[Any]
    places: dict[Any, Any] = field(default_factory=dict)
    """Worker -> what it was last asked, whether it has a place: one that never gets one is asked once."""
    identity: None = None

    @property
    def at_once(self) -> int:
        return self.executor.workers

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Batches are those of one process, so that the rows are. Raises Stopped for a batch whose workers were lost
        too often, or if no worker can be had."""
        from tasks.engines.transformers import batches

        waiting = deque((batch, 0) for batch in batches(requests, self.settings.batch_rows))
        asked = dict(map(self._placed, self.workers))
        idle: list[Any] = []
        placed = time.monotonic()
        while waiting or any(one.batch for one in asked.values()):
            done: list[Completion] = []
            for answer in is_ready(self.ray, [*asked]):
                one = asked.pop(answer)
                found = self._answered(answer, one)
                if found is None:
                    waiting.appendleft((one.batch or [], one.tries))
                    asked |= [self._placed(one.worker)]
                elif one.method == "has_a_place":
                    asked |= [_ask(one.worker, "load")]
                else:
                    idle.append(one.worker)
                    done += found
            while waiting and idle:
                batch, tries = waiting.popleft()
                asked |= [_ask(idle.pop(), "generate", batch, tries + 1)]
            yield from done
            if idle or any(one.method != "has_a_place" for one in asked.values()):
                placed = time.monotonic()
            elif time.monotonic() - placed > PLACE_SECONDS:
                raise Stopped(
                    f"{self._room()}: no engine found a place in {PLACE_SECONDS:.0f} s; add nodes, run again"
                )

    def _placed(self, worker: Any) -> tuple[Any, Asked]:
        answer = self.places.get(worker)
        if answer is None or self.ray.wait([answer], timeout=0)[0]:
            answer, _ = _ask(worker, "has_a_place")
            self.places[worker] = answer
        return answer, Asked(worker, "has_a_place")

    def _answered(self, answer: Any, one: Asked) -> list[Completion] | None:
        """A batch's samples; None if its worker was lost. Raises what our code raised there."""
        try:
            completions: list[Completion] = self.ray.get(answer)
            return completions
        except self.ray.exceptions.RayError as error:
            if own := own_error(error):
                raise own from None
            lost = f"{TRIES} workers of the Ray cluster were lost"
            if one.method != "generate":
                raise Stopped(
                    f"{lost} while they loaded the weights ({type(error).__name__}); look at their nodes' memory, "
                    "then run again"
                ) from error
            if one.tries == TRIES:
                raise Stopped(
                    f"{lost} over one batch ({type(error).__name__}); if it is memory that is short, lower "
                    "engine.batch_rows; then run again"
                ) from error
            return None

    def _room(self) -> str:
        asked = {"CPU": self.executor.cpus, "GPU": self.executor.gpus}
        there = self.ray.cluster_resources()
        return "the Ray cluster has " + ", ".join(
            f"{there.get(kind, 0):g} {kind} (an engine takes {number} of one node)" for kind, number in asked.items()
        )


# Ray asks again itself, after a restart, what no batch is lost with; a batch it must not: another worker may be idle
RETRIES = {"has_a_place": -1, "load": TRIES - 1, "generate": 0}


def _ask(worker: Any, method: str, batch: list[Request] | None = None, tries: int = 0) -> tuple[Any, Asked]:
    called = getattr(worker, method).options(max_task_retries=RETRIES[method])
    return called.remote(*[batch] if batch else []), Asked(worker, method, batch, tries)


class Worker:
    """An actor: an engine in a process of its own, on some node."""

    def __init__(
        self, wanted: dict[str, str], settings: TransformersEngine, checkpoint: Checkpoint, device: str
    ) -> None:
        self.wanted, self.settings, self.checkpoint, self.device = wanted, settings, checkpoint, device
        self.engine: Engine | None = None
        self.closing = ExitStack()

    def has_a_place(self) -> list[Completion]:
        """Answers as soon as there is one."""
        return []

    def load(self) -> list[Completion]:
        """Load the weights, once. Raises Stopped where this node could not give the rows that another one gives."""
        if self.engine is None:
            check_alike(self.wanted)
            from tasks.engines.device import device_and_dtype
            from tasks.engines.transformers import open_transformers

            if (found := device_and_dtype()[0]) != self.device:
                raise Stopped(
                    f"a Ray worker computes on {found}, not on {self.device}: set executor.gpus to what its node has"
                )
            folder = _folder_here(self.checkpoint)
            self.engine = self.closing.enter_context(open_transformers(self.settings, folder))
        return []

    def generate(self, requests: list[Request]) -> list[Completion]:
        self.load()
        assert self.engine is not None
        return list(self.engine.generate(requests))


def _folder_here(checkpoint: Checkpoint) -> Path:
    """The weights on this node: in the store, if it is on a disk that this node has too, or else a copy."""
    objects = checkpoint.objects
    assert objects is not None, "a stage names the store"
    if not (objects / checkpoint.digest / LISTING).exists():
        raise Stopped(
            f"the Ray node {platform.node()} finds no weights in {objects / checkpoint.digest}: put the store on a "
            "disk that every node has at this path, or at s3://bucket/path, then run again"
        )
    return checkpoint_folder(objects, CheckpointRef(digest=checkpoint.digest))
