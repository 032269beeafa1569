"""How SMS texts are counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.channel.sms import Encoding, Segments, segments


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("", Encoding.GSM7, 0, 1),
        ("a" * 160, Encoding.GSM7, 160, 1),
        ("a" * 161, Encoding.GSM7, 161, 2),
        ("a" * 306, Encoding.GSM7, 306, 2),
        ("a" * 307, Encoding.GSM7, 307, 3),
        ("€" * 80, Encoding.GSM7, 160, 1),
        ("€" * 81, Encoding.GSM7, 162, 2),
        ("é@£$¥Δß\r\n", Encoding.GSM7, 9, 1),
        ("[x]", Encoding.GSM7, 5, 1),
        ("字" * 70, Encoding.UCS2, 70, 1),
        ("字" * 71, Encoding.UCS2, 71, 2),
        ("字" * 134, Encoding.UCS2, 134, 2),
        ("字" * 135, Encoding.UCS2, 135, 3),
        ("😀" * 35, Encoding.UCS2, 70, 1),
        ("😀" * 36, Encoding.UCS2, 72, 2),
        ("ç", Encoding.UCS2, 1, 1),
        ("`", Encoding.UCS2, 1, 1),
        ("a" * 69 + "字", Encoding.UCS2, 70, 1),
    ],
)
def test_a_text_costs(text: str, encoding: Encoding, units: int, count: int) -> None:
    assert segments(text) == Segments(encoding, units, count)


def test_an_emoji_at_the_end_of_a_part_moves_whole_into_the_next() -> None:
    assert segments("字" * 66 + "😀" * 34).count == 3  # 134 units would fit into two parts, if cut


def test_an_escaped_character_at_the_end_of_a_part_moves_whole() -> None:
    """An escaped character (two units of GSM 7-bit) at the end of a part is not cut in two: it moves whole into the
    next part.
    """
    assert segments("a" * 152 + "€" + "a" * 152).count == 3  # 306 units would fit into two parts, if cut


@given(st.text(), st.text())
def test_more_text_never_costs_less(text: str, more: str) -> None:
    assert segments(text + more).count >= segments(text).count
