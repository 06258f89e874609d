"""Engines on a Ray cluster: each is asked for a batch at a time; a batch whose engine is lost, of another one."""

import platform
import queue
import threading
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

Piece = tuple[list[Request], int]  # a batch, and how often it was asked for


@contextmanager
def open_on_ray(
    settings: TransformersEngine, executor: RayExecutor, checkpoint: Checkpoint
) -> Iterator["ClusterEngine"]:
    """As many engines as the cluster has room for, `executor.workers` at most; ended together."""
    engine = ClusterEngine(join(executor), settings, executor, checkpoint)
    try:
        for _ in range(executor.workers):
            engine.start_worker()
        yield engine
    finally:
        engine.close()


@dataclass
class ClusterEngine:
    """An engine that several threads may ask at once."""

    ray: Any
    settings: TransformersEngine
    executor: RayExecutor
    checkpoint: Checkpoint
    idle: "queue.SimpleQueue[Any]" = field(default_factory=queue.SimpleQueue)
    """Workers with an engine, and nothing to do."""
    workers: dict[Any, bool] = field(default_factory=dict)
    """All that are not lost; whether they have a place on a node."""
    fault: Exception | None = None
    """Why an engine could not be opened on a node."""
    lost_loading: int = 0
    """Workers lost, one after the other, before they had an engine."""
    closed: bool = False
    identity: None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Batches are those of one process, so that the rows are. Raises Stopped for a batch whose workers were lost
        too often, or if no worker can be had."""
        from tasks.engines.transformers import batches

        waiting: deque[Piece] = deque((batch, 0) for batch in batches(requests, self.settings.batch_rows))
        under_way: dict[Any, tuple[Any, Piece]] = {}
        try:
            while waiting or under_way:
                while waiting and (worker := self._free_worker(wait=not under_way)):
                    batch, tries = waiting.popleft()
                    under_way[worker.generate.remote(batch)] = worker, (batch, tries + 1)
                for answer in is_ready(self.ray, list(under_way)):
                    worker, piece = under_way.pop(answer)
                    completions = self._completions(answer, worker, piece[1])
                    if completions is None:
                        waiting.appendleft(piece)
                    else:
                        yield from completions
        finally:
            for worker, _ in under_way.values():
                self.idle.put(worker)  # what it is still asked for comes first there

    def _completions(self, answer: Any, worker: Any, tries: int) -> list[Completion] | None:
        """A batch's samples; None if the worker was lost, or its answer: then another worker is started."""
        try:
            completions: list[Completion] = self.ray.get(answer)
        except self.ray.exceptions.RayError as error:
            self._lose(worker)
            if own := own_error(error):
                raise own from None
            if tries == TRIES:
                raise Stopped(
                    f"{TRIES} workers of the Ray cluster were lost over one batch ({type(error).__name__}); if it is "
                    "memory that is short, lower engine.batch_rows; then run again"
                ) from error
            return None
        self.idle.put(worker)
        return completions

    def _free_worker(self, wait: bool) -> Any:
        """A worker with nothing to do; None if there is none, and others may answer first."""
        until = time.monotonic() + PLACE_SECONDS
        while not self.closed:
            if self.fault is not None:
                raise self.fault
            try:
                return self.idle.get(timeout=0.2 if wait else 0.0)
            except queue.Empty:
                if not wait:
                    return None
            if any(self.workers.values()):
                until = time.monotonic() + PLACE_SECONDS  # busy, or loading weights
            elif time.monotonic() > until:
                raise Stopped(
                    f"{self._room()}: no engine found a place in {PLACE_SECONDS:.0f} s; add nodes, run again"
                )
        raise Stopped("the engines on the Ray cluster were ended; run again")

    def _room(self) -> str:
        asked = {"CPU": self.executor.cpus, "GPU": self.executor.gpus}
        there = self.ray.cluster_resources()
        return "the Ray cluster has " + ", ".join(
            f"{there.get(kind, 0):g} {kind} (an engine takes {number} of one node)" for kind, number in asked.items()
        )

    def start_worker(self) -> None:
        """One more, in a thread: it may wait long for a place."""
        kind = self.ray.remote(num_cpus=self.executor.cpus, num_gpus=self.executor.gpus)(Worker)
        worker = kind.remote()
        with self.lock:
            self.workers[worker] = False
        threading.Thread(target=self._started, args=(worker,), name="ray-engine", daemon=True).start()

    def _started(self, worker: Any) -> None:
        device = "cuda" if self.executor.gpus else "cpu"
        try:
            self.ray.get(worker.has_a_place.remote())
            with self.lock:
                if worker in self.workers:
                    self.workers[worker] = True
            self.ray.get(worker.open.remote(alike(), self.settings, self.checkpoint, device))
            self.lost_loading = 0
            self.idle.put(worker)
        except self.ray.exceptions.RayError as error:
            self.fault = own_error(error) or self.fault
            self.lost_loading += not self.closed
            if self.lost_loading > TRIES:
                self.fault = Stopped(
                    f"{TRIES} workers of the Ray cluster in a row were lost while they loaded the weights "
                    f"({type(error).__name__}); look at their nodes' memory, then run again"
                )
            if self.fault is None:
                self._lose(worker)

    def _lose(self, worker: Any) -> None:
        """Forget a worker, and start another one in its place."""
        with self.lock:
            known = self.workers.pop(worker, None) is not None
        if known and not self.closed:
            self.ray.kill(worker)  # it may be alive, behind a connection that broke
            self.start_worker()

    def close(self) -> None:
        self.closed = True
        with self.lock:
            workers, self.workers = [*self.workers], {}
        for worker in workers:
            self.ray.kill(worker)


class Worker:
    """An actor: an engine in a process of its own, on some node."""

    def __init__(self) -> None:
        self.closing = ExitStack()

    def has_a_place(self) -> None:
        """Answers as soon as there is one."""

    def open(self, wanted: dict[str, str], settings: TransformersEngine, checkpoint: Checkpoint, device: str) -> None:
        """Load the weights. Raises Stopped where this node could not give the rows that another one gives."""
        from tasks.engines.device import device_and_dtype
        from tasks.engines.opened import open_engine

        check_alike(wanted)
        if (found := device_and_dtype()[0]) != device:
            raise Stopped(
                f"a Ray worker computes on {found}, not on {device}: set executor.gpus to what its node has"
            )
        here = Checkpoint(checkpoint.digest, _folder_here(checkpoint))
        self.engine: Engine = self.closing.enter_context(open_engine(settings, here))

    def generate(self, requests: list[Request]) -> list[Completion]:
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
