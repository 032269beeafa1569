"""Text for terminals: columns that line up, nothing that takes the terminal over."""

from datetime import UTC, datetime

import pytest

from amends.cli.words import counts, printable, say, table, width


def test_columns_line_up_under_chinese_words() -> None:
    lines = table(("name", "n"), [("贝塔派", 1), ("ab", 22)]).splitlines()
    assert lines == ["name    n", "贝塔派  1", "ab      22"]


def test_a_table_without_rows_says_so() -> None:
    assert table(("a", "b"), []) == "none"


def test_a_line_break_in_a_cell_does_not_break_the_table() -> None:
    assert len(table(("a",), [("x\ny",)]).splitlines()) == 2


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\ue000", "\r"])
def test_characters_that_act_on_a_terminal_are_replaced(character: str) -> None:
    assert printable(f"a{character}b") == "a�b"


def test_plain_text_in_any_language_stays() -> None:
    assert printable("您的数据\n\tÄé 👩‍👧") == "您的数据\n\tÄé 👩‍👧"


def test_wide_characters_take_two_columns() -> None:
    assert width("a贝") == 3


def test_counts_leave_out_what_there_is_none_of() -> None:
    assert counts({"sent": 3, "held": 0}) == "3 sent"


def test_times_are_said_in_utc() -> None:
    assert say(datetime(2026, 11, 24, 9, 5, tzinfo=UTC)) == "2026-11-24 09:05 UTC"
