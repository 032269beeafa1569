import shlex
from datetime import date

import pytest

from amends.content.file.countries import COUNTRIES
from amends.content.file.shipped import library
from amends.content.people.audience import AudienceFile, Caution
from amends.domain.base.errors import ContentError
from amends.domain.incident.facts import DataCategory
from amends.domain.people.person import Flag

ANNA = "C1,Anna Meyer,anna@mail.example,+4915112345678,de,DE"
WIDE = "id,name,email,phone,locale,country,region,postal_address,timezone,data,segment,guardian_of,flags"


def read(path, share=1.0, **options):
    """Persons and report of a file that may hold any share of bad rows."""
    file = AudienceFile(path, max_bad_share=share, **options)
    return list(file.rows()), file.report


def refused(path, share=0.05):
    file = AudienceFile(path, max_bad_share=share)
    with pytest.raises(ContentError):
        list(file.rows())
    return file.report.refused


def code_for(audience, row, header=None):
    path = audience(row, header=header) if header else audience(row)
    _, report = read(path)
    return [(one.row, one.column, one.code) for one in report.rejected]


def with_cell(column, cell):
    cells = {"id": "C1", "name": "Anna Meyer", "email": "", "phone": "", "locale": "de", "country": "DE"}
    return ",".join((cells | {column: f'"{cell}"'})[name] for name in cells)


def wide(**cells):
    row = {"id": "C1", "name": "Anna Meyer", "locale": "de", "country": "DE"} | cells
    return ",".join(f'"{row.get(name, "")}"' for name in WIDE.split(","))


CONSENTING = f"{WIDE},consents_to_email"


def test_the_day_of_the_consent_to_email_is_read(audience):
    rows = (f"{wide(email='anna@mail.example')},2025-03-31", f"{wide(id='C2', email='bo@mail.example')},")
    people, _ = read(audience(*rows, header=CONSENTING), today=date(2026, 11, 24))
    assert [person.consents_to_email for person in people] == [date(2025, 3, 31), None]


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("yes", "only the day of the consent shows that there is one"),
        ("31.03.2025", "only the day of the consent shows that there is one"),
        ("2025-02-30", "there is no such day"),
        ("2026-11-26", "the day is yet to come"),
    ],
)
def test_a_consent_without_a_past_day_rejects_the_row(audience, cell, why):
    _, report = read(audience(f"{wide(email='a@mail.example')},{cell}", header=CONSENTING), today=date(2026, 11, 24))
    (row,) = report.rejected
    assert (row.row, row.column, row.code) == (2, "consents_to_email", "consent")
    assert row.reason.startswith(why) and row.reason.endswith("as in 2025-03-31, or leave the cell empty")


def test_a_row_becomes_a_person_numbered_by_its_row(audience):
    ((person,), _) = read(audience(ANNA))
    assert (person.number, person.ref, person.name, person.email, person.phone, person.locale, person.country) == (
        2,
        "C1",
        "Anna Meyer",
        "anna@mail.example",
        "+4915112345678",
        "de",
        "DE",
    )


def test_the_optional_columns_are_read(audience):
    row = wide(
        region="BY",
        postal_address="Am Ring 1, München",
        timezone="Europe/Berlin",
        data="contact|health",
        segment="household",
        flags="minor|protected",
    )
    ((person,), _) = read(audience(row, header=WIDE))
    assert (person.data, person.flags, person.timezone, person.segment) == (
        (DataCategory.CONTACT, DataCategory.HEALTH),
        frozenset({Flag.MINOR, Flag.PROTECTED}),
        "Europe/Berlin",
        "household",
    )


def test_columns_may_stand_in_any_order(audience):
    path = audience("DE,Anna Meyer,de,C1,,anna@mail.example", header="country,name,locale,id,phone,email")
    assert [person.ref for person in read(path)[0]] == ["C1"]


def test_a_workbook_gives_the_same_persons_as_a_csv_file(audience, workbook):
    table = [WIDE.split(",")[:6], ANNA.split(",")]
    assert read(workbook(table))[0] == read(audience(ANNA))[0]


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("id", "", "missing"),
        ("id", " C1", "spaces"),
        ("id", "1.5E+12", "spreadsheet_number"),
        ("id", "4,9E+12", "spreadsheet_number"),
        ("id", "x" * 201, "too_long"),
        ("id", "a\u200bb", "characters"),
        ("name", "", "missing"),
        ("name", "Anna ", "spaces"),
        ("name", "\u00a0Anna", "spaces"),
        ("name", "An\nna", "characters"),
        ("name", "Anna\r", "spaces"),
        ("name", "An\x85na", "characters"),
        ("name", "An\u2028na", "characters"),
        ("name", "An\x1bna", "characters"),
        ("name", "An\u202ena", "characters"),
        ("name", "An\u2066na", "characters"),
        ("name", "An\ufeffna", "characters"),
        ("name", "An\u2060na", "characters"),
        ("name", "An\ue000na", "characters"),
        ("name", "An\ufffdna", "characters"),
        ("name", "\u200d", "characters"),
        ("name", "...", "characters"),
        ("name", "=?utf-8?q?Eve=0D=0ABcc:_x@evil.test?=", "encoded_word"),
        ("name", "Bjo\u0308rn", "not_nfc"),
        ("name", "x" * 201, "too_long"),
        ("email", "null", "null_like"),
        ("email", "a@b.example,c@d.example", "email"),
        ("email", "a@b.example;c@d.example", "email"),
        ("email", "Bob <a@b.example>", "email"),
        ("email", "<a@b.example>", "email"),
        ("email", "@relay:a@b.example", "email"),
        ("email", "a%evil@b.example", "email"),
        ("email", "-oQ/tmp@b.example", "email"),
        ("email", "a?bcc=c@b.example", "email"),
        ("email", "a@[127.0.0.1]", "email"),
        ("email", "a@127.0.0.1", "email"),
        ("email", "a@b\uff0eexample", "email"),
        ("email", "a@exa\uff4dple.example", "email"),
        ("email", "a\u00a0@b.example", "email"),
        ("email", "a\u200b@b.example", "characters"),
        ("email", "x" * 65 + "@b.example", "email"),
        ("email", "a@" + "b." * 130 + "example", "too_long"),
        ("email", "a@b", "email"),
        ("email", "a@localhost", "email"),
        ("email", "a@b.local", "email"),
        ("email", "a..b@c.example", "email"),
        ("email", "a@b..example", "email"),
        ("email", "a@-b.example", "email"),
        ("email", "ab.example", "email"),
        ("email", "a@b@c.example", "email"),
        ("email", "björn@b.example", "smtputf8"),
        ("phone", "N/A", "null_like"),
        ("phone", "4.91511E+12", "spreadsheet_number"),
        ("phone", "4,91511E+12", "spreadsheet_number"),
        ("phone", "4915112345678.0", "spreadsheet_number"),
        ("phone", "call me", "phone"),
        ("phone", "+49151", "phone"),
        ("phone", "+999123456789", "phone"),
        ("phone", "+49 151 1234 5678 ext 5", "phone"),
        ("phone", "1-800-FLOWERS", "phone"),
        ("phone", "+４９１５１１２３４５６７８", "phone"),
        ("phone", "+4915112345678,+4915112345679", "phone"),
        ("locale", "", "missing"),
        ("locale", "zh_CN", "locale"),
        ("locale", "german", "locale"),
        ("locale", "DE", "locale"),
        ("country", "", "missing"),
        ("country", "XX", "country"),
        ("country", "de", "country"),
        ("country", "Germany", "country"),
        ("country", "UK", "country"),
    ],
)
def test_an_unusable_cell_is_rejected_with_row_column_and_code(audience, column, cell, code):
    """A cell of an audience file that cannot be used is rejected with its row, its column and the code of the reason."""
    assert code_for(audience, with_cell(column, cell)) == [(2, column, code)]


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("timezone", "Mars/Olympus", "timezone"),
        ("timezone", "../../etc/passwd", "timezone"),
        ("timezone", "Europe", "timezone"),
        ("data", "contact|helth", "unknown_word"),
        ("data", "contact||health", "unknown_word"),
        ("data", "contact, health", "unknown_word"),
        ("flags", "Minor", "unknown_word"),
        ("segment", "everyone", "segment"),
        ("region", "B\x07", "characters"),
        ("guardian_of", "C9", "guardian_of_unknown"),
        ("guardian_of", "C1", "guardian_of_self"),
        ("postal_address", "Am Ring 1\n\x07", "characters"),
        ("postal_address", "x" * 501, "too_long"),
    ],
)
def test_an_optional_cell_that_cannot_be_used_is_rejected_too(audience, column, cell, code):
    assert code_for(audience, wide(**{column: cell}), WIDE) == [(2, column, code)]


@pytest.mark.parametrize(
    "name",
    [
        "李娜",
        "O’Brien",
        "van der Berg",
        "مریم\u200cنژاد",
        "Null Smith",
        "Nguyễn Thị",
        "Ng",
        "王 Wei",
        "𠮷田",
        "=SUM(A1)",
    ],
)
def test_names_of_all_kinds_are_taken_as_they_are(audience, name):
    assert [person.name for person in read(audience(with_cell("name", name)))[0]] == [name]


@pytest.mark.parametrize(
    ("email", "held"),
    [
        ("anna.meyer+shop@mail.example", "anna.meyer+shop@mail.example"),
        ("O'Brien@Mail.example", "O'Brien@Mail.example"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("a@例子.公司", "a@xn--fsqu00a.xn--55qx5d"),
        ("_a@b-c.example", "_a@b-c.example"),
        ("a@mail.test", "a@mail.test"),
    ],
)
def test_email_addresses_are_taken_with_the_domain_as_mail_carries_it(audience, email, held):
    assert [person.email for person in read(audience(with_cell("email", email)))[0]] == [held]


@pytest.mark.parametrize("phone", ["+4915112345678", "+49 151 1234-5678", "004915112345678", "+49 (151) 12345678"])
def test_an_international_number_is_held_as_e164_unwarned(audience, phone):
    """A phone number in international form is held as E.164, and no warning is given."""
    (person,), report = read(audience(with_cell("phone", phone)))
    assert (person.phone, report.warnings) == ("+4915112345678", [])


def test_a_national_number_is_read_by_country_with_a_warning(audience):
    """A phone number in national form is read with the person's country, and a warning names its row."""
    (person,), report = read(audience(with_cell("phone", "0151 12345678")))
    assert (person.phone, [(warning.row, warning.code) for warning in report.warnings]) == (
        "+4915112345678",
        [(2, "phone_read_as_national")],
    )


def test_a_row_that_is_rejected_is_not_warned_about(audience):
    _, report = read(audience("C1,Anna Meyer,not an address,0151 12345678,de,XX", "C2,,,,de,DE"))
    assert (len(report.rejected), report.warnings) == (2, [])


def test_a_number_cell_of_a_workbook_is_read_with_a_warning(workbook):
    """A phone number that a workbook holds as a number is read as a national number, with a warning."""
    (person,), report = read(workbook([WIDE.split(",")[:6], ["C1", "Anna", "", 15112345678, "de", "DE"]]))
    assert (person.phone, [warning.code for warning in report.warnings]) == (
        "+4915112345678",
        ["phone_read_as_national"],
    )


GOOD_EMAIL, GOOD_PHONE = "anna@mail.example", "+4915112345678"


@pytest.mark.parametrize(
    ("email", "phone", "column", "code"),
    [
        (GOOD_EMAIL, "call me", "phone", "phone"),
        (GOOD_EMAIL, "4.91511E+12", "phone", "spreadsheet_number"),
        (GOOD_EMAIL, "+499001123456", "phone", "premium_number"),
        (GOOD_EMAIL, "0900 1 123456", "phone", "premium_number"),
        (GOOD_EMAIL, "+19002530000", "phone", "premium_number"),
        (GOOD_EMAIL, "+881612345678", "phone", "number_of_no_country"),
        (GOOD_EMAIL, "+870773111632", "phone", "number_of_no_country"),
        (GOOD_EMAIL, "+979123456789", "phone", "premium_number"),
        (GOOD_EMAIL, "110", "phone", "phone"),
        (GOOD_EMAIL, "11833", "phone", "phone"),
        (GOOD_EMAIL, "+4911833", "phone", "phone"),
        (GOOD_EMAIL, "N/A", "phone", "null_like"),
        ("anna@mail", GOOD_PHONE, "email", "email"),
        ("a@b.example;c@d.example", GOOD_PHONE, "email", "email"),
        ("anna@mаil.example", GOOD_PHONE, "email", "look_alike_domain"),
        ("anna@xn--mil-5cd.example", GOOD_PHONE, "email", "look_alike_domain"),
        ("anna@аррӏе.example", GOOD_PHONE, "email", "look_alike_domain"),
        ("anna@ρaypal.example", GOOD_PHONE, "email", "look_alike_domain"),
    ],
)
def test_a_bad_address_is_set_aside_beside_a_good_one(audience, email, phone, column, code):
    """An address that cannot be used is set aside with row, column and reason, and the person is told at the other."""
    (person,), report = read(audience(f"C1,Anna Meyer,{email},{phone},de,DE"))
    assert (person.email, person.phone) == (("", GOOD_PHONE) if column == "email" else (GOOD_EMAIL, ""))
    assert [(warning.row, warning.column, warning.code) for warning in report.warnings] == [(2, column, code)]
    assert (report.accepted, report.set_aside, report.rejected) == (1, 1, [])
    assert "the other address is used" in report.warnings[0].reason


@pytest.mark.parametrize("name", ["0", "nan", "NaN", "None", "n/a", "N/A", "NULL", "-", "#N/A", "undefined"])
def test_a_word_for_nothing_is_no_name(audience, name):
    """A person whose name is a word for nothing is told with a neutral greeting; one hint says how many they are."""
    persons, report = read(audience(with_cell("name", name), with_cell("name", name).replace("C1", "C2")))
    assert [person.name for person in persons] == ["", ""]
    assert [
        (warning.row, warning.column, warning.code) for warning in report.warnings if warning.code != "no_address"
    ] == [(2, "name", "no_name")]
    assert "2 rows have a word for nothing" in report.warnings[-1].reason


@pytest.mark.parametrize(
    "name",
    [
        "https://evil.example/win",
        "Visit www.evil.com now",
        "Anna evil.com",
        "evil.example",
        "hxxp://x",
        "{{7*7}}",
        "{name}",
        "{% include x %}",
        "<b>Anna</b>",
        "anna@mail.example",
        "EVIL.XYZ/a",
        "Anna Meyer {{config}}",
    ],
)
def test_a_name_that_is_a_link_or_a_template_is_set_aside(audience, name):
    (person,), report = read(audience(ANNA.replace("Anna Meyer", name)))
    assert (person.name, person.email) == ("", "anna@mail.example")
    assert [(warning.row, warning.column, warning.code) for warning in report.warnings] == [(2, "name", "odd_name")]
    assert name not in str(report.as_json())


@pytest.mark.parametrize(
    "name",
    ["J. Smith", "Dr.Meyer", "St. John-Smith", "Nan Goldin", "None Smith", "Anna-Maria O'Neil", "A.B. Co", "Maria.L"],
)
def test_a_name_with_dots_stays_as_it_is(audience, name):
    (person,), report = read(audience(ANNA.replace("Anna Meyer", name)))
    assert (person.name, report.warnings) == (name, [])


def test_a_name_is_rejected_with_the_rest_of_a_bad_row(audience):
    _, report = read(audience("C1,n/a,anna@mail.example,,de,XX"))
    assert [one.column for one in report.rejected] == ["name"]
    assert (report.warnings, "also country" in report.rejected[0].reason) == ([], True)


NAMES = (
    "Anna Meyer",
    "Björn Åström",
    "Chloé Okafor",
    "Wei Tan",
    "Niamh O'Brien",
    "Łukasz Nowak",
    "Siti Zainab",
    "John Smith",
)


def listed(shift=0, rows=40, alike=lambda given, family: f"{given}.{family}"):
    """Rows of which the email stands so many rows further down than the name."""
    mails = []
    for number in range(rows):
        given, family = NAMES[number % len(NAMES)].lower().replace("'", "").split()
        plain = str.maketrans("öåéł", "oael")
        mails.append(f"{alike(given, family).translate(plain)}{number}@mail.example")
    turned = mails[-shift:] + mails[:-shift] if shift else mails
    return [f"C{number},{NAMES[number % len(NAMES)]},{turned[number]},,de,DE" for number in range(rows)]


@pytest.mark.parametrize(("shift", "where"), [(1, "row below"), (-1, "row above")])
def test_names_shifted_against_their_addresses_are_a_hint(audience, shift, where):
    persons, report = read(audience(*listed(shift)))
    (hint,) = report.warnings
    assert (len(persons), hint.row, hint.column, hint.code, where in hint.reason) == (
        40,
        1,
        "name",
        "names_shifted",
        True,
    )


def test_names_shifted_in_a_part_of_the_list_are_a_hint_too(audience):
    path = audience(*listed(rows=60)[:40], *(row.replace("C", "D", 1) for row in listed(1)[:20]))
    assert [warning.code for warning in read(path)[1].warnings if not warning.code.startswith("same_")] == [
        "names_shifted"
    ]


@pytest.mark.parametrize(
    "alike", [lambda given, family: f"{given}.{family}", lambda given, family: family, lambda given, family: "info"]
)
def test_names_that_stand_beside_their_addresses_are_no_hint(audience, alike):
    assert read(audience(*listed(alike=alike)))[1].warnings == []


def test_a_family_with_one_name_is_no_hint(audience):
    rows = [
        f"C{number},{given} Meyer,{given.lower()}{number}@mail.example,,de,DE"
        for number, given in enumerate("Anna Bert Carl Dora Emil Fritz Gerd Hans".split() * 5)
    ]
    assert read(audience(*rows))[1].warnings == []


@pytest.mark.parametrize(
    ("column", "asks"),
    [
        ("status", "who has died"),
        ("customer_status", "who has died"),
        ("Date of death", "who has died"),
        ("verstorben", "who has died"),
        ("已故", "who has died"),
        ("age", "who is a minor"),
        ("birthDate", "who is a minor"),
        ("is-minor", "who is a minor"),
        ("出生日期", "who is a minor"),
        ("guardian_email", "who has a guardian"),
        ("parent", "who has a guardian"),
        ("监护人", "who has a guardian"),
    ],
)
def test_a_column_that_may_say_who_has_died_is_asked_about(audience, column, asks):
    """A file with such a column is refused with a question until somebody has answered, and then read without it."""
    path = audience(f"{ANNA},x", header=f"id,name,email,phone,locale,country,{column}")
    with pytest.raises(ContentError) as caught:
        list(AudienceFile(path, left_out=()).rows())
    (finding,) = caught.value.findings
    assert (finding.where, finding.what) == (f"{path}:1:7", f"does the column {column!r} say {asks}?")
    assert f"--leave-out {shlex.quote(column)}" in finding.advice
    assert len(list(AudienceFile(path, left_out=(column,)).rows())) == 1
    assert [warning.code for warning in read(path)[1].warnings] == ["ignored_column", "asked_column"]


@pytest.mark.parametrize("column", ["tier", "image", "page", "state", "language", "parent_company", "estate", "notes"])
def test_another_column_raises_no_question(audience, column):
    path = audience(f"{ANNA},x", header=f"id,name,email,phone,locale,country,{column}")
    assert [warning.code for warning in read(path, left_out=())[1].warnings] == ["ignored_column"]


def test_a_person_with_no_good_address_is_rejected(audience):
    _, report = read(audience("C1,Anna Meyer,anna@mail,call me,de,DE"))
    assert [(one.row, one.column, one.code) for one in report.rejected] == [(2, "email", "email")]
    assert "also phone: " in report.rejected[0].reason


def test_a_good_postal_address_is_enough(audience):
    (person,), report = read(audience(wide(email="anna@mail", postal_address="Am Ring 1"), header=WIDE))
    assert (person.email, person.postal_address, report.set_aside) == ("", "Am Ring 1", 1)


def test_a_column_of_bad_addresses_refuses_the_file(audience):
    """Addresses set aside in more than a fifth of the rows, and more than ten of them, are an error of the export."""
    good = [ANNA.replace("C1", f"C{number}").replace("+49", "0049") for number in range(40)]
    bad = [f"X{number},Anna Meyer,a{number}@mail.example,4.9E+12,de,DE" for number in range(11)]
    assert refused(audience(*good, *bad)) == (
        "11 of 51 rows have an address that cannot be used, more than 20% (correct the export)"
    )
    assert len(read(audience(*good, *bad[1:]), share=0.05)[0]) == 50


@pytest.mark.parametrize("email", ["a@почта.рф", "a@bücher.example", "a@例子.公司", "a@ελλάδα.example"])
def test_a_domain_in_one_script_is_taken(audience, email):
    assert read(audience(with_cell("email", email)))[1].warnings == []


def test_an_id_seen_before_is_rejected_naming_its_first_row(audience):
    _, report = read(audience(ANNA, ANNA.replace("Anna", "Bert")))
    assert [(one.row, one.code, one.reason) for one in report.rejected] == [
        (3, "duplicate_id", "the same id stands in row 2")
    ]


def test_a_ragged_row_is_rejected_and_the_next_one_is_read(audience):
    persons, report = read(audience("C0,Short", ANNA, "C2,Bert,,,de,DE,more"))
    assert ([person.ref for person in persons], [(one.row, one.code) for one in report.rejected]) == (
        ["C1"],
        [(2, "ragged"), (4, "ragged")],
    )


def test_an_empty_row_between_others_is_rejected(audience):
    _, report = read(audience(ANNA, "", ",,,,,", ANNA.replace("C1", "C2")))
    assert ([(one.row, one.code) for one in report.rejected], report.rows) == ([(3, "empty_row"), (4, "empty_row")], 4)


def test_empty_rows_at_the_end_are_no_rows(audience):
    _, report = read(audience(ANNA, "", ",,,,,", ""))
    assert (report.rows, report.rejected) == (1, [])


def test_one_rejection_tells_everything_wrong_in_the_row(audience):
    _, report = read(audience("C1,,no address,,de,XX"))
    (rejection,) = report.rejected
    assert (rejection.column, "; also email: " in rejection.reason, "; also country: " in rejection.reason) == (
        "name",
        True,
        True,
    )


def test_reasons_never_hold_what_stands_in_the_row(audience):
    secret = "Zyxwvut"
    rows = [
        with_cell(column, f"{secret} \x07{secret}") for column in ("id", "name", "email", "phone", "locale", "country")
    ]
    _, report = read(audience(*rows, *(f"{secret},{secret},,,de,DE" for _ in range(2))))
    assert secret not in str(report.as_json())
    assert len(report.rejected) == 7


def test_a_person_without_any_address_is_taken_with_a_warning(audience):
    persons, report = read(audience("C1,Anna Meyer,,,de,DE"))
    assert (len(persons), [warning.code for warning in report.warnings]) == (1, ["no_address"])


def test_a_postal_address_is_an_address(audience):
    (person,), report = read(audience(wide(postal_address="Am Ring 1\n80331 München"), header=WIDE))
    assert (person.postal_address, report.warnings) == ("Am Ring 1\n80331 München", [])


def test_a_shared_email_or_phone_warns_with_the_other_row(audience):
    """The same email or phone number for two ids is a warning that names the other row."""
    _, report = read(audience(ANNA, "C2,A. Meyer,ANNA@mail.example,004915112345678,de,DE"))
    assert report.warnings == [
        Caution(3, "same_email", "row 2 has the same; perhaps one person twice"),
        Caution(3, "same_phone", "row 2 has the same; perhaps one person twice"),
    ]


def test_a_name_in_letters_that_look_alike_is_a_warning(audience):
    persons, report = read(audience("C1,\u0410nna Meyer,a@mail.example,,de,DE"))
    assert (len(persons), [warning.code for warning in report.warnings]) == (1, ["mixed_script"])


def test_a_guardian_may_stand_above_or_below_the_child(audience):
    rows = (
        wide(id="C1", guardian_of="C2", postal_address="x"),
        wide(id="C2", postal_address="x"),
        wide(id="C3", guardian_of="C2", postal_address="x"),
    )
    persons, report = read(audience(*rows, header=WIDE))
    assert ([person.guardian_of for person in persons], report.warnings) == (["C2", "", "C2"], [])


def test_a_guardian_may_stand_above_the_child_in_a_workbook_too(workbook):
    header = [*WIDE.split(",")[:6], "guardian_of"]
    rows = [["C1", "Anna", "a@b.example", "", "de", "DE", "C2"], ["C2", "Bert", "b@b.example", "", "de", "DE", ""]]
    persons, report = read(workbook([header, *rows]))
    assert ([person.guardian_of for person in persons], report.rejected) == (["C2", ""], [])


def test_a_guardian_whose_child_was_rejected_is_a_warning(audience):
    rows = (wide(id="C1", guardian_of="C2", postal_address="x"), wide(id="C2", country="XX", postal_address="x"))
    _, report = read(audience(*rows, header=WIDE))
    assert [(warning.row, warning.code) for warning in report.warnings] == [(2, "guardian_of_rejected")]


def test_other_columns_are_listed_and_not_kept(audience):
    _, report = read(audience(f"{ANNA},gold", header="id,name,email,phone,locale,country,tier"))
    assert (report.ignored_columns, report.as_json()["warnings"]) == (
        ("tier",),
        [{"row": 1, "code": "ignored_column", "reason": "the column 'tier' is not kept", "column": ""}],
    )


def test_an_ignored_column_that_is_nearly_a_known_one_gets_advice(audience):
    _, report = read(audience(f"{ANNA},x", header="id,name,email,phone,locale,country,postal_adress"))
    assert report.warnings[0].reason == "the column 'postal_adress' is not kept; did you mean postal_address?"


def test_a_missing_column_refuses_the_file_with_advice(audience):
    assert refused(audience(ANNA, header="id,name,E-Mail,phone,locale,country")) == (
        "the first row does not name the column email (column 3 looks like email)"
    )


def test_what_is_wrong_with_the_header_has_its_place(audience):
    path = audience(header="id,name,email,phone,locale,country,email")
    with pytest.raises(ContentError) as caught:
        list(AudienceFile(path).rows())
    assert (caught.value.findings[0].where, caught.value.findings[0].code) == (f"{path}:1:7", "E202")


def test_a_missing_column_is_placed_at_the_header(audience):
    path = audience(header="id,name")
    with pytest.raises(ContentError) as caught:
        list(AudienceFile(path).rows())
    assert caught.value.findings[0].where == f"{path}:1:1"


def test_a_file_without_a_header_is_refused_naming_no_person(audience):
    """An audience file without a header is refused, and the refusal does not show the first person's row."""
    assert "Anna" not in refused(audience(header=ANNA))


def test_a_column_that_stands_twice_refuses_the_file(audience):
    assert refused(audience(header="id,name,email,phone,locale,country,email")) == "columns 3 and 7 have the same name"


def test_a_file_with_nobody_in_it_is_refused(audience):
    assert refused(audience()) == "no person stands below the header"


def test_an_empty_file_is_refused_as_one(write):
    assert refused(write("a.csv", "")) == "the file is empty (export it again, with the header in its first row)"


def test_more_than_five_in_a_hundred_bad_rows_refuse_the_file(audience):
    good = [ANNA.replace("C1", f"C{number}") for number in range(94)]
    assert refused(audience(*good, *["bad"] * 6)) == "6 of 100 rows are bad, more than 5% (correct the export)"


def test_five_percent_bad_rows_are_reported_and_the_rest_taken(audience):
    """When exactly 5 % of the rows are bad and the limit is 5 %, the bad rows are reported and all others are taken."""
    good = [ANNA.replace("C1", f"C{number}") for number in range(95)]
    persons, report = read(audience(*good, *["bad"] * 5), share=0.05)
    assert (len(persons), report.accepted, len(report.rejected), report.refused) == (95, 95, 5, None)


def test_damage_in_the_middle_refuses_the_file_with_its_row(audience):
    assert refused(audience(ANNA, '"C2,Bert')) == "row 3: a quote is opened in this row and never closed"


def test_the_report_for_machines_has_exactly_these_keys(audience):
    _, report = read(audience(ANNA, "bad"))
    assert report.as_json() == {
        "rows": 2,
        "accepted": 1,
        "set_aside": 0,
        "rejected": [{"row": 3, "column": "", "code": "ragged", "reason": "1 cells stand in the row, 6 in the header"}],
        "warnings": [],
        "refused": None,
    }


def test_reading_again_begins_a_new_report(audience):
    file = AudienceFile(audience(ANNA))
    assert [len(list(file.rows())) for _ in range(2)] == [file.report.rows] * 2


def test_the_example_that_comes_with_amends_holds_240_good_rows():
    _, report = read(library() / "examples" / "stolen-terminals" / "audience.csv", share=0)
    assert (report.rows, report.accepted, report.rejected) == (240, 240, [])


def test_the_example_with_errors_loses_its_twelve_bad_rows():
    _, report = read(library() / "examples" / "stolen-terminals" / "audience-with-errors.csv", share=0.05)
    assert (report.rows, report.accepted, len(report.rejected)) == (252, 240, 12)


def test_the_example_with_errors_keeps_the_same_people():
    good, _ = read(library() / "examples" / "stolen-terminals" / "audience.csv")
    with_errors, _ = read(library() / "examples" / "stolen-terminals" / "audience-with-errors.csv")
    assert {person.ref for person in with_errors} == {person.ref for person in good}


def test_there_are_249_countries():
    assert len(COUNTRIES) == 249
