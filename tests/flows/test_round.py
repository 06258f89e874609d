"""What a round is given of the rounds before it."""

import pytest

from flows.round import Round
from schemas.preference_pairs import PREFERENCE_PAIRS
from tasks.sources import Sources

PAIR = {
    "id": "p", "question_id": "q", "chosen_attempt_id": "a", "rejected_attempt_id": "b", "prompt": "1+2=",
    "chosen": "3", "rejected": "4", "agreement": 0.75, "chosen_winrate": 0.6, "rejected_winrate": 0.1,
    "pair_winrate": 1.0,
}  # fmt: skip


@pytest.mark.parametrize("previous, taken", [(0, []), (1, [2]), (2, [1, 2]), (3, [1, 2]), (5, [1, 2])])
def test_so_many_rounds_before_count_as_are_asked_for_and_there(rounds, recipe, previous, taken):
    for text in ("3", "03"):
        ref = rounds.table(PREFERENCE_PAIRS, [PAIR | {"chosen": text}])
        rounds.publish("promoted", tables={"preference_pairs": [ref]})
    lineage = rounds.lineage
    round = Round(recipe, rounds.folder, Sources({}, ()), lineage, 3, rounds.base, rounds.base, player=None)
    given = round.again("preference_pairs", held=True, previous=previous)
    assert [ref.path.split("/")[0] for ref in given.tables] == [f"round-000{number}" for number in taken]
    assert round.built_on == set(taken)
