import pytest

from flows.lines.plain import paragraph, plain, value, when


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1 + 1 = 2", "1 + 1 = 2"),
        ("日本語 ½ é עברית", "日本語 ½ é עברית"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\r\tc\x08", r"a\nb\r\tc\x08"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("\u2028\u200b\ufeff\U000e0041", r"\u2028\u200b\ufeff\U000e0041"),
        ("", ""),
    ],
)
def test_what_moves_a_terminal_is_shown_and_not_sent(text, shown):
    assert plain(text) == shown


def test_a_megabyte_is_cut_and_counted():
    assert plain("x" * 2**20, 5) == "xxxxx... (1,048,576 characters)"
    lines = list(paragraph("\n" * 2**20))
    assert len(lines) == 13
    assert lines[-1] == "... (1,048,576 characters)"
    assert sum(map(len, paragraph("\x1b" * 2**20))) < 5_000


def test_lines_of_a_text_stay_lines_and_cannot_rewrite_each_other():
    assert list(paragraph("3+5=8\n\r\x1b[1A#9")) == ["3+5=8", r"\r\x1b[1A#9"]


def test_values_and_times_are_short():
    assert value(0.1 + 0.2) == "0.3"
    assert value([{"answer": "\x1b", "count": 1}]) == r"[{'answer': '\x1b', 'count': 1}]"
    assert when("2026-11-23T13:45:57.161+00:00") == "2026-11-23 13:45 UTC"
    assert when("") == "at an unknown time"
