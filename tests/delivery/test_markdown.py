"""What Markdown says, without any marks."""

from html import escape

import pytest

from amends.delivery.markdown import blocks_of, plain_text, to_html


def test_markdown_in_plain_words_has_no_marks_and_names_its_links() -> None:
    """Markdown in plain words has no marks and says where each link leads."""
    markdown = "# A notice\n\nIt was **your** data.\nRead on.\n\n1. Change it\n2. Watch out\n   - here\n\nSee [your page](https://a.example/p)."
    assert plain_text(blocks_of(to_html(markdown))) == (
        "A notice\n\nIt was your data. Read on.\n\n1. Change it\n2. Watch out\n  • here\n\nSee your page (https://a.example/p)."
    )


@pytest.mark.parametrize(
    ("markdown", "says"),
    [
        ("3. Three\n4. Four", "3. Three\n4. Four"),
        ("One  \n   two\nand three", "One\ntwo and three"),
        ("- a\n\nAfter it\n\n- b", "• a\n\nAfter it\n\n• b"),
        ("- a\n\n  more of it\n- b", "• a\nmore of it\n• b"),
        ("<care@a.example> or <https://a.example>", "care@a.example or https://a.example"),
        ("[Write](mailto:care@a.example) or [call](tel:+4930)", "Write (care@a.example) or call"),
        ("https://a.example and [there](https://a.example)", "https://a.example and there (https://a.example)"),
        ("<b>Bold</b>", "<b>Bold</b>"),
    ],
)
def test_numbers_breaks_and_links_are_written_out(markdown: str, says: str) -> None:
    assert plain_text(blocks_of(to_html(markdown))) == says


def test_a_style_ends_where_its_words_end() -> None:
    (block,) = blocks_of(to_html("Now **bold**, *slanted*, plain."))
    assert [(run.text, run.style) for run in block.runs] == [
        ("Now ", ""),
        ("bold", "strong"),
        (", ", ""),
        ("slanted", "em"),
        (", plain.", ""),
    ]


def test_a_heading_between_lists_is_no_entry_of_them() -> None:
    """A heading between two lists is no entry, and the paragraph after the lists is no heading."""
    blocks = blocks_of(to_html("- a\n\n## B\n\n- c\n\nD"))
    assert [(block.kind, block.depth) for block in blocks] == [
        ("entry", 1),
        ("heading", 0),
        ("entry", 1),
        ("paragraph", 0),
    ]


@pytest.mark.parametrize("name", ["*Star*", "# 1", "<b>Bold</b>", "1. One", "[a](https://b.example)", "A & B"])
def test_nothing_in_a_name_becomes_a_mark(name: str) -> None:
    (block,) = blocks_of(to_html("Dear NAME,").replace("NAME", escape(name)))
    assert block.text == f"Dear {name},"
    assert {run.style for run in block.runs} == {""}
