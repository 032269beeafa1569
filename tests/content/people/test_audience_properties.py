"""Whatever stands in a file, every row is either a person or a rejection, and no name can do harm."""

import csv
import io
import tempfile
import unicodedata
from pathlib import Path

from email_validator import validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amends.content.people.audience import OPTIONAL, REQUIRED, AudienceFile
from amends.content.people.columns import UnfitCell, email
from amends.domain.base.errors import ContentError

COLUMNS = (*REQUIRED, *OPTIONAL)
GOOD = (
    "C1",
    "Anna",
    "a@mail.example",
    "+4915112345678",
    "de",
    "DE",
    "",
    "",
    "Europe/Berlin",
    "contact",
    "",
    "",
    "minor",
)
SURROGATES = ("Cs",)
HOSTILE = st.sampled_from(
    [
        "",
        " ",
        "NULL",
        "=?",
        "\r\nBcc: a@b.example",
        "\x00",
        "\u202e",
        "\ufeff",
        '"',
        "||",
        "+1",
        "1E9",
        "x" * 300,
        "李娜",
        "é",
    ]
)
TEXT = st.one_of(HOSTILE, st.text(st.characters(exclude_categories=SURROGATES), max_size=30))
CELLS = st.tuples(*(st.one_of(st.just(good), st.just(good), TEXT) for good in GOOD))
quickly = settings(deadline=None, max_examples=150)


def read(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audience.csv"
        path.write_bytes(content)
        file = AudienceFile(path, max_bad_share=1.0)
        persons = []
        try:
            persons.extend(file.rows())
        except ContentError:
            assert file.report.refused
        return persons, file.report


def as_csv(rows):
    text = io.StringIO()
    csv.writer(text).writerows([COLUMNS, *rows])
    return text.getvalue().encode()


@quickly
@given(st.lists(CELLS, max_size=8))
def test_every_row_is_accepted_or_rejected(rows):
    persons, report = read(as_csv(rows))
    assert len(persons) == report.accepted
    assert report.accepted + len(report.rejected) == report.rows


@quickly
@given(st.lists(CELLS, max_size=8))
def test_no_accepted_name_holds_a_hidden_character(rows):
    hidden = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
    names = "".join(person.name for person in read(as_csv(rows))[0])
    assert all(unicodedata.category(character) not in hidden or character in "\u200c\u200d" for character in names)


@quickly
@given(st.lists(CELLS, max_size=8))
def test_an_accepted_email_is_one_address(rows):
    emails = [person.email for person in read(as_csv(rows))[0] if person.email]
    assert all(email.count("@") == 1 and len(email.split()) == 1 for email in emails)


@quickly
@given(TEXT)
def test_no_reason_holds_what_stands_in_a_cell(text):
    marked = f"\x07{text}Zyxwvut"
    _, report = read(as_csv([[marked] * len(COLUMNS)]))
    assert "Zyxwvut" not in str(report.as_json())


@quickly
@given(st.binary(max_size=400))
@example(b"PK\x03\x04")
@example(b"\xff\xfe\x00")
@example(b"\xd0\xcf\x11\xe0")
def test_any_bytes_are_read_or_refused(content):
    _, report = read(content)
    assert report.accepted + len(report.rejected) == report.rows


@quickly
@given(st.text(max_size=400))
def test_any_text_below_a_good_header_is_read_or_refused(text):
    _, report = read((",".join(COLUMNS) + "\n" + text).encode("utf-8", "surrogatepass"))
    assert report.accepted + len(report.rejected) == report.rows


ADDRESSES = st.from_regex(r"\A[A-Za-z0-9._+'=~%-]{1,12}@[A-Za-z0-9.-]{1,20}\.[a-z]{1,5}\Z")


@settings(deadline=None, max_examples=500)
@given(ADDRESSES)
def test_the_quick_way_takes_no_address_that_the_long_way_refuses(address):
    try:
        held = email(address)
    except UnfitCell:
        return
    assert validate_email(held, check_deliverability=False, test_environment=True).ascii_email.lower() == held.lower()
