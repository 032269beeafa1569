"""Quoted-printable: whatever the text, what is read is what was meant, and the lines are such as mail may have."""

import quopri
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from channels.smtp.quoted_printable import SOFT_BREAK, quoted, quoted_markup, quoted_value

LINE_BREAKS = "\n\r"
PRINTABLE = frozenset(range(32, 127))
CONTROL = [chr(code) for code in (*range(9), 11, 12, *range(14, 32), 127)]

whole_characters = st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t")
lines = st.text(whole_characters, max_size=300) | st.text("a= .\té王", max_size=300)
texts = st.lists(lines, max_size=6).flatmap(
    lambda parts: st.sampled_from(["\n", "\r\n", "\r"]).map(lambda line_break: line_break.join(parts))
)


def read(encoded: bytes) -> str:
    return quopri.decodestring(encoded).decode()


def with_crlf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


@given(texts)
@example(".")
@example("." * 200)
@example("a" * 71 + "=" + "." * 80)
@example("end with a blank \nand a tab\t\n")
@example("王" * 100)
def test_what_is_read_is_what_was_written_with_mail_line_breaks(text: str) -> None:
    """Any text in quoted-printable is read back as it was written, with line breaks as CRLF."""
    assert read(quoted(text)) == with_crlf(text)


@given(texts)
@example("." * 200)
@example("a" * 72 + ".")
def test_no_line_is_long_or_begins_with_a_dot_and_all_is_printable(text: str) -> None:
    """No line of quoted-printable is longer than 76 bytes or begins with a dot, and every byte is printable."""
    for line in quoted(text).split(b"\r\n"):
        assert len(line) <= 76
        assert not line.startswith(b".")
        assert PRINTABLE.issuperset(line)


@given(texts)
def test_no_line_ends_with_a_blank_which_servers_take_away(text: str) -> None:
    assert not any(line.endswith((b" ", b"\t")) for line in quoted(text).split(b"\r\n"))


@given(st.lists(lines, min_size=1, max_size=5))
@example(["x" * 73])
@example(["x" * 76])
def test_values_between_soft_breaks_are_read_as_one_line(values: list[str]) -> None:
    together = SOFT_BREAK.join([b"Dear ", *map(quoted_value, values), b", hello"])
    assert read(together) == "Dear " + "".join(values) + ", hello"
    for line in together.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.startswith(b".")


@given(st.text(string.printable, max_size=100), st.sampled_from(LINE_BREAKS), st.text(string.printable, max_size=100))
def test_a_value_with_a_line_break_is_refused(before: str, line_break: str, after: str) -> None:
    with pytest.raises(ValueError, match=r"line break|control character"):
        quoted_value(before + line_break + after)


@pytest.mark.parametrize("control", CONTROL)
@pytest.mark.parametrize("encode", [quoted, quoted_value, quoted_markup])
def test_a_control_character_is_refused(encode: object, control: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        encode(f"Kim{control}Example")  # type: ignore[operator]


@pytest.mark.parametrize("encode", [quoted, quoted_value, quoted_markup])
def test_half_a_character_is_refused(encode: object) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        encode("Kim \ud83d")  # type: ignore[operator]


@given(lines)
def test_a_value_in_markup_can_be_text_and_never_markup(value: str) -> None:
    assert not set("<>\"'").intersection(read(quoted_markup(value)))


def test_a_value_that_needs_no_encoding_stays_as_it_is() -> None:
    assert quoted_value("Kim Example") == b"Kim Example"
