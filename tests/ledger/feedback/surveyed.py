"""Invitations to a survey that came to people, and people who answer."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.people.person import Person
from amends.domain.team.approval import Decision
from amends.ledger import Ledger
from tests.builders import NOW, a_draft, a_person, a_survey
from tests.delivery.sending import APPROVERS, INCIDENT, approved, bound, looked_over
from tests.remembered import remembered

INVITATION, AGAIN = "survey-invitation", "survey-invitation-later"


def customers(count: int, **changes: Any) -> list[Person]:
    """So many people of the list."""
    return [a_person(number=number, **changes) for number in range(1, count + 1)]


def invite(ledger: Ledger, notice: str = INVITATION, now: datetime = NOW, **changes: Any) -> None:
    """Draft, approve and release an invitation, and send it to everybody."""
    channels = {"channels": (ChannelKind.EMAIL,), "cascade": (), "next_news_at": None}
    given = {"notice": notice, "template": "survey-invitation", "step": "survey", "survey": a_survey().id}
    draft = a_draft(**bound(ledger) | channels | given | changes)
    ledger.notices.draft(draft, now)
    looked_over(ledger, draft)
    for member in APPROVERS:
        ledger.approvals.decide(INCIDENT, notice, member, Decision.APPROVE, draft.binding, "", now)
    ledger.notices.release(INCIDENT, notice, now)
    while claims := ledger.deliveries.claim(INCIDENT, notice, tuple(ChannelKind), 100, now):
        ledger.deliveries.record(claims, (), INCIDENT, notice, now)
        sent = [(claim, Receipt(claim.key, Status.SENT, "250", "Q1")) for claim in claims]
        ledger.deliveries.record((), sent, INCIDENT, notice, now)
        ledger.deliveries.end_leases(sorted({one.lease for one in claims}), {}, INCIDENT, notice, now)
    ledger.deliveries.finish(INCIDENT, notice, now)


@remembered
def invited(ledger: Ledger, people: Iterable[Person]) -> None:
    """The incident of these people is open, and all of them got an invitation."""
    approved(ledger, people)
    invite(ledger)


def answer(ledger: Ledger, person: int, now: datetime = NOW, notice: str = INVITATION, **given: str) -> bool:
    """Answer the survey of `a_survey`."""
    return ledger.surveys.answer(INCIDENT, notice, person, a_survey(), given, now)
