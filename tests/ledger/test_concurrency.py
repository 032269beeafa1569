"""However many act at once, each thing happens once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from amends.domain.approval import Decision
from amends.domain.channel import ChannelKind, Receipt, Status
from amends.domain.errors import AlreadyInLedger, ApprovalMissing, NotAllowed
from amends.domain.notice import NoticeStage
from amends.domain.question import QuestionKind, Source
from amends.ledger import Claim, Ledger
from tests.builders import NOW, a_person, an_incident
from tests.sending import APPROVERS, INCIDENT, NOTICE, approved

PERSONAL = (ChannelKind.EMAIL, ChannelKind.SMS)
PEOPLE = 120


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
    drafts = at_once(50, lambda _: approved_ledger.release(INCIDENT, NOTICE, NOW))
    assert len({draft.binding for draft in drafts}) == 1  # type: ignore[attr-defined]
    lines = approved_ledger.deliveries(INCIDENT, NOTICE)
    public = len(ChannelKind) - len(PERSONAL)
    assert Counter(line.channel for line in lines if line.person) == dict.fromkeys(PERSONAL, PEOPLE)
    assert len(lines) == len(PERSONAL) * PEOPLE + public * 2
    assert [entry.act for entry in approved_ledger.timeline(INCIDENT)].count("released") == 1


def test_twenty_workers_claim_no_message_twice_and_leave_none(approved_ledger: Ledger) -> None:
    approved_ledger.release(INCIDENT, NOTICE, NOW)

    def work(_: int) -> list[Claim]:
        mine: list[Claim] = []
        while claims := approved_ledger.claim(INCIDENT, NOTICE, PERSONAL, 9, NOW):
            mine += claims
        return mine

    claimed = [claim.id for claims in at_once(20, work) for claim in claims]  # type: ignore[attr-defined]
    assert len(claimed) == len(set(claimed)) == 2 * PEOPLE


def test_a_message_that_two_workers_believe_to_hold_is_marked_by_one(approved_ledger: Ledger) -> None:
    approved_ledger.release(INCIDENT, NOTICE, NOW)
    claims = approved_ledger.claim(INCIDENT, NOTICE, PERSONAL, 50, NOW)
    marked = at_once(8, lambda _: approved_ledger.write_down(claims, (), INCIDENT, NOTICE, NOW))
    assert sorted(map(len, marked)) == [0] * 7 + [50]  # type: ignore[arg-type]


def test_an_answer_that_is_recorded_twice_counts_once(approved_ledger: Ledger) -> None:
    approved_ledger.release(INCIDENT, NOTICE, NOW)
    claims = approved_ledger.claim(INCIDENT, NOTICE, PERSONAL, 500, NOW)
    answers = [(claim, Receipt(claim.key, Status.REJECTED)) for claim in claims if claim.channel is ChannelKind.EMAIL]
    kept = at_once(8, lambda _: approved_ledger.write_down((), answers, INCIDENT, NOTICE, NOW))
    assert sorted(map(len, kept)) == [0] * 7 + [PEOPLE]  # type: ignore[arg-type]


def test_workers_that_claim_mark_and_record_side_by_side_lose_nothing(approved_ledger: Ledger) -> None:
    approved_ledger.release(INCIDENT, NOTICE, NOW)

    def work(number: int) -> None:
        status = (Status.SENT, Status.REJECTED, Status.DELIVERED)[number % 3]
        while claims := approved_ledger.claim(INCIDENT, NOTICE, PERSONAL, 10, NOW):
            approved_ledger.write_down(claims, (), INCIDENT, NOTICE, NOW)
            approved_ledger.write_down(
                (), [(claim, Receipt(claim.key, status)) for claim in claims], INCIDENT, NOTICE, NOW
            )

    assert at_once(6, work) == [None] * 6
    states = Counter(line.state for line in approved_ledger.deliveries(INCIDENT, NOTICE) if line.person)
    assert states.keys() <= {"sent", "delivered", "failed"}
    assert states.total() == 2 * PEOPLE
    assert approved_ledger.verify_audit() == ()


def test_two_who_decide_at_once_are_both_heard(ledger: Ledger) -> None:
    draft = approved(ledger, [a_person(number=1)], approvals=4)
    for name in ("mei", "kim"):
        ledger.add_member(name, APPROVERS[0].role, "lena", NOW)
    others = [APPROVERS[0].model_copy(update={"name": name}) for name in ("mei", "kim")]
    at_once(2, lambda n: ledger.decide(INCIDENT, NOTICE, others[n], Decision.APPROVE, draft.binding, "", NOW))
    (notice,) = ledger.case(INCIDENT).notices
    assert (notice.stage, set(notice.approvals)) == (NoticeStage.APPROVED, {"omar", "wei", "mei", "kim"})


def test_an_approval_and_an_amendment_at_once_leave_nothing_approved_that_is_out_of_date(ledger: Ledger) -> None:
    approved(ledger, [a_person(number=1)])

    def act(number: int) -> object:
        if number:
            return ledger.release(INCIDENT, NOTICE, NOW)
        return ledger.amend_incident(an_incident(title="Two databases copied"), "lena", NOW)

    at_once(6, act)
    with pytest.raises(ApprovalMissing):
        ledger.claim(INCIDENT, NOTICE, PERSONAL, 9, NOW)


def test_a_form_sent_ten_times_at_once_is_one_question(ledger: Ledger) -> None:
    ledger.open_incident(an_incident(), [a_person(number=1)], "lena", NOW)
    numbers = at_once(
        10,
        lambda _: ledger.ask(
            INCIDENT, "Why?", person=1, kind=QuestionKind.QUESTION, source=Source.PORTAL, locale="en", once="form",
            reply_within=timedelta(hours=48), owner="support", now=NOW,
        ),
    )  # fmt: skip
    assert numbers == [1] * 10


def test_an_incident_that_is_opened_by_four_at_once_is_open_once(ledger: Ledger) -> None:
    people = [a_person(number=number) for number in range(1, 50)]
    opened = at_once(4, lambda _: ledger.open_incident(an_incident(), people, "lena", NOW))
    assert sorted(map(str, opened)) == ["49", *[str(AlreadyInLedger)] * 3]


def test_an_event_noted_by_ten_at_once_happened_once(ledger: Ledger) -> None:
    ledger.open_incident(an_incident(), [], "lena", NOW)
    assert at_once(10, lambda _: ledger.event(INCIDENT, "notified", NOW)) == [None] * 10
    assert [entry.act for entry in ledger.timeline(INCIDENT)].count("event") == 1
