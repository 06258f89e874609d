"""What models, users and file names say, between our own words."""

import pytest
from markdown_it import MarkdownIt

from tasks.audit.markdown import as_code, as_markdown

HOSTILE = [
    "![x](http://evil/pixel.png) [a](javascript:alert(1))",
    "<script>alert(1)</script> <img src=x onerror=y> &lt;b&gt;",
    "# no heading\n- no list\n> no quote\n1. no number ``` no code",
    "a|b|c **bold** _it_ ~~gone~~ http://evil.example www.evil.example a@evil.example",
    "\\[a](b) \\` `code` {{ 1 }} $x$",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("around", ["{}", "| a | {} |\n|---|---|\n| b | {} |"])
def test_no_text_becomes_markup(text, around):
    parser = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
    html = parser.render(around.format(as_markdown(text), as_markdown(text)))
    for mark in (
        "<a",
        "<img",
        "<script",
        "<em",
        "<strong",
        "<code",
        "<h1",
        "<ul",
        "<ol",
        "<s>",
        "<blockquote",
        "<pre",
    ):
        assert mark not in html, html
    assert html.count("<td") in (0, 2)


def test_a_long_text_is_cut():
    assert len(as_markdown("x" * 10_000)) < 2100


def test_nothing_hides_in_a_line_or_turns_it_around():
    assert as_markdown("a\x1b[31mb\u202ec\u200bd\ne\x00") == "a?\\[31mb?c?d e?"


@pytest.mark.parametrize(
    "text", ["```\n# out\n```", "````", "a\n---\nb", "~~~\n<script>\n", "x`" * 50, "\u202e\x1b[0m", ""]
)
def test_code_stays_code_whatever_stands_in_it(text):
    parser = MarkdownIt("commonmark", {"html": True})
    tokens = parser.parse(as_code(text, "toml") + "\n\nafter\n")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert not {"\x1b", "\u202e"} & set(tokens[0].content)
