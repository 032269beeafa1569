"""One copy for a mailbox that several people share, or one for each: decided by a person before the first notice."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from amends.domain.base.errors import ApprovalMissing, NotAllowed, NotInLedger
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.identifiers import message_id
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver.correction import Ask
from amends.domain.incident.facts import DataCategory
from amends.domain.notice.notice import DeliveryState, PersonState
from amends.domain.people.person import Flag, MailboxRuling, Person
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.people.shared_mailboxes import IN_COPY
from tests.builders import NOW, a_person
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE, approved, approved_again

EMAIL, SMS = ChannelKind.EMAIL, ChannelKind.SMS
BY_MAIL: dict[str, Any] = {"channels": (EMAIL,), "cascade": (EMAIL, SMS)}
LATER = NOW + timedelta(hours=1)
HOUSE = "house@mail.example"
OMAR = APPROVERS[0]


def at_home(number: int, **changes: Any) -> Person:
    """A person of the shared mailbox."""
    return a_person(**({"number": number, "email": HOUSE} | changes))


def ruled(ledger: Ledger, *people: Person, ruling: MailboxRuling = MailboxRuling.ONE, **changes: Any) -> int:
    """The first notice is approved after the decision; return how many get no message of their own."""
    given = BY_MAIL | changes
    approved(ledger, people, **given)
    named = ledger.mailboxes.rule(INCIDENT, ruling, OMAR, NOW)
    approved_again(ledger, **given)
    return named


def released(ledger: Ledger) -> dict[int, list[tuple[str, str]]]:
    """Where everybody's messages stand after the release."""
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    return stands(ledger)


def stands(ledger: Ledger) -> dict[int, list[tuple[str, str]]]:
    found: dict[int, list[tuple[str, str]]] = {}
    for line in ledger.statistics.lines(INCIDENT, NOTICE):
        if line.person:
            found.setdefault(line.person, []).append((line.channel.value, line.state.value))
    return found


WAITS, NAMED = [("email", "waiting")], [("email", "held")]


def test_one_copy_reaches_a_mailbox_and_names_all(ledger: Ledger) -> None:
    assert ruled(ledger, at_home(1), at_home(2), a_person(number=3)) == 1
    assert released(ledger) == {1: NAMED, 2: WAITS, 3: WAITS}
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, (EMAIL,), 10, NOW)
    names = {claim.about.number: claim.to.name for claim in claims if claim.about and claim.to}
    assert names == {2: "Kim Example 1, Kim Example 2", 3: "Kim Example 3"}
    assert ledger.audit.verify() == ()


def test_who_is_named_in_a_copy_is_held_with_the_reason(ledger_on_sqlite: Ledger) -> None:
    ruled(ledger_on_sqlite, at_home(1), at_home(2))
    released(ledger_on_sqlite)
    (line,) = (one for one in ledger_on_sqlite.statistics.lines(INCIDENT, NOTICE) if one.person == 1)
    assert line.reason == "named in the one copy for the mailbox"
    assert ledger_on_sqlite.statistics.people(INCIDENT, NOTICE) == {PersonState.HELD: 1, PersonState.WAITING: 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"data": (DataCategory.CONTACT,)},
        {"country": "AT"},
        {"region": "BE"},
        {"locale": "zh-CN"},
        {"segment": "shop"},
        {"timezone": "Europe/Vienna"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_of_whom_the_copy_would_not_be_true_gets_their_own(ledger_on_sqlite: Ledger, changes: dict[str, Any]) -> None:
    assert ruled(ledger_on_sqlite, at_home(1), at_home(2, **changes)) == 0
    assert released(ledger_on_sqlite) == {1: WAITS, 2: WAITS}


@pytest.mark.parametrize("flag", list(Flag))
def test_nobody_with_a_flag_is_in_a_copy(ledger_on_sqlite: Ledger, flag: Flag) -> None:
    assert ruled(ledger_on_sqlite, at_home(1, flags=frozenset({flag})), at_home(2)) == 0
    claims = released(ledger_on_sqlite) and ledger_on_sqlite.deliveries.claim(INCIDENT, NOTICE, (EMAIL,), 10, NOW)
    assert [claim.to.name for claim in claims if claim.to] == ["Kim Example 2"]


def test_a_guardian_and_a_child_are_in_no_copy(ledger_on_sqlite: Ledger) -> None:
    child = at_home(1, flags=frozenset({Flag.MINOR}))
    assert ruled(ledger_on_sqlite, child, at_home(2, guardian_of=child.ref), at_home(3)) == 0


@pytest.mark.parametrize("ruling", [MailboxRuling.EACH, None])
def test_without_one_copy_each_gets_their_own(ledger_on_sqlite: Ledger, ruling: MailboxRuling | None) -> None:
    if ruling:
        ruled(ledger_on_sqlite, at_home(1), at_home(2), ruling=ruling)
    else:
        approved(ledger_on_sqlite, [at_home(1), at_home(2)], **BY_MAIL)
    assert released(ledger_on_sqlite) == {1: WAITS, 2: WAITS}


def test_the_decision_makes_approvals_void(ledger: Ledger) -> None:
    approved(ledger, [at_home(1), at_home(2)], **BY_MAIL)
    ledger.mailboxes.rule(INCIDENT, MailboxRuling.ONE, OMAR, NOW)
    with pytest.raises(ApprovalMissing):
        ledger.notices.release(INCIDENT, NOTICE, NOW)


def test_the_decision_can_be_taken_back_before_the_release(ledger_on_sqlite: Ledger) -> None:
    ruled(ledger_on_sqlite, at_home(1), at_home(2))
    assert ledger_on_sqlite.mailboxes.rule(INCIDENT, MailboxRuling.EACH, OMAR, NOW) == 0
    approved_again(ledger_on_sqlite, **BY_MAIL)
    assert released(ledger_on_sqlite) == {1: WAITS, 2: WAITS}
    assert ledger_on_sqlite.audit.verify() == ()


def test_nothing_is_decided_after_a_release(ledger_on_sqlite: Ledger) -> None:
    approved(ledger_on_sqlite, [at_home(1), at_home(2)], **BY_MAIL)
    released(ledger_on_sqlite)
    with pytest.raises(NotAllowed, match="before the first one"):
        ledger_on_sqlite.mailboxes.rule(INCIDENT, MailboxRuling.ONE, OMAR, NOW)
    assert stands(ledger_on_sqlite) == {1: WAITS, 2: WAITS}


def test_the_same_decision_again_changes_nothing(ledger_on_sqlite: Ledger) -> None:
    ruled(ledger_on_sqlite, at_home(1), at_home(2))
    before = ledger_on_sqlite.notices.audience(INCIDENT, "everyone").digest
    assert ledger_on_sqlite.mailboxes.rule(INCIDENT, MailboxRuling.ONE, OMAR, LATER) == 1
    assert ledger_on_sqlite.notices.audience(INCIDENT, "everyone").digest == before


def test_only_who_may_approve_decides(ledger_on_sqlite: Ledger) -> None:
    approved(ledger_on_sqlite, [at_home(1), at_home(2)], **BY_MAIL)
    aude = Member(name="aude", role=TeamRole.AUDITOR)
    with pytest.raises(NotAllowed):
        ledger_on_sqlite.mailboxes.rule(INCIDENT, MailboxRuling.ONE, aude, NOW)
    with pytest.raises(NotInLedger):
        ledger_on_sqlite.mailboxes.rule("other", MailboxRuling.ONE, OMAR, NOW)


def test_when_the_copy_fails_each_is_written_to_elsewhere(ledger: Ledger) -> None:
    """The mailbox takes no message: everybody whom the copy names gets a message on the next channel."""
    ruled(ledger, at_home(1), at_home(2), at_home(3, phone=""))
    released(ledger)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, (EMAIL,), 10, NOW)
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
    refused = [(claim, Receipt(claim.key, Status.REJECTED, "550", cause=ReceiptCause.BAD_ADDRESS)) for claim in claims]
    ledger.deliveries.record((), refused, INCIDENT, NOTICE, NOW)
    lost, by_sms = ("email", "failed"), ("sms", "waiting")
    assert stands(ledger) == {1: [lost, by_sms], 2: [lost, by_sms], 3: [lost]}
    assert ledger.audit.verify() == ()


def test_when_the_copy_bounces_days_later_each_is_written_to(ledger: Ledger) -> None:
    ruled(ledger, at_home(1), at_home(2), a_person(number=3))
    released(ledger)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, (EMAIL,), 10, NOW)
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
    ledger.deliveries.record(
        (), [(claim, Receipt(claim.key, Status.SENT, "250")) for claim in claims], INCIDENT, NOTICE, NOW
    )
    ledger.deliveries.end_leases(sorted({claim.lease for claim in claims}), {}, INCIDENT, NOTICE, NOW)
    (copy,) = (claim for claim in claims if claim.about and claim.about.number == 2)
    said = {"token": copy.bounce, "message_id": message_id(copy.key, "betapai.example")}
    report = MailReport(ReportKind.FAILED, **said, status="5.1.1", detail="550 5.1.1")
    ledger.receipts.take([report], LATER)
    lost, by_sms = ("email", "bounced"), ("sms", "waiting")
    assert stands(ledger) == {1: [lost, by_sms], 2: [lost, by_sms], 3: [("email", "sent")]}


def test_in_a_later_notice_a_bad_mailbox_has_no_copy(ledger: Ledger) -> None:
    test_when_the_copy_fails_each_is_written_to_elsewhere(ledger)
    ledger.deliveries.end_leases([1], {}, INCIDENT, NOTICE, NOW)
    approved_again(ledger, notice="update-1", **BY_MAIL)
    ledger.notices.release(INCIDENT, "update-1", LATER)
    lines = {
        line.person: (line.channel, line.state) for line in ledger.statistics.lines(INCIDENT, "update-1") if line.person
    }
    assert lines[1] == lines[2] == (SMS, DeliveryState.WAITING)


def test_a_copy_is_by_email_only(ledger: Ledger) -> None:
    """An SMS beside the email goes to each phone, and a notice by SMS alone has no copy."""
    ruled(ledger, at_home(1), at_home(2), channels=(EMAIL, SMS))
    both = [("email", "held"), ("sms", "waiting")]
    found = {person: sorted(lines) for person, lines in released(ledger).items()}
    assert found == {1: both, 2: [("email", "waiting"), ("sms", "waiting")]}


def test_a_notice_without_email_has_no_copy(ledger_on_sqlite: Ledger) -> None:
    ruled(ledger_on_sqlite, at_home(1), at_home(2), channels=(SMS,), cascade=(SMS,))
    assert released(ledger_on_sqlite) == {1: [("sms", "waiting")], 2: [("sms", "waiting")]}


@pytest.mark.parametrize("change", ["gone", "moved", "other data"])
def test_when_its_reader_changes_the_others_get_their_own(ledger: Ledger, change: str) -> None:
    """A corrected list takes the reader of the copy away: who was only named in it gets a message of their own."""
    ruled(ledger, at_home(1), at_home(2), at_home(3), a_person(number=4))
    assert released(ledger)[1] == NAMED
    readers = {
        "gone": (),
        "moved": (at_home(3, email="new@mail.example"),),
        "other data": (at_home(3, data=(DataCategory.CONTACT,)),),
    }
    people = [at_home(1), at_home(2), *readers[change], a_person(number=4)]
    correction = ledger.corrections.compare(INCIDENT, people)
    said = {ask: correction.difference.counts[ask] for ask in Ask}
    ledger.corrections.apply(correction, said, "", "lena", LATER)
    found = stands(ledger)
    assert found[1] == found[2] == WAITS
    assert ledger.audit.verify() == ()


def test_people_of_a_corrected_list_join_no_copy(ledger_on_sqlite: Ledger) -> None:
    """Whoever is found after the decision gets a message of their own, because the copy may have left already."""
    ruled(ledger_on_sqlite, at_home(1), at_home(2), a_person(number=3))
    correction = ledger_on_sqlite.corrections.compare(
        INCIDENT, [at_home(1), at_home(2), a_person(number=3), at_home(4)]
    )
    ledger_on_sqlite.corrections.apply(correction, {}, "", "lena", LATER)
    approved_again(ledger_on_sqlite, **BY_MAIL)
    assert released(ledger_on_sqlite) == {1: NAMED, 2: WAITS, 3: WAITS, 4: WAITS}


def test_a_person_can_be_given_their_own_message_after_all(ledger_on_sqlite: Ledger) -> None:
    ruled(ledger_on_sqlite, at_home(1), at_home(2))
    released(ledger_on_sqlite)
    assert ledger_on_sqlite.decisions.release_held(INCIDENT, NOTICE, 1, OMAR, LATER) == 1
    assert stands(ledger_on_sqlite) == {1: WAITS, 2: WAITS}


def test_the_counts_say_what_the_decision_would_do(ledger: Ledger) -> None:
    people = [at_home(1), at_home(2), at_home(3, country="AT"), a_person(number=4), a_person(number=5, email="")]
    approved(ledger, people, **BY_MAIL)
    before = ledger.mailboxes.counts(INCIDENT)
    assert (before.mailboxes, before.people, before.in_copies, before.ruling) == (1, 3, 1, None)
    assert ledger.cases.read(INCIDENT).audience.sharing == 2
    ledger.mailboxes.rule(INCIDENT, MailboxRuling.ONE, OMAR, NOW)
    after = ledger.mailboxes.counts(INCIDENT)
    assert (after.mailboxes, after.people, after.in_copies, after.ruling) == (1, 3, 1, MailboxRuling.ONE)
    assert ledger.views.timeline(INCIDENT).mailboxes is MailboxRuling.ONE


def test_who_is_named_is_found_by_the_mailbox(ledger_on_sqlite: Ledger) -> None:
    """Otherwise the whole list would be read for each email of a page: 50 seconds, with 200,000 people."""
    readers = "other.number IN (SELECT value FROM json_each(:ids))"
    with ledger_on_sqlite.store.engine.connect() as connection:
        asked = {"incident": INCIDENT, "notice": NOTICE, "ids": "[1, 2]"}
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN {IN_COPY}{readers}"), asked).all()
    assert any("ix_person_shared_mailbox (incident=? AND email_index=?)" in step[3] for step in plan)
