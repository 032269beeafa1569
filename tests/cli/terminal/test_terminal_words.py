"""Text for terminals: columns that line up, nothing that takes the terminal over."""

from datetime import UTC, datetime

import pytest

from amends.cli.terminal.text import fitted, table
from amends.domain.base.text import counts, printable, say, width


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


HEAD = ("when", "what", "note")
ROWS = [("Fri 11:00", "first notice", "waits for two people who may approve it, 贝塔派贝塔派贝塔派贝塔派")]


@pytest.mark.parametrize("columns", [30, 36, 60, 80])
def test_at_a_terminal_a_table_is_no_wider_than_that(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amends.cli.terminal.text.terminal_columns", lambda: columns)
    shown = fitted(HEAD, ROWS)
    assert max(map(width, shown.splitlines())) <= columns
    assert sorted("".join(shown.split())) == sorted("".join(table(HEAD, ROWS).split()))


def test_a_narrow_terminal_has_each_row_as_a_paragraph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amends.cli.terminal.text.terminal_columns", lambda: 24)
    shown = fitted(HEAD, [("Fri 11:00", "first-notice", ""), ("Sat", "b", "as found out")])
    assert shown.splitlines() == ["when  what  note", "Fri 11:00", "  first-notice  –", "Sat  b  as found out"]


def test_long_names_of_columns_are_wrapped_when_only_they_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """When only the names of the columns are too long for the terminal, the names go on in further lines and the table
    stays a table.
    """
    monkeypatch.setattr("amends.cli.terminal.text.terminal_columns", lambda: 20)
    assert fitted(("messages by channel", "not reached"), [("email", 3)]).splitlines() == [
        "messages  not",
        "by        reached",
        "channel",
        "email     3",
    ]


def test_a_command_is_left_whole_to_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    command = "amends approve stolen-terminals first-notice --as NAME"
    monkeypatch.setattr("amends.cli.terminal.text.terminal_columns", lambda: 40)
    assert command in fitted(("whom", "do"), [("lena", command)])


def test_in_a_pipe_a_table_is_as_wide_as_it_is() -> None:
    assert fitted(HEAD, ROWS) == table(HEAD, ROWS)
