"""A stage's shards: each one's rows in the shards' order, whole ones from the store, several made at once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeVar

from schemas.table import Table
from tasks.store.draft import Draft, Row, Rows

EVERY_SECONDS = 0.5  # how often progress is told while shards are under way

Shard = TypeVar("Shard")
Made = list[list[Row]]  # a shard's rows, a list for each table
Progress = Callable[[int], None]


def each_shard(
    draft: Draft,
    tables: Sequence[Table],
    shards: Sequence[Shard],
    make: Callable[[Shard, Progress], Sequence[Rows]],
    *,
    size: Callable[[Shard], int],
    unit: str,
    workers: int = 1,
) -> Iterator[Made]:
    """Each shard's rows. One worker makes them here, one by one; more make that many at once, in threads.

    `make` tells how many units it has done since it last told; `size` is how many there are in a shard. What a stage
    says and writes, it says and writes in this thread: each shard as soon as it is whole, in whatever order. When
    one fails, or the budget is spent, those under way are finished and kept before the error is raised.
    """
    told = _Told(draft, [size(shard) for shard in shards], unit)
    if workers == 1:
        for part, shard in enumerate(shards):

            def made(part: int = part, shard: Shard = shard) -> Sequence[Rows]:
                return make(shard, lambda done: told.tell(part, done))

            rows = draft.parts(tables, part, made, of=len(shards))
            told.whole(part)
            yield rows
        return
    threads = ThreadPoolExecutor(workers, thread_name_prefix="shard")
    try:
        yield from _several(draft, tables, shards, make, told, workers, threads)
        threads.shutdown()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)  # whoever interrupts it does not wait for the shards


def _several(
    draft: Draft,
    tables: Sequence[Table],
    shards: Sequence[Shard],
    make: Callable[[Shard, Progress], Sequence[Rows]],
    told: "_Told",
    workers: int,
    threads: ThreadPoolExecutor,
) -> Iterator[Made]:
    whole: dict[int, Made] = {}
    under_way: dict[Future[Sequence[Rows]], int] = {}
    next_part = 0

    def look_at_the_next() -> None:
        if rows := draft.found(tables, next_part):
            whole[next_part] = rows
            told.whole(next_part)
            return
        draft.begin(next_part, len(shards))
        under_way[threads.submit(make, shards[next_part], told.counting(next_part))] = next_part

    for part in range(len(shards)):
        try:
            while part not in whole:
                if next_part < len(shards) and len(under_way) < workers:
                    look_at_the_next()
                    next_part += 1
                else:
                    whole |= _finished(draft, tables, under_way, told)
        except Exception:
            _finish(draft, tables, under_way, told)
            raise
        yield whole.pop(part)


def _finished(
    draft: Draft, tables: Sequence[Table], under_way: dict[Future[Sequence[Rows]], int], told: "_Told"
) -> dict[int, Made]:
    """Wait for a shard or two, and keep them; none, if none is whole yet. Raises what one of them raised."""
    done, _ = wait(under_way, timeout=EVERY_SECONDS, return_when=FIRST_COMPLETED)
    kept: dict[int, Made] = {}
    failed = None
    for future in sorted(done, key=lambda future: under_way[future]):
        part = under_way.pop(future)
        if failed_now := future.exception():
            failed = failed or failed_now
            continue
        kept[part] = draft.keep(tables, part, future.result())
        told.whole(part)
    told.now()
    if failed:
        raise failed
    return kept


def _finish(
    draft: Draft, tables: Sequence[Table], under_way: dict[Future[Sequence[Rows]], int], told: "_Told"
) -> None:
    """Keep what can still be kept; the first error is the one that is told."""
    while under_way:
        try:
            _finished(draft, tables, under_way, told)
        except Exception:
            continue


@dataclass
class _Told:
    """How far all shards are together."""

    draft: Draft
    sizes: list[int]
    unit: str
    done: list[int] = field(default_factory=list)
    """Units of each shard: each is counted by the one thread that makes it."""

    def __post_init__(self) -> None:
        self.done = [0] * len(self.sizes)

    def counting(self, part: int) -> Progress:
        """What another thread counts with: it only remembers."""

        def count(done: int) -> None:
            self.done[part] += done

        return count

    def tell(self, part: int, done: int) -> None:
        self.done[part] += done
        self.now()

    def whole(self, part: int) -> None:
        self.done[part] = self.sizes[part]
        self.now()

    def now(self) -> None:
        self.draft.report(sum(self.done), sum(self.sizes), self.unit)
