"""A notice that brings each person a code of their own, its stock, and what a send has claimed of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.entitlement.code import CodeVariant, NewCode
from amends.domain.incident.commitment import CodePlace, CommitmentKind, TakeUp
from amends.domain.notice.notice import Draft, Reader, Slot, Variant, code_slot
from amends.domain.notice.statement import Statement, about
from amends.domain.people.person import Person
from amends.domain.team.approval import Decision
from amends.ledger import Claim, Ledger
from tests.builders import NOW, a_commitment, a_draft, a_playbook, a_variant, a_wording, an_incident
from tests.delivery.sending import APPROVERS, FOR_EVER, INCIDENT, bound, looked_over

OFFER = "monitoring"
CODED_TEXT = f"Dear {Slot.NAME.mark},\n\nyour code is {code_slot(OFFER)}. It was your {Slot.YOUR_DATA.mark}."
PLAIN_TEXT = f"Dear {Slot.NAME.mark},\n\nyour code is on your page. It was your {Slot.YOUR_DATA.mark}."


def coded_variants(place: CodePlace = CodePlace.LETTER) -> tuple[Variant, ...]:
    """The notice in English: emails that bring a code or lead to it, and the texts that say nothing of it."""
    text = CODED_TEXT if place is CodePlace.LETTER else PLAIN_TEXT
    emails = [a_variant(reader=reader, text=text, states=(about(OFFER),)) for reader in Reader]
    sms = [a_variant(reader=reader, channel=ChannelKind.SMS) for reader in Reader]
    public = [a_variant(channel=channel) for channel in (ChannelKind.WEBSITE, ChannelKind.SOCIAL)]
    return (*emails, *sms, *public)


def an_offer(place: CodePlace = CodePlace.LETTER, **changes: Any) -> Any:
    """A commitment of which each person gets a code."""
    take_up = TakeUp(link="https://watch.example/enrol", until="2099-12-31", codes=place)
    given = {"id": OFFER, "kind": CommitmentKind.CREDIT_MONITORING, "take_up": take_up, "made_in": "first-notice"}
    return a_commitment(**(given | changes))


def new_codes(*numbers: int, variant: CodeVariant = CodeVariant.EVERYONE, expires: str = "") -> list[NewCode]:
    """Codes with these numbers."""
    return [NewCode(f"CANARY-{number:06d}", variant, expires) for number in numbers]


def opened(ledger: Ledger, people: Iterable[Person]) -> None:
    """The incident of these people, with its team."""
    ledger.incidents.open(an_incident(), people, "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(approval_expires_after=FOR_EVER), a_wording(), "lena", NOW)
    for member in APPROVERS:
        ledger.team.add(member.name, member.role, "lena", NOW)


def drafted(ledger: Ledger, place: CodePlace = CodePlace.LETTER, **changes: Any) -> Draft:
    """The notice that makes the offer, looked over and not approved yet."""
    given = {
        "variants": coded_variants(place),
        "commitments": (an_offer(place),),
        "statements": (Statement(key=about(OFFER), value="open"),),
        "channels": (ChannelKind.WEBSITE, ChannelKind.EMAIL),
        "cascade": (ChannelKind.EMAIL, ChannelKind.SMS),
    }
    draft = a_draft(**(bound(ledger) | given | changes))
    ledger.notices.draft(draft, NOW)
    looked_over(ledger, draft)
    return draft


def approve(ledger: Ledger, draft: Draft) -> None:
    """Both approvals of the draft."""
    for member in APPROVERS:
        ledger.approvals.decide(INCIDENT, draft.notice, member, Decision.APPROVE, draft.binding, "", NOW)


def stocked(ledger: Ledger, people: Sequence[Person], codes: Sequence[NewCode], **changes: Any) -> Draft:
    """An approved notice to these people, and a stock of these codes for them."""
    opened(ledger, people)
    ledger.codes.add(INCIDENT, OFFER, codes, "lena", NOW)
    approve(ledger, draft := drafted(ledger, **changes))
    return draft


def claimed(ledger: Ledger, draft: Draft, limit: int = 1000, now: datetime = NOW) -> tuple[Claim, ...]:
    """Claims on the next emails of the notice."""
    return ledger.deliveries.claim(INCIDENT, draft.notice, [ChannelKind.EMAIL], limit, now)


def sent(ledger: Ledger, draft: Draft, claims: Sequence[Claim], now: datetime = NOW) -> None:
    """The relay takes all of these messages."""
    ledger.deliveries.record(claims, (), INCIDENT, draft.notice, now)
    answers = [(claim, Receipt(claim.key, Status.SENT, "250", "Q1")) for claim in claims]
    ledger.deliveries.record((), answers, INCIDENT, draft.notice, now)
    leases = sorted({claim.lease for claim in claims})
    ledger.deliveries.end_leases(leases, {"sent": len(claims)}, INCIDENT, draft.notice, now)


def codes_of(claims: Iterable[Claim]) -> dict[int, str]:
    """The code that each message brings, by the number of the person."""
    return {claim.about.number: claim.codes[OFFER] for claim in claims if claim.about}
