"""What Markdown says, without any marks."""

from html import escape

import pytest

from amends.delivery.plain import blocks_of, plain_text, to_html


def test_markdown_in_plain_words_has_no_marks_and_says_where_a_link_leads() -> None:
    markdown = "# A notice\n\nIt was **your** data.\nRead on.\n\n1. Change it\n2. Watch out\n   - here\n\nSee [your page](https://a.example/p)."
    assert plain_text(blocks_of(to_html(markdown))) == (
        "A notice\n\nIt was your data. Read on.\n\n1. Change it\n2. Watch out\n  • here\n\nSee your page (https://a.example/p)."
    )


@pytest.mark.parametrize("name", ["*Star*", "# 1", "<b>Bold</b>", "1. One", "[a](https://b.example)", "A & B"])
def test_nothing_in_a_name_becomes_a_mark(name: str) -> None:
    (block,) = blocks_of(to_html("Dear NAME,").replace("NAME", escape(name)))
    assert block.text == f"Dear {name},"
    assert {run.style for run in block.runs} == {""}
