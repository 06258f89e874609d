"""Recheck: some of a round's verdicts, marks, novelties and contaminations decided anew, by the code of now and no
cache, and held against what was published."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import Damaged
from schemas.manifest import Manifest, StageRecord
from schemas.settings import Answers, Contamination, Novelty, Vote
from schemas.table import UNANSWERED
from schemas.tables import TABLES
from tasks.answers.canonical import stated
from tasks.answers.equality import Compare, equality
from tasks.answers.outcomes import Outcome
from tasks.audit.examine import chosen_rounds
from tasks.checks.judging import by_question, is_right, votes_on
from tasks.novelty.contamination import protected_texts
from tasks.novelty.copies import ExactIndex
from tasks.novelty.index import NoveltyIndex
from tasks.store.lineage import Lineage, existing_store
from tasks.store.parquet import read_table

Row = dict[str, Any]
Report = Callable[[int, int, str], None]
Found = tuple[str, str, Any, Any]  # kind, row id, published, decided anew


@dataclass(frozen=True)
class Difference:
    """A decision that does not come out again as it was published."""

    round: str
    kind: str
    row: str
    published: str
    anew: str


def recheck(
    store: Path | str, only: str, count: int, report: Report = lambda done, total, unit: None
) -> tuple[dict[str, int], list[Difference]]:
    """How many of each kind were decided anew, at most `count` a stage, drawn by chance; and those that differ. A
    round is not looked at beyond a file that is not what was written."""
    looked, differing = Counter[str](), list[Difference]()
    _, rounds = chosen_rounds(existing_store(store), only)
    for done, (lineage, m) in enumerate(rounds):
        report(done, len(rounds), "rounds")
        with suppress(Damaged):  # the audit names it, and nothing can be held against it
            for kind, row, published, anew in _Round(lineage, m, count).decided():
                looked[kind] += 1
                if published != anew:
                    differing.append(Difference(f"{m.recipe}/{m.round}", kind, row, str(published), str(anew)))
    return dict(sorted(looked.items())), differing


class _Round:
    def __init__(self, lineage: Lineage, m: Manifest, count: int) -> None:
        self.lineage, self.m, self.count = lineage, m, count
        found = {s: lineage.stage_record(m.round, s.split(".")[0], key) for s, key in m.stages.items()}
        self.records = [record for record in found.values() if record]
        self.ref_of = {ref.digest: ref for each in lineage.published for ref in each.written}

    def decided(self) -> Iterator[Found]:
        for record in self.records:
            checks = Answers.model_validate(record.settings["checks"]) if "checks" in record.settings else None
            if checks and {"verdicts", "probe_verdicts"} & record.tables.keys():
                with equality(checks) as compare:
                    yield from self._verdicts(record, checks, compare)
            if checks and "evaluations" in record.tables and "games" not in record.settings:
                with equality(checks) as compare:
                    yield from self._marks(record, compare)
            if "novelty" in (record.settings.get("settings") or {}) and "questions" in record.tables:
                yield from self._novelties(record)
        yield from self._contaminations()

    def _rows(self, *digests: Any) -> list[Row]:
        """Rows of tables by their digests; none of one that no round of the lineage has."""
        refs = [self.ref_of[digest] for digest in digests if digest in self.ref_of]
        return [row for ref in refs for row in read_table(self.lineage.folder, ref, TABLES[ref.table]).to_pylist()]

    def _own(self, name: str) -> list[Row]:
        return self._rows(*(ref.digest for ref in self.m.tables.get(name, [])))

    def _some(self, rows: Sequence[Any]) -> list[Any]:
        return random.SystemRandom().sample(rows, min(self.count, len(rows)))

    def _verdicts(self, record: StageRecord, checks: Answers, compare: Compare) -> Iterator[Found]:
        """What a vote that had an undecided check came to may have come out otherwise."""
        published = {row["question_id"]: row for row in self._rows(*(ref.digest for ref in record.tables.values()))
                     if "votes" in row}  # fmt: skip
        references = {row["id"]: stated(row["reference"], checks) for row in self._rows(record.inputs.get("probe"))}
        groups = by_question(self._rows(record.inputs["attempts"]))
        chosen = self._some([group for group in groups if group[0] in published])
        for judged in votes_on(chosen, Vote.model_validate(record.settings["settings"]), checks, compare):
            row, verdict = published[judged.question], judged.verdict
            if row["undecided"] or verdict.undecided:
                continue
            yield (
                "verdicts", row["id"],
                (row["answer"], row["votes"], row["tied"]), (verdict.answer, verdict.votes, verdict.tied),
            )  # fmt: skip
            if judged.question in references:
                yield "marks", row["id"], row["correct"], is_right(verdict, references[judged.question], compare)

    def _marks(self, record: StageRecord, compare: Compare) -> Iterator[Found]:
        rows = [row for row in self._rows(record.tables["evaluations"].digest) if row["correct"] is not None]
        for row in self._some([row for row in rows if row["finish_reason"] not in UNANSWERED]):
            (outcome,) = compare([(row["reference"], row["answer"] or "")])
            if outcome is not Outcome.UNDECIDED:
                yield "marks", row["id"], row["correct"], outcome is Outcome.EQUAL

    def _novelties(self, record: StageRecord) -> Iterator[Found]:
        """New questions against all that was known before each; one that was refused, against all in the end."""
        threshold = Novelty.model_validate(record.settings["settings"]["novelty"]).threshold
        copies, index = ExactIndex(), None if threshold is None else NoveltyIndex(threshold)

        def add(row: Row) -> None:
            copies.add(row["question"], row["id"])
            if index is not None:
                index.add(row["question"], row["id"])

        def nearest(text: str) -> tuple[float, str | None]:
            score, known = copies.nearest(text)
            return index.nearest(text) if known is None and index is not None else (score, known)

        for digest in (record.inputs["seeds"], *record.inputs["earlier"]):
            for row in sorted(self._rows(digest), key=lambda row: int(row.get("position", 0))):
                add(row)
        refused = self._rows(record.tables["dropped"].digest) if "dropped" in record.tables else []
        admitted = sorted(self._rows(record.tables["questions"].digest), key=lambda row: int(row["position"]))
        tried = [row for row in refused if row["reason"] == "not_new"]
        chosen = {row["id"] for row in self._some([*admitted, *tried])}
        for row in admitted:
            if row["id"] in chosen:
                yield "novelties", row["id"], (row["nearest_score"], row["nearest_id"]), nearest(row["question"])
            add(row)
        for row in tried:
            if row["id"] in chosen:
                score, known = nearest(row["text"])
                as_near = known is not None and score >= row["figure"]
                yield "novelties", row["id"], row["figure"], row["figure"] if as_near else score

    def _contaminations(self) -> Iterator[Found]:
        """Hits, and attempted questions without one. Questions that nobody looked at have no attempts."""
        given = next((r.settings["protection"] for r in self.records if "protection" in r.settings), None)
        hits = {row["row_id"]: row for row in self._own("contamination")}
        if given is None or "contamination" not in self.m.tables or not self._own("questions"):
            return
        attempted = {row["question_id"] for row in self._own("attempts")}
        known = (("probe", self._own("inputs/probe")), ("benchmark_items", self._own("inputs/benchmark_items")))
        protected = protected_texts(Contamination.model_validate(given), *known)
        looked_at = [row for row in self._own("questions") if row["id"] in hits or row["id"] in attempted]
        for row in self._some(looked_at):
            hit, found = hits.get(row["id"]), protected.find(row["question"])
            was = (hit["kind"], hit["set_name"], hit["protected_id"]) if hit else None
            yield "contaminations", row["id"], was, (found.kind, found.set_name, found.row_id) if found else None
