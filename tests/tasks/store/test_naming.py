"""How rounds are named."""

import pytest

from schemas.errors import BadInput
from tasks.store.lineage import make_store
from tasks.store.naming import open_round


def test_a_round_is_named_with_its_recipe_or_by_its_number_alone_where_there_is_one_recipe(rounds):
    rounds.publish("held")
    rounds.publish("promoted")
    for name in ("small/2", "2", "small/2/", "02"):
        lineage, found = open_round(rounds.store, name)
        assert (lineage.recipe, found.round) == ("small", 2)


@pytest.mark.parametrize(
    "name", ["", "x", "small", "small/", "small/x", "a/b/1", "../small/1", "../1", "small/²", "-1"]
)
def test_what_is_no_name_of_a_round_is_refused(rounds, name):
    rounds.publish("held")
    with pytest.raises(BadInput, match="expected a round such as quickstart/3"):
        open_round(rounds.store, name)


def test_a_round_that_is_not_there_is_named_with_those_that_are(rounds, tmp_path):
    rounds.publish("held")
    with pytest.raises(BadInput, match=r"small/7: no published round of this name in .*; its lineage has small/1"):
        open_round(rounds.store, "small/7")
    with pytest.raises(BadInput, match="no published round"):
        open_round(rounds.store, "other/1")
    make_store(tmp_path / "empty")
    with pytest.raises(BadInput, match="no published round"):
        open_round(tmp_path / "empty", "1")
