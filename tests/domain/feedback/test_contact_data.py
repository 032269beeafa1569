"""Contact data in texts: addresses, numbers and references as people write them, found in bounded time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.feedback.contact_data import MOST_OF_A_KIND, international, mentioned


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("It went to Max.Muster@Example.org.", "max.muster@example.org"),
        ("<mailto:li+1@mail.example>", "li+1@mail.example"),
        ("邮箱是li@mail.example吗", "li@mail.example"),
    ],
)
def test_addresses_are_found(text: str, address: str) -> None:
    assert address in mentioned(text).emails


@pytest.mark.parametrize(
    "text",
    [
        "+49 30 5557770",
        "call +49 (30) 555-7770 now",
        "0049 30/5557770",
        "+4930.555.7770",
        "at +49305557770",
        "030 5557770",
        "(030) 555 77 70",
        "4930 5557770",
        "030 5557770 0171 1234567",
        "12 030 5557770",
        "電話０３０　５５５７７７０です",
    ],
)
def test_numbers_are_found_in_any_spelling(text: str) -> None:
    ways = {way for phone in mentioned(text).phones for way in international(phone, [49, 86])}
    assert "+49305557770" in ways


@pytest.mark.parametrize(
    "text",
    [
        "C-00042",
        "my reference is C-00042.",
        "(c-00042)",
        "编号C-00042是我的",
        "Ｃ－００042",
        "Kundennummer: C-00042, danke",
    ],
)
def test_references_are_found(text: str) -> None:
    assert "C-00042" in mentioned(text).refs


@pytest.mark.parametrize("text", ["in 2026", "I paid 1500", "10115 Berlin", "stop", "", "What happened to my data?"])
def test_plain_words_and_short_numbers_are_no_data(text: str) -> None:
    assert not mentioned(text)


def test_nothing_found_is_shown() -> None:
    assert repr(mentioned("max@example.org C-00042 +49305557770")) == "Mentioned()"


@given(st.text(max_size=300))
def test_any_text_is_looked_through(text: str) -> None:
    mentioned(text)


@pytest.mark.parametrize(
    "hostile",
    [
        "".join(f"p{number}@example.org, " for number in range(50_000)),
        "1 " * 500_000,
        "a" * 1_000_000,
        "a@" * 500_000,
        "+1" * 500_000,
        "1234567 " * 125_000,
        "-." * 500_000,
        "a." * 500_000 + "@",
        "@a.a" * 250_000,
    ],
)
def test_a_megabyte_takes_little_time(hostile: str) -> None:
    begun = time.monotonic()
    found = mentioned(hostile)
    assert time.monotonic() - begun < 20
    assert max(len(found.emails), len(found.phones)) <= MOST_OF_A_KIND
