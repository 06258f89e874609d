import pytest

from schemas.tables import TABLES


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_column_says_what_it_means_and_rows_have_an_id(table):
    assert table.schema.names[0] == "id"
    for field in table.schema:
        assert len(field.metadata[b"meaning"]) > 3, field.name


def test_training_tables_have_the_trainers_columns():
    assert {"prompt", "completion"} <= set(TABLES["sft_examples"].schema.names)
    assert {"prompt", "chosen", "rejected"} <= set(TABLES["preference_pairs"].schema.names)
