"""An address that takes no message is not tried again in the incident; its person goes straight to the next channel."""

from datetime import timedelta
from typing import Any

import pytest

from amends.domain.base.errors import NotInLedger
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver.correction import Ask
from amends.domain.notice.notice import PersonState
from amends.domain.people.person import Flag, Person
from amends.ledger import Ledger
from tests.builders import NOW, a_draft, a_person
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE, approved, approved_again, bound

EMAIL, SMS, LETTER, WEBSITE = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER, ChannelKind.WEBSITE
CASCADE: dict[str, Any] = {"channels": (WEBSITE, EMAIL), "cascade": (EMAIL, SMS, LETTER)}
LATER = NOW + timedelta(hours=1)
UPDATE = "update-1"
HOME = "Example Street 1"


def bad(number: int, **changes: object) -> Person:
    """The address of this person takes no message."""
    return a_person(number=number, email=f"bounce{number}@mail.example", **changes)


def lines(ledger: Ledger, notice: str, person: int) -> list[tuple[str, str]]:
    found = (line for line in ledger.statistics.lines(INCIDENT, notice) if line.person == person)
    return [(line.channel.value, line.state.value) for line in found]


def second_notice(ledger: Ledger, **changes: Any) -> None:
    """Another notice to everybody is approved and released."""
    approved_again(ledger, notice=UPDATE, **(CASCADE | changes))
    ledger.notices.release(INCIDENT, UPDATE, LATER)


def answer(ledger: Ledger, cause: ReceiptCause) -> None:
    """Every email of the first notice is refused for this cause."""
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, (EMAIL,), 100, NOW)
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
    refused = [(claim, Receipt(claim.key, Status.REJECTED, "550", cause=cause)) for claim in claims]
    ledger.deliveries.record((), refused, INCIDENT, NOTICE, NOW)
    ledger.deliveries.end_leases(sorted({claim.lease for claim in claims}), {}, INCIDENT, NOTICE, NOW)


def test_surprise_14_a_later_failure_passes_the_bad_address_over(ledger: Ledger) -> None:
    """An SMS that fails in a later notice is followed by a letter, and not by the email that never arrives."""
    approved(ledger, [bad(1, postal_address=HOME)], **CASCADE)
    answer(ledger, cause=ReceiptCause.BAD_ADDRESS)
    second_notice(ledger)
    (claim,) = ledger.deliveries.claim(INCIDENT, UPDATE, (SMS,), 10, LATER)
    ledger.deliveries.record((claim,), (), INCIDENT, UPDATE, LATER)
    ledger.deliveries.record((), [(claim, Receipt(claim.key, Status.REJECTED, "x"))], INCIDENT, UPDATE, LATER)
    assert lines(ledger, UPDATE, 1) == [("sms", "failed"), ("letter", "to_print")]


@pytest.mark.parametrize("cause", [ReceiptCause.NONE, ReceiptCause.CONTENT, ReceiptCause.GAVE_UP])
def test_a_fault_that_is_not_the_addresss_spares_it(ledger_on_sqlite: Ledger, cause: ReceiptCause) -> None:
    approved(ledger_on_sqlite, [a_person(number=1)], **CASCADE)
    answer(ledger_on_sqlite, cause=cause)
    second_notice(ledger_on_sqlite)
    assert lines(ledger_on_sqlite, UPDATE, 1) == [("email", "waiting")]


def test_surprise_14_a_corrected_list_makes_the_address_good(ledger: Ledger) -> None:
    approved(ledger, [bad(1), bad(2)], **CASCADE)
    answer(ledger, cause=ReceiptCause.BAD_ADDRESS)
    listed = [a_person(number=1, email="right1@mail.example"), bad(2)]
    correction = ledger.corrections.compare(INCIDENT, listed)
    said = {ask: correction.difference.counts[ask] for ask in Ask}
    ledger.corrections.apply(correction, said, "", "lena", NOW)
    second_notice(ledger)
    assert lines(ledger, UPDATE, 1) == [("email", "waiting")]
    assert lines(ledger, UPDATE, 2) == [("sms", "waiting")]


def test_a_child_is_not_written_to_at_the_guardians_bad_address(ledger: Ledger) -> None:
    child = a_person(number=1, email="", phone="", flags=frozenset({Flag.MINOR}))
    guardian = bad(2, guardian_of=child.ref, data=())
    approved(ledger, [child, guardian], **CASCADE)
    answer(ledger, cause=ReceiptCause.BAD_ADDRESS)
    second_notice(ledger)
    assert lines(ledger, UPDATE, 1) == [("sms", "waiting")]


def test_whoever_has_no_other_address_is_unreachable(ledger_on_sqlite: Ledger) -> None:
    approved(ledger_on_sqlite, [bad(1, phone="")], **CASCADE)
    answer(ledger_on_sqlite, cause=ReceiptCause.BAD_ADDRESS)
    second_notice(ledger_on_sqlite)
    assert ledger_on_sqlite.statistics.people(INCIDENT, UPDATE) == {PersonState.UNREACHABLE: 1}


def test_surprise_14_a_new_version_passes_the_bad_address_over(ledger: Ledger) -> None:
    """A message that waits in a notice drafted afresh goes to the next channel when its address has come back since."""
    approved(ledger, [bad(1)], **CASCADE)
    second_notice(ledger)
    answer(ledger, cause=ReceiptCause.BAD_ADDRESS)
    assert lines(ledger, UPDATE, 1) == [("email", "waiting")]
    second_notice(ledger, optional=True)
    assert lines(ledger, UPDATE, 1) == [("email", "failed"), ("sms", "waiting")]


def test_the_approvers_see_how_many_it_reaches_by_now(ledger: Ledger) -> None:
    """The preview counts the letter that takes the place of an email to a bad address."""
    approved(ledger, [bad(1, phone="", postal_address=HOME)], **CASCADE)
    answer(ledger, cause=ReceiptCause.BAD_ADDRESS)
    draft = a_draft(**(bound(ledger) | CASCADE | {"notice": UPDATE}))
    assert ledger.previews.expected(draft).letters == 1


def test_whoever_was_reached_otherwise_is_not_written_to_twice(ledger_on_sqlite: Ledger) -> None:
    """An SMS took over from the email: nobody sends the email once more by mistake."""
    approved(ledger_on_sqlite, [bad(1)], **CASCADE)
    answer(ledger_on_sqlite, cause=ReceiptCause.BAD_ADDRESS)
    with pytest.raises(NotInLedger, match="uncertain for person 1"):
        ledger_on_sqlite.decisions.send_again(INCIDENT, NOTICE, 1, APPROVERS[0], NOW)
