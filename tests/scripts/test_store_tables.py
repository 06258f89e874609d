"""docs/store.md says of every table what the table declares."""

import pytest

from schemas.tables import TABLES

from .loading import ROOT, load


@pytest.fixture(scope="module")
def script():
    return load("store_tables")


def test_the_page_is_what_the_tables_declare(script):
    page = (ROOT / "docs/store.md").read_text()
    assert script.written(page) == page, "run: python scripts/store_tables.py"


def test_every_table_and_every_column_is_on_it(script):
    page = (ROOT / "docs/store.md").read_text()
    for table in TABLES.values():
        assert f"### {table.name}\n" in page
        for field in list(table.schema)[1:]:
            assert f"| `{field.name}` |" in page


def test_a_page_without_its_marks_is_refused(script):
    with pytest.raises(ValueError, match="begin"):
        script.written("# The store\n")
