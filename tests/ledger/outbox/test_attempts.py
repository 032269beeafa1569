"""An outgoing message has all its attempts: a claim that was given back, or whose worker died, is none of them."""

from datetime import datetime, timedelta

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.channel.outgoing import LEASE, LONGEST_WAIT, MOST_TRIES, OutgoingKind, OutgoingName, OutgoingState
from amends.ledger import Ledger
from amends.ledger.outbox.outbox import OutgoingClaim
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT
from tests.message_kinds import KINDS, begin, member

HOUR = timedelta(hours=1)


def test_an_answer_put_off_for_hours_has_all_its_attempts(ledger: Ledger) -> None:
    """Its domain was stopped for longer than a message has attempts; then a greylisting answers each but the last."""
    kind, now = OutgoingKind.ANSWER, NOW
    begin(ledger, [a_person(number=1)], {}, now)
    KINDS[kind].prepare(ledger, [1], now)
    for _ in range(MOST_TRIES + 1):
        ledger.outbox.postpone(claims := _claimed(ledger, kind, now), now + HOUR, "domain stopped", now)
        assert len(claims) == 1
        now += HOUR
    for answered in range(1, MOST_TRIES + 1):
        (claim,) = _claimed(ledger, kind, now)
        assert claim.tries == answered
        ledger.outbox.record((), [(claim, Receipt(claim.key, Status.DEFERRED, "450 greylisted"))], now)
        last = answered == MOST_TRIES
        assert KINDS[kind].states(ledger) == [(1, OutgoingState.FAILED if last else OutgoingState.WAITING)]
        now += LONGEST_WAIT


def test_the_claim_of_a_dead_worker_is_no_attempt(ledger_on_sqlite: Ledger) -> None:
    """Nor does an answer that comes late under the old claim count."""
    ledger = ledger_on_sqlite
    begin(ledger, [a_person(number=1)], {}, NOW)
    KINDS[OutgoingKind.ANSWER].prepare(ledger, [1], NOW)
    (dead,) = _claimed(ledger, OutgoingKind.ANSWER, NOW)
    ledger.outbox.recover(INCIDENT, NOW + LEASE)
    (alive,) = _claimed(ledger, OutgoingKind.ANSWER, NOW + LEASE)
    assert (dead.lease, alive.lease, alive.tries) == (1, 2, 1)
    ledger.outbox.record((), [(dead, Receipt(dead.key, Status.REJECTED, "550"))], NOW + LEASE)
    assert KINDS[OutgoingKind.ANSWER].states(ledger) == [(1, OutgoingState.SENDING)]


def test_an_alert_that_fails_after_a_crash_is_noted_once(ledger_on_sqlite: Ledger) -> None:
    """The audit chain says once why a lead was not alerted, also when the first worker died before an answer."""
    ledger = ledger_on_sqlite
    begin(ledger, [a_person(number=1)], {1: "json://127.0.0.1:9/"}, NOW)
    named = {OutgoingName(INCIDENT, OutgoingKind.ALERT, "relay", "", member(1)): "the relay refuses us"}
    for at in (NOW, NOW + LEASE):
        ledger.outbox.recover(INCIDENT, at)
        claims = ledger.outbox.claim_named(named, at)
    for at in (NOW + LEASE, NOW + LEASE + HOUR):
        answers = [(claim, Receipt(claim.key, Status.DEFERRED, "no connection")) for claim in claims]
        ledger.outbox.record((), answers, at)
        claims = ledger.outbox.claim_named(named, at)
    assert [entry.act for entry in ledger.audit.entries(INCIDENT)].count("lead not alerted") == 1


def _claimed(ledger: Ledger, kind: OutgoingKind, now: datetime) -> tuple[OutgoingClaim, ...]:
    return ledger.outbox.claim(INCIDENT, kind, ChannelKind.EMAIL, now)
