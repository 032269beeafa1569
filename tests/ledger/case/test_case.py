"""The numbers of a case add up, and it is read in one consistent view."""

from datetime import timedelta

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.deliver.cascade import FIRST_WAIT, SPREAD
from amends.domain.notice.notice import NoticeStage, PersonState
from amends.domain.people.person import Flag, Person
from amends.ledger import Ledger
from tests.builders import NOW, a_person, an_incident
from tests.delivery.sending import INCIDENT, NOTICE, approved

LATER = NOW + timedelta(minutes=1)


def people() -> list[Person]:
    minor = frozenset({Flag.MINOR})
    return [
        a_person(number=1, segment="patients"),
        a_person(number=2, locale="zh-CN", country="CN", phone=""),
        a_person(number=3, email="", flags=minor),
        a_person(number=4, guardian_of="C-00003", data=()),
        a_person(number=5, email="", phone="", flags=frozenset({Flag.PROTECTED, Flag.MINOR})),
    ]


def test_the_audience_is_counted_by_every_measure(ledger: Ledger) -> None:
    ledger.incidents.open(an_incident(), people(), "lena", NOW)
    counts = ledger.cases.read(INCIDENT).audience
    assert counts.people == 5
    assert counts.by_country == {"CN": 1, "DE": 4}
    assert counts.by_locale == {"en": 4, "zh-CN": 1}
    assert counts.by_segment == {"": 4, "patients": 1}
    assert counts.by_category == {"basic_identity": 4, "contact": 4}
    assert counts.by_flag == {"minor": 2, "protected": 1}
    assert (counts.guardians, counts.with_email, counts.with_phone) == (1, 3, 3)


def test_an_incident_without_people_counts_none(ledger_on_sqlite: Ledger) -> None:
    ledger_on_sqlite.incidents.open(an_incident(), [], "lena", NOW)
    case = ledger_on_sqlite.cases.read(INCIDENT)
    assert (case.audience.people, case.audience.by_country, case.notices, case.commitments) == (0, {}, (), ())


def sending(ledger: Ledger) -> Ledger:
    """Each kind of answer for one person; the rest has not been tried."""
    approved(ledger, [a_person(number=number) for number in range(1, 8)], cascade=(), channels=(ChannelKind.EMAIL,))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 5, NOW)
    answers = [(claim, Receipt(claim.key, status)) for claim, status in zip(claims, Status, strict=True)]
    ledger.deliveries.record((), answers, INCIDENT, NOTICE, NOW)
    return ledger


def test_each_person_has_exactly_one_state_while_a_notice_is_sent(ledger: Ledger) -> None:
    """In the middle of a send, the case counts each person of a notice in exactly one state."""
    (notice,) = sending(ledger).cases.read(INCIDENT).notices
    assert notice.people == {
        PersonState.SENT: 1,
        PersonState.DELIVERED: 1,
        PersonState.UNREACHABLE: 1,
        PersonState.UNCERTAIN: 1,
        PersonState.WAITING: 3,
    }


def test_a_person_with_two_messages_counts_by_the_better_one(ledger_on_sqlite: Ledger) -> None:
    """A person whose email was rejected and whose SMS was sent counts as sent: the better message decides."""
    approved(ledger_on_sqlite, [a_person(number=1)])
    ledger_on_sqlite.notices.release(INCIDENT, NOTICE, NOW)
    for channel, status in ((ChannelKind.EMAIL, Status.REJECTED), (ChannelKind.SMS, Status.SENT)):
        claims = ledger_on_sqlite.deliveries.claim(INCIDENT, NOTICE, [channel], 9, NOW)
        ledger_on_sqlite.deliveries.record(
            (), [(claim, Receipt(claim.key, status)) for claim in claims], INCIDENT, NOTICE, NOW
        )
    (notice,) = ledger_on_sqlite.cases.read(INCIDENT).notices
    assert notice.people == {PersonState.SENT: 1}


def test_a_next_try_is_named_only_when_nothing_else_is_left(ledger_on_sqlite: Ledger) -> None:
    """A notice names the time of its next try only when every other message has its answer."""
    ledger = sending(ledger_on_sqlite)
    assert ledger.cases.read(INCIDENT).notices[0].next_try_at is None
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, tuple(ChannelKind), 99, NOW)
    ledger.deliveries.record((), [(claim, Receipt(claim.key, Status.SENT)) for claim in claims], INCIDENT, NOTICE, NOW)
    next_try_at = ledger.cases.read(INCIDENT).notices[0].next_try_at
    assert next_try_at
    assert (1 - SPREAD) * FIRST_WAIT <= next_try_at - NOW <= (1 + SPREAD) * FIRST_WAIT


def test_a_notice_lists_who_has_approved_exactly_this(ledger_on_sqlite: Ledger) -> None:
    approved(ledger_on_sqlite, [a_person(number=1)])
    (notice,) = ledger_on_sqlite.cases.read(INCIDENT).notices
    assert (notice.stage, notice.approvals) == (NoticeStage.APPROVED, ("omar", "wei"))


def test_an_approved_notice_is_a_draft_again_when_an_approver_leaves(ledger_on_sqlite: Ledger) -> None:
    """An approved notice falls back to a draft when one of its approvers leaves the team; the other approval stays."""
    approved(ledger_on_sqlite, [a_person(number=1)])
    ledger_on_sqlite.team.remove("wei", "lena", NOW)
    (notice,) = ledger_on_sqlite.cases.read(INCIDENT).notices
    assert (notice.stage, notice.approvals) == (NoticeStage.DRAFTED, ("omar",))


def test_a_draft_that_names_a_time_that_has_passed_is_not_current(ledger_on_sqlite: Ledger) -> None:
    approved(ledger_on_sqlite, [a_person(number=1)], next_news_at=LATER)
    current = [ledger_on_sqlite.cases.read(INCIDENT, now).notices[0].current for now in (NOW, LATER)]
    assert current == [True, False]


def test_what_is_being_sent_stays_current_although_that_time_passes(ledger_on_sqlite: Ledger) -> None:
    approved(ledger_on_sqlite, [a_person(number=1)], next_news_at=LATER)
    ledger_on_sqlite.notices.release(INCIDENT, NOTICE, NOW)
    assert ledger_on_sqlite.cases.read(INCIDENT, LATER).notices[0].current


def test_amended_facts_make_a_notice_out_of_date(ledger_on_sqlite: Ledger) -> None:
    approved(ledger_on_sqlite, [a_person(number=1)])
    ledger_on_sqlite.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    assert not ledger_on_sqlite.cases.read(INCIDENT).notices[0].current


def test_a_case_is_one_view_although_others_write_meanwhile(ledger: Ledger) -> None:
    ledger.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    with ledger.store.read() as session:
        before = session.connection().exec_driver_sql("SELECT count(*) FROM event").scalar()
        ledger.incidents.note_event(INCIDENT, "notified", NOW)
        assert session.connection().exec_driver_sql("SELECT count(*) FROM event").scalar() == before
