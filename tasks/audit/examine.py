"""Examine: every check over all that is published in a store, a round at a time. Nothing is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import BadInput
from schemas.manifest import Manifest
from tasks.audit.closure import Shelf, orphans
from tasks.audit.damage import Damage, name_of
from tasks.audit.integrity import Opened, faults_of_weights, open_tables
from tasks.audit.leaks import Protected, leaks
from tasks.audit.manifests import contradictions
from tasks.audit.markers import read_markers
from tasks.audit.marks import wrong_marks
from tasks.audit.records import faults_of_chain, faults_of_records
from tasks.audit.suites import broken_expectations
from tasks.checks.suites import Suites
from tasks.figures import many
from tasks.store.chain import Fault
from tasks.store.gc import lineage_names
from tasks.store.lineage import Lineage, existing_store, read_lineage
from tasks.store.naming import parts_of
from tasks.store.retention import needed_weights

Report = Callable[[int, int, str], None]
Read = list[tuple[Lineage, tuple[Fault, ...]]]
STEPS = 6  # of a round


@dataclass(frozen=True)
class Examined:
    """What was looked at, and what is not as it was published."""

    rounds: int
    files: int
    objects: int
    damage: tuple[Damage, ...]

    @property
    def told(self) -> str:
        """How much was looked at."""
        counts = {"round": self.rounds, "file": self.files, "checkpoint": self.objects}
        return ", ".join(many(count, what) for what, count in counts.items())


def examine_store(store: Path | str, only: str = "", report: Report = lambda done, total, unit: None) -> Examined:
    """All published rounds and the weights that they name, or those of one round; manifests and records in any case.
    Drafts are not looked at. Raises BadInput if there is no such store or round."""
    read, chosen = chosen_rounds(existing_store(store), only)
    weights = {
        digest: (lineage, name_of(m))
        for lineage, _ in read
        for digest, m in needed_weights(_counting(lineage, chosen)).items()
    }
    total, done = len(chosen) * STEPS + len(weights), 0

    def looked(at: str) -> None:
        nonlocal done
        done += 1
        report(done, total, at)

    damage = [found for lineage, faults in read for found in faults_of_chain(lineage, faults)]
    damage += [found for lineage, _ in read for found in faults_of_records(lineage)]
    for lineage, _ in read:
        damage += _of_rounds(lineage, [m for at, m in chosen if at is lineage], looked)
    for digest, (lineage, owner) in weights.items():
        damage += faults_of_weights(lineage, digest, owner)
        looked("weights")
    files = sum(len(m.files) + sum(len(ref.files) for ref in m.written) for _, m in chosen)
    return Examined(len(chosen), files, len(weights), tuple(damage))


def chosen_rounds(store: Path, only: str) -> tuple[Read, list[tuple[Lineage, Manifest]]]:
    """The lineages asked for, and their rounds asked for, as they were published."""
    recipe, number = parts_of(only) if only else ("", 0)
    read = [read_lineage(store, name) for name in lineage_names(store) if recipe in ("", name)]
    read = [(lineage, faults) for lineage, faults in read if lineage.manifests or faults]
    if only and len(read) > 1:
        named = ", ".join(f"{lineage.recipe}/{number}" for lineage, _ in read)
        raise BadInput(f"{only}: of which recipe? one of {named}")
    chosen = [(lineage, m) for lineage, _ in read for m in lineage.published if number in (0, m.round)]
    if only and not chosen and not any(faults for _, faults in read):
        raise BadInput(f"{only}: no published round of this name in {store}")
    return read, chosen


def _counting(lineage: Lineage, chosen: list[tuple[Lineage, Manifest]]) -> list[Manifest]:
    """The chosen rounds of a lineage with the decision that they count for."""
    numbers = {m.round for at, m in chosen if at is lineage}
    return [m for m in lineage.manifests if m.round in numbers]


def _of_rounds(lineage: Lineage, rounds: list[Manifest], looked: Callable[[str], None]) -> Iterator[Damage]:
    if not rounds:
        return
    shelf, protected, suites = Shelf(lineage), Protected(), Suites()
    for m in rounds:
        opened = Opened(lineage, m)
        yield from open_tables(opened)
        looked("files")
        markers, faults = read_markers(opened)
        yield from faults
        for checked, found in (
            ("manifests and stages", contradictions(opened, markers)),
            ("parents", orphans(opened, shelf)),
            ("protected rows", leaks(opened, markers, shelf, protected)),
            ("marks", wrong_marks(opened, markers)),
            ("suites", broken_expectations(opened, markers, suites)),
        ):
            yield from _to_the_end(opened, checked, found)
            looked(checked)


def _to_the_end(opened: Opened, checked: str, found: Iterator[Damage]) -> Iterator[Damage]:
    """What a check finds; that it could not go on is damage too: a sealed document says what no stage writes."""
    try:
        yield from found
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        place = f"round-{opened.manifest.round:04d}"
        yield opened.damage(place, f"what the check of {checked} can read", said)
