"""A report from a person's page holds all messages to its reader until a member decides."""

from datetime import timedelta

import pytest

from amends.domain.base.errors import NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.correction import Ask
from amends.domain.people.report import NewReport, PageReportKind, PageReportState
from amends.ledger import Claim, Ledger
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, approved

LATER = NOW + timedelta(hours=1)
NEW_EMAIL = "ada@new.example"
WRONG, OLD = PageReportKind.WRONG_PERSON, PageReportKind.OUTDATED_ADDRESS


def released(ledger: Ledger) -> Ledger:
    approved(ledger, [a_person(number=1), a_person(number=2)], channels=(ChannelKind.EMAIL,), cascade=())
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    return ledger


def report(ledger: Ledger, kind: PageReportKind, person: int = 1, **said: str) -> int:
    new = NewReport(person=person, kind=kind, locale="en", once=f"{kind}{said}", **said)
    return ledger.reports.add(INCIDENT, new, NOW)


def stands(ledger: Ledger) -> dict[int, tuple[str, str]]:
    lines = ledger.statistics.lines(INCIDENT, NOTICE)
    return {line.person: (line.state.value, line.cause.value) for line in lines if line.person}


def claim(ledger: Ledger) -> tuple[Claim, ...]:
    return ledger.deliveries.claim(INCIDENT, NOTICE, tuple(ChannelKind), 100, LATER)


@pytest.mark.parametrize("kind", PageReportKind)
def test_a_report_holds_what_waits_for_its_reader_alone(ledger: Ledger, kind: PageReportKind) -> None:
    report(released(ledger), kind)
    assert stands(ledger) == {1: ("held", kind.value), 2: ("waiting", "")}
    assert [one.about.number for one in claim(ledger) if one.about] == [2]


def test_a_message_in_hand_is_recalled(ledger_on_sqlite: Ledger) -> None:
    claims = claim(released(ledger_on_sqlite))
    report(ledger_on_sqlite, WRONG)
    assert ledger_on_sqlite.deliveries.record(claims, (), INCIDENT, NOTICE, LATER) == frozenset()
    ledger_on_sqlite.deliveries.give_back(claims, LATER)
    assert [one.about.number for one in claim(ledger_on_sqlite) if one.about] == [2]


def test_a_notice_released_after_the_report_is_held_too(ledger_on_sqlite: Ledger) -> None:
    approved(ledger_on_sqlite, [a_person(number=1), a_person(number=2)], channels=(ChannelKind.EMAIL,), cascade=())
    report(ledger_on_sqlite, WRONG)
    ledger_on_sqlite.notices.release(INCIDENT, NOTICE, NOW)
    assert stands(ledger_on_sqlite)[1] == ("held", "wrong_person")


def test_an_accepted_new_address_gets_what_was_held(ledger: Ledger) -> None:
    number = report(released(ledger), OLD, email=NEW_EMAIL, text="I moved.")
    assert ledger.reports.accept(INCIDENT, number, "Thank you.", "omar", LATER) == 1
    sent = {one.about.number: one.to.email for one in claim(ledger) if one.about and one.to}
    assert sent == {1: NEW_EMAIL, 2: ledger.people.get(INCIDENT, 2).email}
    assert ledger.people.get(INCIDENT, 1).email == NEW_EMAIL
    assert not ledger.audit.verify()


def test_a_refused_report_lets_messages_go_as_before(ledger_on_sqlite: Ledger) -> None:
    number = report(released(ledger_on_sqlite), OLD, email=NEW_EMAIL)
    with pytest.raises(NotAllowed, match="needs words"):
        ledger_on_sqlite.reports.refuse(INCIDENT, number, " ", "omar", LATER)
    assert ledger_on_sqlite.reports.refuse(INCIDENT, number, "We could not reach you there.", "omar", LATER) == 1
    assert stands(ledger_on_sqlite)[1] == ("waiting", "")
    found = ledger_on_sqlite.reports.get(INCIDENT, number)
    assert (found.state, found.words) == (PageReportState.REFUSED, "We could not reach you there.")


def test_a_wrong_person_s_link_ends_and_the_hold_stays(ledger_on_sqlite: Ledger) -> None:
    number, link = report(released(ledger_on_sqlite), WRONG), ledger_on_sqlite.people.link_of(INCIDENT, 1)
    assert ledger_on_sqlite.reports.accept(INCIDENT, number, "Sorry.", "omar", LATER) == 0
    assert ledger_on_sqlite.people.whose_link(link) is None
    assert stands(ledger_on_sqlite)[1] == ("held", "wrong_person")
    assert not ledger_on_sqlite.audit.verify()


def test_a_corrected_list_with_another_address_ends_the_hold(ledger_on_sqlite: Ledger) -> None:
    report(released(ledger_on_sqlite), WRONG)
    people = [a_person(number=1, email=NEW_EMAIL), a_person(number=2)]
    correction = ledger_on_sqlite.corrections.compare(INCIDENT, people)
    ledger_on_sqlite.corrections.apply(correction, {Ask.CHANGED: 1}, "hash", "lena", LATER)
    assert stands(ledger_on_sqlite)[1] == ("waiting", "")


def test_the_same_report_twice_is_one(ledger_on_sqlite: Ledger) -> None:
    assert (
        report(released(ledger_on_sqlite), OLD)
        == report(ledger_on_sqlite, OLD)
        == report(ledger_on_sqlite, OLD, text="Really.")
    )
    number = report(ledger_on_sqlite, OLD)
    ledger_on_sqlite.reports.refuse(INCIDENT, number, "No.", "omar", LATER)
    with pytest.raises(NotAllowed, match="refused already"):
        ledger_on_sqlite.reports.accept(INCIDENT, number, "", "omar", LATER)


@pytest.mark.parametrize("accepts", [False, True])
def test_of_two_reports_the_other_one_still_holds(ledger_on_sqlite: Ledger, accepts: bool) -> None:
    reports = released(ledger_on_sqlite).reports
    first, second = report(ledger_on_sqlite, OLD, email=NEW_EMAIL), report(ledger_on_sqlite, WRONG)
    assert (reports.accept if accepts else reports.refuse)(INCIDENT, first, "Thank you.", "omar", LATER) == 0
    assert stands(ledger_on_sqlite)[1][0] == "held"
    assert reports.refuse(INCIDENT, second, "No.", "omar", LATER) == 1


def test_a_report_s_words_stand_nowhere_in_clear(ledger_on_sqlite: Ledger) -> None:
    report(released(ledger_on_sqlite), OLD, email=NEW_EMAIL, text="I moved to Mars.")
    said = "".join(str(entry.detail) for entry in ledger_on_sqlite.audit.entries(INCIDENT))
    assert NEW_EMAIL not in said
    assert "Mars" not in said
