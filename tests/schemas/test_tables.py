import pytest

from schemas.tables import TABLES


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_column_says_what_it_means_and_rows_have_an_id(table):
    assert table.schema.names[0] == "id"
    for field in table.schema:
        assert len(field.metadata[b"meaning"]) > 3, field.name


def test_a_row_is_made_of_or_about_or_mentions_rows_of_tables_that_there_are():
    named = {name for table in TABLES.values() for parent in table.parents for name in parent.tables}
    assert named - set(TABLES) == set()


def test_training_tables_have_the_trainers_columns():
    assert {"prompt", "completion"} <= set(TABLES["sft_examples"].schema.names)
    assert {"prompt", "chosen", "rejected"} <= set(TABLES["preference_pairs"].schema.names)
