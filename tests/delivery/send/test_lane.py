"""What one lane has in hand, when its process stood still and what it held was claimed anew, and when it breaks off."""

from collections import deque
from pathlib import Path

import pytest

from amends.delivery.send.lane import LaneMessages
from amends.domain.base.errors import StaleClaim
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Called, Message, Receipt, ReceiptCause, Status, VariantForm
from amends.ledger import Claim
from amends.ledger.store.leases import LEASE
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, a_ledger, approved, sqlite_url

FORM = VariantForm(ChannelKind.EMAIL, "en", ("Hello",))


class Line:
    """Hands out claims in their order, and knows which leases still hold."""

    def __init__(self, claims: tuple[Claim, ...], lease: int) -> None:
        self.claims, self.queue, self.lease = claims, deque(claims), lease
        self.answers: dict[str, list[Receipt]] = {}
        self.given_back: list[str] = []

    def take(self) -> Claim | None:
        return self.queue.popleft() if self.queue else None

    def put_back(self, claim: Claim) -> None:
        self.queue.appendleft(claim)

    def message(self, claim: Claim) -> Message:
        return Message(FORM, claim.key)

    async def may_go(self, _: Message) -> bool:
        return True

    def may_go_now(self, _: Message) -> bool:
        return True

    def mark(self, claim: Claim, then: Called) -> None:
        then(None if claim.lease == self.lease else StaleClaim(claim.key))

    def stale(self, claim: Claim) -> None:
        self.queue = deque(other for other in self.queue if other.lease != claim.lease)

    def untried(self, claim: Claim) -> None:
        self.given_back.append(claim.key)

    def answered(self, claim: Claim, receipt: Receipt) -> None:
        self.answers.setdefault(claim.key, []).append(receipt)


async def test_a_lane_takes_nothing_twice_that_it_has_under_an_older_lease(tmp_path: Path) -> None:
    """A lane does not take a message again that it has in hand under an older lease.

    The older claim is refused as stale, and each newer claim is answered once.
    """
    ledger = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    approved(ledger, [a_person(number=number) for number in (1, 2)], channels=(ChannelKind.EMAIL,))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    email, later = [ChannelKind.EMAIL], NOW + 2 * LEASE
    older = ledger.deliveries.claim(INCIDENT, NOTICE, email, 1, NOW)
    ledger.deliveries.recover(INCIDENT, NOTICE, later)
    newer = ledger.deliveries.claim(INCIDENT, NOTICE, email, 2, later)
    ledger.dispose()

    line, heard = Line((*older, *newer), newer[0].lease), list[Exception | None]()
    messages = LaneMessages(line)
    first = await messages.next()
    assert first is not None
    assert messages.next_at_once() is None, "it is the one in hand"
    messages.last_call(first.key, heard.append)
    assert isinstance(heard.pop(), StaleClaim)
    for _ in newer:
        message = messages.next_at_once()
        assert message is not None
        messages.last_call(message.key, heard.append)
        messages.answer(Receipt(message.key, Status.SENT))
    assert heard == [None, None]
    assert {key: len(receipts) for key, receipts in line.answers.items()} == {claim.key: 1 for claim in newer}


async def with_two_in_hand(folder: Path) -> tuple[Line, LaneMessages, tuple[str, str]]:
    """A lane that may have sent the first of them already, and its line."""
    ledger = a_ledger(sqlite_url(folder), folder).migrate()
    approved(ledger, [a_person(number=number) for number in (1, 2)], channels=(ChannelKind.EMAIL,))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 2, NOW)
    ledger.dispose()
    line = Line(claims, claims[0].lease)
    messages = LaneMessages(line)
    first, second = await messages.next(), messages.next_at_once()
    assert first and second
    messages.last_call(first.key, lambda _: None)
    return line, messages, (first.key, second.key)


@pytest.mark.parametrize(("now", "wait"), [(True, 0), (False, None)], ids=["at once", "later"])
async def test_a_broken_lane_leaves_marked_messages_uncertain(tmp_path: Path, *, now: bool, wait: float | None) -> None:
    """When a lane breaks off, a message that may have been sent is uncertain, and all others are deferred."""
    line, messages, (marked, unmarked) = await with_two_in_hand(tmp_path)
    messages.end(ReceiptCause.FAULT, "why", now=now)
    assert line.answers == {
        marked: [Receipt(marked, Status.UNCERTAIN, "why", cause=ReceiptCause.FAULT)],
        unmarked: [Receipt(unmarked, Status.DEFERRED, "why", retry_after=wait, cause=ReceiptCause.FAULT)],
    }


async def test_what_may_have_left_is_not_given_back_as_untried(tmp_path: Path) -> None:
    line, messages, (marked, unmarked) = await with_two_in_hand(tmp_path)
    messages.give_back()
    messages.end(ReceiptCause.FAULT, "why", now=True)
    assert line.given_back == [unmarked]
    assert line.answers == {marked: [Receipt(marked, Status.UNCERTAIN, "why", cause=ReceiptCause.FAULT)]}


async def test_a_message_tried_again_is_in_no_doubt_before_its_last_call(tmp_path: Path) -> None:
    """A message that comes again after an answer is in no doubt before its next last call.

    When the lane breaks off by then, the message is deferred.
    """
    line, messages, (marked, _) = await with_two_in_hand(tmp_path)
    messages.answer(Receipt(marked, Status.DEFERRED, "connection lost"))
    line.put_back(line.claims[0])
    again = await messages.next()
    assert again and again.key == marked
    messages.end(ReceiptCause.FAULT, "why", now=True)
    assert [receipt.status for receipt in line.answers[marked]] == [Status.DEFERRED, Status.DEFERRED]
