"""Posed questions: what a proposal becomes, a question with its answer, if it has one, or why it gives none."""

from typing import Any

from schemas.answer_keys import ANSWER_KEYS
from schemas.contamination import CONTAMINATION
from schemas.posing import Posing
from schemas.questions import QUESTIONS
from schemas.settings import Answers, Contamination
from tasks.answers.canonical import answer_of, stated
from tasks.novelty.contamination import Hit, ProtectedTexts
from tasks.novelty.copies import ExactIndex
from tasks.reading.posed import Posed, read_posed
from tasks.rules import Rule, first_refusal
from tasks.rules.pose import posing_rules
from tasks.store.draft import Draft

Row = dict[str, Any]


class PosedQuestions:
    """The serial door: each question meets the protected rows, and those that were posed before it."""

    def __init__(
        self,
        draft: Draft,
        settings: Posing,
        checks: Answers,
        protection: Contamination,
        protected: ProtectedTexts,
    ) -> None:
        self.draft, self.settings, self.checks = draft, settings, checks
        self.protection, self.protected = protection, protected
        self.copies = ExactIndex()
        self.questions: list[Row] = []
        self.keys: list[Row] = []
        self.hits: list[Row] = []
        self.dropped: list[Row] = []

    def admit(self, proposal: Row, opening: str) -> None:
        row_id = self.draft.row_id(QUESTIONS, proposal["id"])
        posed = self._read(opening + proposal["text"])

        def protected(question: str) -> Hit | None:
            if hit := self.protected.find(question):
                self.hits.append(hit.row(self.draft.row_id(CONTAMINATION, row_id), row_id))
            return hit

        rules = posing_rules(
            posed, proposal["finish_reason"] == "length", self.checks, self.protection, protected,
            lambda question: self.copies.nearest(question)[1] is not None, answered=self.settings.groups == 2,
        )  # fmt: skip
        if refusal := first_refusal(rules):
            self._drop(proposal, row_id, posed.question if posed else proposal["text"], refusal)
            return
        assert posed is not None, "what could not be read was refused"
        self.copies.add(posed.question, row_id)
        self.questions.append(
            {"id": row_id, "proposal_id": proposal["id"], "item": 0, "position": len(self.questions)}
            | {"question": posed.question, "nearest_score": 0.0, "nearest_id": None}
        )
        answer = {"id": self.draft.row_id(ANSWER_KEYS, row_id), "question_id": row_id}
        if self.settings.groups == 2:
            self.keys.append(answer | {"answer": stated(posed.answer, self.checks)})

    def _read(self, text: str) -> Posed | None:
        posed = read_posed(text, self.settings.pattern)
        if posed is None or not getattr(self.settings, "worked", False):
            return posed
        found = answer_of(posed.answer, self.checks)
        said = "" if found.source == "last_number" else found.text or ""  # a guess is no key
        return posed._replace(answer=said, solution=posed.answer)

    def _drop(self, proposal: Row, row_id: str, text: str, rule: Rule) -> None:
        why = (rule.name, rule.figure, rule.threshold)
        self.dropped.append(self.draft.refused(row_id, QUESTIONS, *why, text, parents=[proposal["id"]]))
