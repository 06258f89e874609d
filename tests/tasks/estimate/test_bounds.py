"""The most that a stage can come to: by what its module says, or by its rows and samples."""

from types import SimpleNamespace

import pytest

from schemas.manifest import TableRef, ValidRows
from schemas.work import PROMPT_BYTES, ROW_BYTES, TOKEN_BYTES, Work
from tasks.estimate.bounds import work_of
from tasks.select import select


def ref(rows):
    return TableRef(table="t", path="p", rows=rows, digest="d", files={})


@pytest.fixture
def bounded():
    """Of a stage that says nothing of its work."""

    def grade(draft, *, settings, answers):
        """Grade."""

    grade.writes = ("grades",)
    return lambda settings=None, **tables: work_of(grade, {"settings": settings, **tables}, None, 0)


def test_a_row_that_is_given_counts_once_in_whatever_it_is_given(bounded):
    several = (ref(3), ValidRows(tables=(ref(5), ref(7)), dropped=(ref(100),)))
    assert bounded(answers=ref(2), earlier=several, note="text", nothing=()).rows == 2 + 3 + 5 + 7


def test_a_section_with_samples_has_so_many_texts_a_row_each_as_long_as_may_be(bounded):
    found = bounded(SimpleNamespace(num_samples=4, sampling=SimpleNamespace(max_tokens=50)), answers=ref(10))
    assert found == Work(40, tokens=40 * 50, bytes=40 * (ROW_BYTES + PROMPT_BYTES + 50 * TOKEN_BYTES))


def test_a_wave_has_its_share_of_the_rows(bounded):
    assert bounded(answers=ref(10), wave=(1, 3)).rows == 4


def test_what_a_stages_module_says_counts():
    given = {"settings": None, "questions": ref(9), "verdicts": ref(1000)}
    assert work_of(select, given, None, 0).rows == 9
