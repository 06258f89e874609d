"""Contradictions: rows of a round that teach opposite things about one question. Nobody can tell which of them is
right: none is trained on, but for a gold row, which is known to be."""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from itertools import permutations
from operator import ne
from typing import Any, NamedTuple

from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.settings import Answers
from schemas.table import CONTRADICTS, Table
from tasks.answers.equality import equality
from tasks.answers.outcomes import Outcome
from tasks.novelty.copies import copy_form
from tasks.store.draft import Draft

Row = Mapping[str, Any]


class Claim(NamedTuple):
    """What a row says about something."""

    about: Hashable
    says: Any
    known: bool = False
    """It is true: only another such claim contradicts it."""


def contradicted(claims: Mapping[Any, Claim], differ: Callable[[Any, Any], bool]) -> set[Any]:
    """The names of the claims that another claim about the same thing contradicts."""
    about: dict[Hashable, dict[tuple[Any, bool], list[Any]]] = defaultdict(lambda: defaultdict(list))
    for name, claim in claims.items():
        about[claim.about][claim.says, claim.known].append(name)
    found: set[Any] = set()
    for said in about.values():
        for (one, known), (other, also_known) in permutations(said, 2):
            if (also_known or not known) and differ(one, other):
                found.update(said[one, known])
    return found


def contradicting(torn: Collection[str], table: Table, rows: Sequence[Row], draft: Draft) -> list[dict[str, Any]]:
    """Those of the rows that are contradicted, as they are dropped."""
    dropped = [row for row in rows if row["id"] in torn]
    parents = [[row[each.column] for each in table.parents if row[each.column]] for row in dropped]
    return [
        draft.refused(row["id"], table, CONTRADICTS, text=row.get("completion") or row["chosen"], parents=of)
        for row, of in zip(dropped, parents, strict=True)
    ]


def settled(pairs: list[dict[str, Any]], draft: Draft) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The preference pairs that stay, and those that are contradicted, as they are dropped."""
    torn = pairs_contradicted(pairs)
    return [row for row in pairs if row["id"] not in torn], contradicting(torn, PREFERENCE_PAIRS, pairs, draft)


def label(text: str, answer: str, known: bool = False) -> Claim:
    """The answer to a question, or to a prompt; case and spaces make no other question."""
    return Claim(copy_form(text), answer, known)


def labels_contradicted(labels: Mapping[Any, Claim], checks: Answers) -> set[Any]:
    """Those whose answer certainly differs from another one to the same question."""
    if not contradicted(labels, ne):
        return set()
    with equality(checks) as compare:
        return contradicted(labels, lambda one, other: Outcome.DIFFERENT in compare([(one, other), (other, one)]))


def pairs_contradicted(pairs: Sequence[Row]) -> set[str]:
    """Ids of the pairs at a prompt whose reverse is there, or one of whose texts is chosen by one win rate and
    rejected by another. In the middle of a ranking it is both, by one; gold is rightly chosen."""
    turned, sides = dict[Any, Claim](), dict[Any, Claim]()
    for pair in pairs:
        prompt, texts = copy_form(pair["prompt"]), (pair["chosen"].strip(), pair["rejected"].strip())
        turned[pair["id"]] = Claim((prompt, frozenset(texts)), texts[0])
        for side, text in zip(("chosen", "rejected"), texts, strict=True):
            is_gold = side == "chosen" and pair["chosen_attempt_id"] is None
            sides[pair["id"], side] = Claim((prompt, text), (side, pair[f"{side}_winrate"]), is_gold)
    both = contradicted(sides, lambda one, other: one[0] != other[0] and one[1] != other[1])
    return contradicted(turned, ne) | {pair_id for pair_id, _ in both}
