import pytest

from tasks.reading.corrected import read_corrected


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("3+4=7\n#7", ("3+4=7\n#7", None, "")),
        ("3+4=7\n#7\n1", ("3+4=7\n#7", True, "")),
        ("3+4=8\n#8\n 2 \n3+4=7\n#7\n", ("3+4=8\n#8", False, "3+4=7\n#7")),
        ("#8\n2\n#7\n1", ("#8", None, "#7\n1")),
        ("2\n#7", ("", False, "#7")),
        ("", ("", None, "")),
        ("#12\n#21", ("#12\n#21", None, "")),
    ],
)
def test_a_verdict_is_a_line_of_its_own_and_two_are_none(text, read):
    assert read_corrected(text, "1", "2") == read
