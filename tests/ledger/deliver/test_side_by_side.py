"""Two incidents in one ledger, of the same people and with the same notices: what befalls one leaves the other alone.

So it is with two notices of one incident.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from amends.domain.base.errors import ApprovalMissing
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.notice.notice import DeliveryState, Draft
from amends.domain.people.person import Flag, Hold, Person
from amends.domain.team.approval import Decision
from amends.ledger import Claim, Ledger
from amends.ledger.deliver.statistics import Only
from amends.ledger.tables.deliver import DeliveryRow, LeaseRow
from amends.ledger.tables.notice import NoticeRow
from amends.ledger.tables.people import PersonRow
from tests.builders import NOW, a_draft, a_member, a_person, a_playbook, a_wording, an_incident
from tests.delivery.sending import APPROVERS, FAR_AHEAD, INCIDENT, NOTICE, looked_over, personal_variants

OTHER = "march-breach"
LATER = NOW + timedelta(hours=1)
"""When the lease of whoever claimed at NOW has run out."""
EMAIL, SMS = ChannelKind.EMAIL, ChannelKind.SMS
CHILD, PROTECTED = 3, 5
SECOND = "second-notice"
Act = Callable[[Ledger], object]


@pytest.fixture
def both(ledger: Ledger) -> Ledger:
    """Of each, a page of emails is in hand and the SMS wait; the notice is optional."""
    for member in APPROVERS:
        ledger.team.add(member.name, member.role, "lena", NOW)
    for incident in (OTHER, INCIDENT):
        ledger.incidents.open(an_incident(id=incident), people(), "lena", NOW)
        ledger.playbooks.pin(incident, a_playbook(), a_wording(), "lena", NOW)
        release(ledger, incident)
        assert claim(ledger, EMAIL, incident, at=NOW)
    return ledger


def people() -> list[Person]:
    return [
        a_person(number=1),
        a_person(number=2, locale="zh-CN"),
        a_person(number=CHILD, flags=frozenset({Flag.MINOR})),
        a_person(number=4, guardian_of="C-00003"),
        a_person(number=PROTECTED, flags=frozenset({Flag.PROTECTED})),
    ]


def release(ledger: Ledger, incident: str, **changes: Any) -> None:
    draft = drafted(ledger, incident, **changes)
    looked_over(ledger, draft)
    for member in APPROVERS:
        ledger.approvals.decide(incident, draft.notice, member, Decision.APPROVE, draft.binding, "", NOW)
    ledger.notices.release(incident, draft.notice, NOW)


def drafted(ledger: Ledger, incident: str, **changes: Any) -> Draft:
    audience = ledger.notices.audience(incident, "everyone")
    draft = a_draft(
        incident=incident,
        audience_digest=audience.digest,
        people=audience.people,
        facts_digest=ledger.incidents.facts_digest(incident),
        pinned=ledger.cases.read(incident).pinned,
        optional=True,
        variants=personal_variants("en", "zh-CN"),
        next_news_at=FAR_AHEAD,
        **changes,
    )
    ledger.notices.draft(draft, NOW)
    return draft


def claim(ledger: Ledger, channel: ChannelKind, incident: str = INCIDENT, at: datetime = LATER) -> tuple[Claim, ...]:
    return ledger.deliveries.claim(incident, NOTICE, [channel], 100, at)


def answered(ledger: Ledger, status: Status, channel: ChannelKind = SMS) -> None:
    claims = claim(ledger, channel)
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, LATER)
    ledger.deliveries.record((), [(one, Receipt(one.key, status, "x")) for one in claims], INCIDENT, NOTICE, LATER)
    ledger.deliveries.end_leases([claims[0].lease], {}, INCIDENT, NOTICE, LATER)


def doubted(ledger: Ledger) -> None:
    claims = claim(ledger, SMS, at=NOW)
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
    ledger.deliveries.recover(INCIDENT, NOTICE, LATER)


def decided(ledger: Ledger) -> None:
    doubted(ledger)
    ledger.decisions.send_again(INCIDENT, NOTICE, 1, a_member(), LATER)


def corrected(ledger: Ledger) -> None:
    ledger.deliveries.recover(INCIDENT, NOTICE, LATER)
    listed = [a_person(number=1, email="new@mail.example"), *people()[2:]]  # one has moved, one is gone
    correction = ledger.corrections.compare(INCIDENT, listed)
    ledger.corrections.apply(correction, correction.difference.counts, "f" * 64, "lena", LATER)


ACTS: dict[str, Act] = {
    "claimed": lambda ledger: claim(ledger, SMS),
    "given back": lambda ledger: ledger.deliveries.give_back(claim(ledger, SMS), LATER),
    "sent": lambda ledger: answered(ledger, Status.SENT),
    "refused": lambda ledger: answered(ledger, Status.REJECTED),
    "published": lambda ledger: answered(ledger, Status.DELIVERED, ChannelKind.WEBSITE),
    "recovered": doubted,
    "sent again": decided,
    "let go": lambda ledger: ledger.decisions.release_held(INCIDENT, NOTICE, PROTECTED, a_member(), LATER),
    "opted out": lambda ledger: ledger.opt_outs.add(INCIDENT, 1, "test", LATER),
    "opted out for a child": lambda ledger: ledger.opt_outs.add(INCIDENT, CHILD, "test", LATER),
    "opted in": lambda ledger: (
        ledger.opt_outs.add(INCIDENT, 2, "t", NOW),
        ledger.opt_outs.end(INCIDENT, 2, "t", LATER),
    ),
    "paused": lambda ledger: ledger.incidents.pause(INCIDENT, "lena", LATER),
    "amended": lambda ledger: ledger.incidents.amend(an_incident(title="Two databases copied"), "lena", LATER),
    "corrected": corrected,
}


def seen(ledger: Ledger) -> dict[str, object]:
    """All that is stored of the other incident, and all that is counted of it."""
    with ledger.store.read() as session:
        rows = {
            table.__name__: [
                row.model_dump() for row in session.exec(select(table).where(table.incident == OTHER)).all()
            ]
            for table in (DeliveryRow, LeaseRow, NoticeRow, PersonRow)
        }
    opted_out = [ledger.opt_outs.has(OTHER, person.number) for person in people()]
    return rows | counted(ledger, OTHER, NOTICE) | {"opted out": opted_out, "case": ledger.cases.read(OTHER)}


def counted(ledger: Ledger, incident: str, notice: str) -> dict[str, object]:
    return {
        "pending": ledger.deliveries.pending(incident, notice),
        "standing": ledger.statistics.people(incident, notice),
        "numbers": ledger.statistics.numbers(incident, notice),
        "states": ledger.statistics.states(incident, notice),
        "lines": ledger.statistics.lines(incident, notice, Only(country="DE")),
        "taken over": ledger.statistics.taken_over(incident, notice),
        "came back": ledger.statistics.came_back(incident, notice),
        "left": ledger.deliveries.share_left(incident, notice),
        "at work": [ledger.deliveries.at_work(incident, notice, [kind]) for kind in ChannelKind],
        "published": ledger.deliveries.published(incident, notice),
        "ended": ledger.deliveries.finish(incident, notice, LATER),
    }


@pytest.mark.parametrize("act", ACTS)
def test_whatever_is_done_to_one_incident_leaves_the_other_as_it_was(both: Ledger, act: str) -> None:
    before = seen(both)
    ACTS[act](both)
    assert seen(both) == before


OF_ONE_NOTICE = ("claimed", "given back", "sent", "refused", "published", "recovered", "sent again", "let go")


@pytest.mark.parametrize("act", OF_ONE_NOTICE)
def test_whatever_is_done_to_one_notice_leaves_the_other_as_it_was(both: Ledger, act: str) -> None:
    """Of the other the page is up, the emails are in hand and the SMS wait."""
    release(both, INCIDENT, notice=SECOND)
    pages = both.deliveries.claim(INCIDENT, SECOND, [ChannelKind.WEBSITE], 100, NOW)
    both.deliveries.record((), [(page, Receipt(page.key, Status.DELIVERED)) for page in pages], INCIDENT, SECOND, NOW)
    assert both.deliveries.claim(INCIDENT, SECOND, [EMAIL], 100, NOW)
    before = seen_of_second(both)
    ACTS[act](both)
    assert seen_of_second(both) == before


def seen_of_second(ledger: Ledger) -> dict[str, object]:
    """All that is stored of the other notice, and all that is counted of it."""
    with ledger.store.read() as session:
        rows = {
            table.__name__: [
                row.model_dump()
                for row in session.exec(select(table).where(table.incident == INCIDENT, table.notice == SECOND)).all()
            ]
            for table in (DeliveryRow, LeaseRow, NoticeRow)
        }
    return rows | counted(ledger, INCIDENT, SECOND)


def test_each_message_is_listed_once_however_many_share_a_number(both: Ledger) -> None:
    """A notice lists each message once, however many people of other incidents have the same person number."""
    lines = both.statistics.lines(OTHER, NOTICE)
    assert len(lines) == both.statistics.numbers(OTHER, NOTICE).messages.total()


def test_a_crash_in_one_incident_frees_nothing_held_in_another(both: Ledger) -> None:
    """A takeover after a crash in one incident frees no message that a worker holds for another incident."""
    assert both.deliveries.recover(INCIDENT, NOTICE, LATER) == 0
    assert claim(both, EMAIL, OTHER) == ()
    assert {one.about.number for one in claim(both, EMAIL) if one.about} == {1, 2, CHILD, 4}


def test_who_stops_one_incident_waits_for_no_answer_of_the_other(both: Ledger) -> None:
    claims = claim(both, SMS)
    both.deliveries.record(claims, (), INCIDENT, NOTICE, LATER)
    assert (both.deliveries.unanswered(INCIDENT), both.deliveries.unanswered(OTHER)) == (len(claims), 0)


def test_whoever_sends_about_one_incident_keeps_nobody_from_the_other(both: Ledger) -> None:
    both.deliveries.recover(INCIDENT, NOTICE, LATER)
    assert (both.deliveries.busy(INCIDENT, NOW), both.deliveries.busy(OTHER, NOW)) == (False, True)


def test_who_opted_out_of_one_incident_is_written_to_about_the_other(both: Ledger) -> None:
    both.opt_outs.add(INCIDENT, 1, "test", LATER)
    both.deliveries.recover(OTHER, NOTICE, LATER)
    both.deliveries.recover(INCIDENT, NOTICE, LATER)
    there, here = claim(both, EMAIL, OTHER), claim(both, EMAIL)
    assert {one.about.number for one in there if one.about} - {one.about.number for one in here if one.about} == {1}


def test_each_message_is_of_the_person_of_its_own_incident(both: Ledger) -> None:
    for incident in (INCIDENT, OTHER):
        both.deliveries.recover(incident, NOTICE, LATER)
    links = {one.link for incident in (INCIDENT, OTHER) for one in claim(both, EMAIL, incident)}
    assert {both.people.whose_link(link) for link in links} == {
        (incident, number) for incident in (INCIDENT, OTHER) for number in (1, 2, CHILD, 4)
    }
    held = [line for line in both.statistics.lines(OTHER, NOTICE) if line.state is DeliveryState.HELD]
    assert {(line.person, line.cause) for line in held} == {(PROTECTED, Hold.PROTECTED.value)}


@pytest.mark.parametrize("elsewhere", [{"incident": OTHER}, {"incident": INCIDENT, "notice": "second-notice"}])
def test_another_notices_release_lets_no_fresh_draft_be_sent(both: Ledger, elsewhere: dict[str, Any]) -> None:
    """A draft may not be sent before its own release.

    What was released in another incident, or for another notice, does not matter.
    """
    for template in ("news", "update"):
        release(both, **elsewhere, template=template)
    drafted(both, INCIDENT, template="news")
    with pytest.raises(ApprovalMissing, match="has not been released"):
        claim(both, SMS)
