"""What a person filed is recorded with its receipt, never changed, and starts the clocks that wait for it."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.case.filings import facts_known, recorded_events
from amends.domain.law.duty import Addressee, SetAside
from amends.domain.law.filing import Filing, Part
from amends.ledger import Ledger
from tests.builders import AWARE, NOW, a_duty, an_assessment, an_incident
from tests.delivery.sending import INCIDENT

HOUR = timedelta(hours=1)
AUTHORITY = a_duty().id
WARNING = "eu-nis2-23.early_warning@DE"
PEOPLE = "eu-gdpr-34.data_subjects"


def assessed(ledger: Ledger) -> Ledger:
    """The incident with three duties and one that was set aside."""
    ledger.incidents.open(an_incident(), [], "lena", NOW)
    people = a_duty(id=PEOPLE, addressee=Addressee.PEOPLE)
    duties = (a_duty(), a_duty(id=WARNING, sets="incident_notification_submitted"), people)
    aside = SetAside(id="us-ca.attorney_general", places=("US-CA",), why="nobody lives there")
    ledger.assessments.record(INCIDENT, an_assessment(duties=duties, set_aside=(aside,)), NOW)
    return ledger


@pytest.fixture
def owing(ledger_on_sqlite: Ledger) -> Ledger:
    return assessed(ledger_on_sqlite)


def file(ledger: Ledger, duty: str = AUTHORITY, at: datetime = NOW, receipt: str = "DPA-17", **more: object) -> Filing:
    return ledger.filings.record(INCIDENT, duty, at, "lena", receipt, "by the portal", NOW + HOUR, **more)  # type: ignore[arg-type]


def test_a_filing_is_part_of_the_case(ledger: Ledger) -> None:
    filed = file(assessed(ledger))
    assert ledger.cases.read(INCIDENT).filings == ledger.filings.all(INCIDENT) == (filed,)
    assert (filed.number, filed.part, filed.by, filed.receipt) == (1, Part.INITIAL, "lena", "DPA-17")
    assert (filed.filed_at, filed.recorded_at, filed.note) == (NOW, NOW + HOUR, "by the portal")


def test_later_filings_are_supplements_unless_called_final(owing: Ledger) -> None:
    """A filing after the first one is a supplement, unless the member who files it calls it final.

    The first filing for another duty is an initial one.
    """
    file(owing)
    assert file(owing, receipt="DPA-18").part is Part.SUPPLEMENT
    assert file(owing, receipt="DPA-19", part=Part.FINAL).part is Part.FINAL
    assert file(owing, WARNING).part is Part.INITIAL


def test_the_same_filing_recorded_twice_is_one(owing: Ledger) -> None:
    assert file(owing) == file(owing)
    assert len(owing.filings.all(INCIDENT)) == 1


def test_an_authority_may_give_everything_the_same_reference(owing: Ledger) -> None:
    file(owing)
    assert file(owing, at=NOW + HOUR).number == 2


def test_a_filing_is_in_the_audit_chain_with_its_receipt(owing: Ledger) -> None:
    file(owing)
    entry = owing.audit.entries(INCIDENT)[-1]
    assert (entry.actor, entry.act, entry.subject, entry.detail["receipt"]) == ("lena", "filed", AUTHORITY, "DPA-17")


def test_a_corrected_filing_replaces_the_wrong_one_deleting_nothing(owing: Ledger) -> None:
    """A corrected filing takes the place of the wrong one, also for the terms it starts, and both stay recorded."""
    file(owing, WARNING, NOW)
    right = file(owing, WARNING, NOW - HOUR, "CSIRT-3", corrects=1)
    assert (right.part, len(owing.filings.all(INCIDENT))) == (Part.INITIAL, 2)
    assert recorded_events(owing.cases.read(INCIDENT)) == {"incident_notification_submitted": NOW - HOUR}


@pytest.mark.parametrize("number", [2, 7])
def test_only_a_filing_of_the_same_duty_is_corrected(owing: Ledger, number: int) -> None:
    file(owing)
    file(owing, WARNING)
    with pytest.raises(NotInLedger, match=f"no filing {number} for"):
        file(owing, receipt="DPA-18", corrects=number)


def test_what_was_corrected_is_not_corrected_again_in_another_way(owing: Ledger) -> None:
    file(owing)
    file(owing, receipt="DPA-18", corrects=1)
    with pytest.raises(NotInLedger, match="no filing 1 for"):
        file(owing, receipt="DPA-19", corrects=1)


def test_the_same_correction_recorded_twice_is_one(owing: Ledger) -> None:
    file(owing)
    assert file(owing, receipt="DPA-18", corrects=1) == file(owing, receipt="DPA-18", corrects=1)


def test_the_database_lets_nobody_change_or_delete_a_filing(ledger: Ledger) -> None:
    file(assessed(ledger))
    for statement in ("UPDATE filing SET receipt = 'x'", "DELETE FROM filing"):
        with (
            pytest.raises((IntegrityError, DBAPIError), match="one more filing"),
            ledger.store.engine.begin() as connection,
        ):
            connection.execute(text(statement))


def test_an_unknown_duty_is_named_with_those_that_are_near(owing: Ledger) -> None:
    with pytest.raises(NotInLedger, match=f"did you mean {AUTHORITY}"):
        file(owing, "eu-gdpr-33.supervisory_autority@DE")


def test_a_duty_that_was_set_aside_may_be_filed_all_the_same(owing: Ledger) -> None:
    assert file(owing, "us-ca.attorney_general").number == 1


def test_without_an_assessment_there_is_no_duty_to_file(ledger_on_sqlite: Ledger) -> None:
    ledger_on_sqlite.incidents.open(an_incident(), [], "lena", NOW)
    with pytest.raises(NotInLedger, match="not assessed yet"):
        file(ledger_on_sqlite)


def test_an_unknown_incident_has_no_filings_to_record(ledger_on_sqlite: Ledger) -> None:
    with pytest.raises(NotInLedger, match="no incident"):
        file(ledger_on_sqlite)


def test_nothing_is_filed_in_the_future(owing: Ledger) -> None:
    with pytest.raises(NotAllowed, match="has not come yet"):
        file(owing, at=NOW + 2 * HOUR)


def test_a_filing_before_the_incident_was_opened_counts(owing: Ledger) -> None:
    assert file(owing, at=AWARE + HOUR).filed_at == AWARE + HOUR


def test_a_filing_before_anything_happened_is_a_wrong_date(owing: Ledger) -> None:
    with pytest.raises(NotAllowed, match="before anything happened"):
        file(owing, at=NOW - timedelta(days=365))


def test_without_a_receipt_nothing_was_filed(owing: Ledger) -> None:
    with pytest.raises(NotAllowed, match="receipt"):
        file(owing, receipt="  ")


def test_telling_people_outside_of_amends_needs_a_note_of_how(owing: Ledger) -> None:
    """A filing that people were told outside of Amends is recorded only with a note that says how."""
    for note in ("", "  "):
        with pytest.raises(NotAllowed, match="say how with --note"):
            owing.filings.record(INCIDENT, PEOPLE, NOW, "lena", "R-1", note, NOW)
    assert owing.filings.all(INCIDENT) == ()
    assert owing.filings.record(INCIDENT, PEOPLE, NOW, "lena", "R-1", "by post", NOW).note == "by post"


def test_each_filing_makes_the_case_ask_for_a_new_assessment(owing: Ledger) -> None:
    before = facts_known(owing.cases.read(INCIDENT))
    file(owing)
    file(owing, WARNING)
    assert facts_known(owing.cases.read(INCIDENT)) == before + 2


def test_the_clock_that_a_filing_started_outlives_the_duty(owing: Ledger) -> None:
    file(owing, WARNING)
    owing.assessments.record(INCIDENT, an_assessment(version=2, duties=(a_duty(),)), NOW)
    assert recorded_events(owing.cases.read(INCIDENT)) == {"incident_notification_submitted": NOW}


# Substitute notices.


def test_a_substitute_notice_is_part_of_case_and_audit_chain(ledger: Ledger) -> None:
    given = assessed(ledger).filings.give_substitute(INCIDENT, PEOPLE, "lena", NOW, url=" https://example.org/notice ")
    assert ledger.cases.read(INCIDENT).substitutes == (given,)
    assert (given.url, given.by, given.at) == ("https://example.org/notice", "lena", NOW)
    (entry,) = [one for one in ledger.audit.entries(INCIDENT) if one.act == "substitute notice given"]
    assert (entry.actor, entry.subject) == ("lena", PEOPLE)


def test_a_second_substitute_notice_is_refused(owing: Ledger) -> None:
    owing.filings.give_substitute(INCIDENT, PEOPLE, "lena", NOW, note="in the evening news")
    with pytest.raises(NotAllowed, match="by lena: in the evening news"):
        owing.filings.give_substitute(INCIDENT, PEOPLE, "omar", NOW + HOUR, url="https://example.org/notice")
    assert [substitute.by for substitute in owing.cases.read(INCIDENT).substitutes] == ["lena"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "say either"),
        ({"url": "https://example.org", "note": "on the page"}, "say either"),
        ({"note": "  "}, "say either"),
        ({"url": "example.org/notice"}, "no whole web address"),
        ({"url": "ftp://example.org/notice"}, "no whole web address"),
        ({"url": "javascript:alert(1)"}, "no whole web address"),
        ({"url": "https://"}, "no whole web address"),
        ({"url": "https://[::1"}, "no whole web address"),
        ({"url": "https://lena@example.org/notice"}, "no whole web address"),
        ({"url": "https://example.org/a notice"}, "no whole web address"),
    ],
)
def test_what_says_nothing_clear_is_no_substitute_notice(owing: Ledger, said: dict[str, str], why: str) -> None:
    with pytest.raises(NotAllowed, match=why):
        owing.filings.give_substitute(INCIDENT, PEOPLE, "lena", NOW, **said)
    assert owing.cases.read(INCIDENT).substitutes == ()


def test_an_unknown_duty_has_no_substitute_notice(owing: Ledger) -> None:
    with pytest.raises(NotInLedger, match="has no duty eu-gdpr-34"):
        owing.filings.give_substitute(INCIDENT, "eu-gdpr-34", "lena", NOW, note="x")


def test_a_substitute_notice_is_never_changed(ledger: Ledger) -> None:
    assessed(ledger).filings.give_substitute(INCIDENT, PEOPLE, "lena", NOW, note="x")
    for statement in ("UPDATE substitute SET note = 'y'", "DELETE FROM substitute"):
        with (
            pytest.raises((IntegrityError, DBAPIError), match="recorded once"),
            ledger.store.engine.begin() as connection,
        ):
            connection.execute(text(statement))
