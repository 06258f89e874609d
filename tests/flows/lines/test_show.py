"""Claims about what `show` and `plan` say of the rows that could not be used."""

from flows.lines.show import unusable_lines


def test_conflicts_and_copies_are_counted_apart_a_line_a_file():
    unusable = {"data.probe": {"repeated": 3, "the same question with another answer": 1}, "data.seeds": {}}
    assert list(unusable_lines(unusable)) == ["data.probe: 3 repeated, 1 the same question with another answer"]
