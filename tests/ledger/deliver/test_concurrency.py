"""However many act at once, each thing happens once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from amends.delivery.send.clock import seen
from amends.domain.base.errors import AlreadyInLedger, ApprovalMissing, NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.notice.notice import DeliveryState, NoticeStage
from amends.domain.team.approval import Decision
from amends.ledger import Claim, Ledger
from tests.builders import NOW, a_person, an_asked, an_incident
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE, approved

PERSONAL = (ChannelKind.EMAIL, ChannelKind.SMS)
PEOPLE = 120
LATER = NOW + timedelta(minutes=10)
"""When the lease of whoever claimed at NOW has run out."""


def at_once(threads: int, act: Callable[[int], object]) -> list[object]:
    """What each of these threads returned or raised."""

    def one(number: int) -> object:
        try:
            return act(number)
        except (AlreadyInLedger, ApprovalMissing, NotAllowed) as refusal:
            return type(refusal)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))


@pytest.fixture
def approved_ledger(ledger: Ledger) -> Ledger:
    approved(ledger, (a_person(number=number) for number in range(1, PEOPLE + 1)))
    return ledger


def test_fifty_releases_of_a_notice_store_one_set_of_messages(approved_ledger: Ledger) -> None:
    drafts = at_once(50, lambda _: approved_ledger.notices.release(INCIDENT, NOTICE, NOW))
    assert len({draft.binding for draft in drafts}) == 1  # type: ignore[attr-defined]
    lines = approved_ledger.statistics.lines(INCIDENT, NOTICE)
    public = sum(not channel.personal for channel in ChannelKind)
    assert Counter(line.channel for line in lines if line.person) == dict.fromkeys(PERSONAL, PEOPLE)
    assert len(lines) == len(PERSONAL) * PEOPLE + public * 2
    assert [entry.act for entry in approved_ledger.audit.entries(INCIDENT)].count("released") == 1


def test_twenty_workers_claim_no_message_twice_and_leave_none(approved_ledger: Ledger) -> None:
    approved_ledger.notices.release(INCIDENT, NOTICE, NOW)

    def work(_: int) -> list[Claim]:
        mine: list[Claim] = []
        while claims := approved_ledger.deliveries.claim(INCIDENT, NOTICE, PERSONAL, 9, NOW):
            mine += claims
        return mine

    claimed = [claim.id for claims in at_once(20, work) for claim in claims]  # type: ignore[attr-defined]
    assert len(claimed) == len(set(claimed)) == 2 * PEOPLE


def test_only_the_worker_whose_lease_holds_marks_a_message(approved_ledger: Ledger) -> None:
    """When several workers believe to hold the same message, only the worker whose lease holds may mark the message."""
    approved_ledger.notices.release(INCIDENT, NOTICE, NOW)
    held_before = approved_ledger.deliveries.claim(INCIDENT, NOTICE, PERSONAL, 50, NOW)
    approved_ledger.deliveries.recover(INCIDENT, NOTICE, LATER)
    held_now = approved_ledger.deliveries.claim(INCIDENT, NOTICE, PERSONAL, 500, LATER)
    assert {claim.id for claim in held_before} < {claim.id for claim in held_now}
    believers = [held_before] * 7 + [held_now]
    marked = at_once(8, lambda n: approved_ledger.deliveries.record(believers[n], (), INCIDENT, NOTICE, LATER))
    assert marked == [frozenset()] * 7 + [{claim.id for claim in held_now}]


def test_a_takeover_sees_every_mark_and_none_is_kept_afterwards(approved_ledger: Ledger) -> None:
    """A takeover makes every message uncertain whose mark was kept before the takeover.

    No mark under the old lease is kept afterwards, and all messages without a mark wait again.
    """
    approved_ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = approved_ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], PEOPLE, NOW)
    takes_over = len(claims) // 3

    def act(number: int) -> object:
        if number == takes_over:
            return approved_ledger.deliveries.recover(INCIDENT, NOTICE, LATER)
        return approved_ledger.deliveries.record([claims[number]], (), INCIDENT, NOTICE, NOW)

    with ThreadPoolExecutor(12) as workers:
        results = list(workers.map(act, range(len(claims))))
    # Where the lease was just being used, nothing was taken over; then it is now.
    uncertain = results.pop(takes_over) + approved_ledger.deliveries.recover(INCIDENT, NOTICE, LATER)  # type: ignore[operator]
    may_have_left = {number for marked in results for number in marked}  # type: ignore[attr-defined]
    lines = approved_ledger.statistics.lines(INCIDENT, NOTICE)
    states = Counter(line.state.value for line in lines if line.channel is ChannelKind.EMAIL)
    assert 0 < len(may_have_left) < len(claims)
    assert uncertain == states["uncertain"] == len(may_have_left)
    assert states["waiting"] == len(claims) - len(may_have_left)


def test_an_answer_that_is_recorded_by_eight_at_once_hands_over_once(ledger: Ledger) -> None:
    people = (a_person(number=number, postal_address="Road 1, Berlin") for number in range(1, PEOPLE + 1))
    approved(ledger, people, channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL), cascade=(*PERSONAL, ChannelKind.LETTER))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, PERSONAL, 500, NOW)
    answers = [(claim, Receipt(claim.key, Status.REJECTED)) for claim in claims]
    assert at_once(8, lambda _: ledger.deliveries.record((), answers, INCIDENT, NOTICE, NOW)) == [frozenset()] * 8
    states = Counter((line.channel, line.state) for line in ledger.statistics.lines(INCIDENT, NOTICE) if line.person)
    failed, waiting = (ChannelKind.EMAIL, DeliveryState.FAILED), (ChannelKind.SMS, DeliveryState.WAITING)
    assert states == {failed: PEOPLE, waiting: PEOPLE}


def test_two_channels_that_fail_a_person_at_once_hand_over_once(ledger: Ledger) -> None:
    """When two channels refuse the same people at the same moment, the next channel takes over once for each person.

    All other answers of both channels are kept.
    """
    people = [a_person(number=n, phone=f"+49176123450{n:02}", postal_address="Road 1, Berlin") for n in range(1, 21)]
    approved(ledger, people, channels=PERSONAL, cascade=(*PERSONAL, ChannelKind.LETTER))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claimed = [ledger.deliveries.claim(INCIDENT, NOTICE, [channel], 30, NOW) for channel in PERSONAL]
    for claims in claimed:
        ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)

    def answered(channel: int) -> None:
        for claim in claimed[channel]:
            refused = claim.about is not None and claim.about.number % 2
            receipt = Receipt(claim.key, Status.REJECTED if refused else Status.SENT, "550 5.1.1" if refused else "250")
            ledger.deliveries.record((), [(claim, receipt)], INCIDENT, NOTICE, NOW)

    assert at_once(2, answered) == [None, None]
    lines = [line for line in ledger.statistics.lines(INCIDENT, NOTICE) if line.person]
    found = Counter((line.channel, line.state) for line in lines)
    assert found == Counter(
        {(channel, state): 10 for channel in PERSONAL for state in (DeliveryState.FAILED, DeliveryState.SENT)}
        | {(ChannelKind.LETTER, DeliveryState.TO_PRINT): 10}
    )


def test_a_notice_is_not_finished_while_messages_are_given_back(approved_ledger: Ledger) -> None:
    """A notice is not finished while a worker claims its messages and gives them back, however often others try."""
    approved_ledger.notices.release(INCIDENT, NOTICE, NOW)
    page = approved_ledger.deliveries.pending(INCIDENT, NOTICE)

    def act(number: int) -> set[bool]:
        if number:
            return {approved_ledger.deliveries.finish(INCIDENT, NOTICE, NOW) for _ in range(200)}
        for _ in range(60):
            approved_ledger.deliveries.give_back(
                approved_ledger.deliveries.claim(INCIDENT, NOTICE, ChannelKind, page, NOW), NOW
            )
        return {False}

    assert at_once(3, act) == [{False}] * 3


def test_workers_that_claim_mark_and_record_side_by_side_lose_nothing(approved_ledger: Ledger) -> None:
    approved_ledger.notices.release(INCIDENT, NOTICE, NOW)

    def work(number: int) -> None:
        status = (Status.SENT, Status.REJECTED, Status.DELIVERED)[number % 3]
        while claims := approved_ledger.deliveries.claim(INCIDENT, NOTICE, PERSONAL, 10, NOW):
            approved_ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
            approved_ledger.deliveries.record(
                (), [(claim, Receipt(claim.key, status)) for claim in claims], INCIDENT, NOTICE, NOW
            )

    assert at_once(6, work) == [None] * 6
    states = Counter(line.state for line in approved_ledger.statistics.lines(INCIDENT, NOTICE) if line.person)
    assert states.keys() <= {"sent", "delivered", "failed"}
    assert states.total() == 2 * PEOPLE
    assert approved_ledger.audit.verify() == ()


def test_two_who_decide_at_once_are_both_heard(ledger: Ledger) -> None:
    draft = approved(ledger, [a_person(number=1)], approvals=4)
    for name in ("mei", "kim"):
        ledger.team.add(name, APPROVERS[0].role, "lena", NOW)
    others = [APPROVERS[0].model_copy(update={"name": name}) for name in ("mei", "kim")]
    at_once(2, lambda n: ledger.approvals.decide(INCIDENT, NOTICE, others[n], Decision.APPROVE, draft.binding, "", NOW))
    (notice,) = ledger.cases.read(INCIDENT).notices
    assert (notice.stage, set(notice.approvals)) == (NoticeStage.APPROVED, {"omar", "wei", "mei", "kim"})


def test_an_amendment_amid_releases_leaves_no_outdated_approval(ledger: Ledger) -> None:
    """When a notice is released and its facts are amended at the same moment, nothing is sent by an outdated approval.

    A claim is refused until the notice is approved again.
    """
    approved(ledger, [a_person(number=1)])

    def act(number: int) -> object:
        if number:
            return ledger.notices.release(INCIDENT, NOTICE, NOW)
        return ledger.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)

    at_once(6, act)
    with pytest.raises(ApprovalMissing):
        ledger.deliveries.claim(INCIDENT, NOTICE, PERSONAL, 9, NOW)


def test_a_form_sent_ten_times_at_once_is_one_question(ledger: Ledger) -> None:
    ledger.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    numbers = at_once(10, lambda _: ledger.questions.ask(INCIDENT, an_asked("Why?", once="form"), NOW))
    assert numbers == [1] * 10


def test_an_incident_that_is_opened_by_four_at_once_is_open_once(ledger: Ledger) -> None:
    people = [a_person(number=number) for number in range(1, 50)]
    opened = at_once(4, lambda _: ledger.incidents.open(an_incident(), people, "lena", NOW))
    assert sorted(map(str, opened)) == ["49", *[str(AlreadyInLedger)] * 3]


def test_who_reads_sees_one_moment_whatever_is_written_meanwhile(ledger: Ledger) -> None:
    ledger.incidents.open(an_incident(), [], "lena", NOW)
    counted = text("SELECT count(*) FROM audit")
    with ledger.store.read() as session:
        before = session.execute(counted).scalar_one()
        ledger.incidents.pause(INCIDENT, "lena", NOW)
        assert session.execute(counted).scalar_one() == before
    with ledger.store.read() as session:
        assert session.execute(counted).scalar_one() > before


def test_an_event_noted_by_ten_at_once_happened_once(ledger: Ledger) -> None:
    ledger.incidents.open(an_incident(), [], "lena", NOW)
    assert at_once(10, lambda _: ledger.incidents.note_event(INCIDENT, "notified", NOW)) == [None] * 10
    assert [entry.act for entry in ledger.audit.entries(INCIDENT)].count("event") == 1


def test_a_server_without_a_silent_standby_keeps_no_commit_back(ledger: Ledger) -> None:
    """A server whose standby answers, or that has no standby, keeps no commit back."""
    assert ledger.store.kept_back() == 0


def test_machines_that_begin_at_once_record_their_providers_once(ledger: Ledger) -> None:
    """When many machines begin to send at the same moment, the ledger records their providers once.

    No machine fails.
    """
    assert at_once(20, lambda _: ledger.channels.note_used(PERSONAL)) == [None] * 20
    assert ledger.channels.used() == set(PERSONAL)


def test_processes_of_a_new_machine_may_check_its_clock_at_once(ledger: Ledger) -> None:
    """Many processes of a machine that is new to the ledger may check the machine's clock at the same moment.

    None of them fails or finds a clock doubt.
    """
    now = seen()
    assert at_once(20, lambda _: ledger.clocks.observe(now)) == [""] * 20
