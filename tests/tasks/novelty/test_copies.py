"""Claims about copies."""

from tasks.novelty.copies import ExactIndex


def test_the_exact_index_knows_copies_only() -> None:
    index = ExactIndex()
    index.add("3+4+5+6", "a")
    index.add("3+4+5+7", "b")
    index.add(" 3+4+5+6\n", "c")
    assert index.nearest(" 3+4+5+6 ") == (1.0, "a")
    assert index.nearest("3+4+5+7") == (1.0, "b")
    assert index.nearest("6+5+4+3") == (0.0, None)


def test_case_and_spaces_make_no_other_text() -> None:
    index = ExactIndex()
    index.add("What is  A?", "a")
    assert index.nearest("what is a?") == (1.0, "a")
