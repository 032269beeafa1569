"""The sweep grants what the playbook's rules grant, and tells the people at once."""

from datetime import timedelta
from pathlib import Path

from amends.content.notice import shipped_wording
from amends.content.playbook.playbook import load_playbook
from amends.delivery.claims import claim_terms
from amends.domain.channel.channel import ChannelKind
from amends.domain.claim.claim import ClaimState
from amends.ledger import Ledger
from flows.rehearsal.fast_forward import PassedClock
from flows.sweep import sweep
from tests.ledger.claim.claiming import RULES, a_claim, claim_rules
from tests.story import INCIDENT, LEAD


async def test_the_sweep_decides_by_the_rules_and_tells(ledger: Ledger, clock: PassedClock, tmp_path: Path) -> None:
    playbook, wording = load_playbook("customer-data-theft")
    ledger.playbooks.pin(INCIDENT, playbook.model_copy(update={"claims": RULES}), wording, LEAD.name, clock.now)
    for number, amount in enumerate(("20", "90"), start=2):
        new, terms = a_claim(amount, person=number, once=amount), claim_terms(ledger, INCIDENT, shipped_wording())
        ledger.claims.add(INCIDENT, new, terms, clock.now)
    await sweep.fn(INCIDENT)
    states = [claim.state for claim in ledger.claims.all(INCIDENT)]
    assert states == [ClaimState.GRANTED, ClaimState.RECEIVED]
    outbox = sorted((tmp_path / "outbox" / ChannelKind.EMAIL).rglob("*.json"))
    said = "".join(path.read_text(encoding="utf-8") for path in outbox)
    assert "We pay you the 20.00 EUR that you asked for." in said
    assert "We pay you the 90.00 EUR" not in said


async def test_a_missing_account_is_asked_for_and_then_the_claim_ends(
    ledger: Ledger, clock: PassedClock, tmp_path: Path
) -> None:
    playbook, wording = load_playbook("customer-data-theft")
    ledger.playbooks.pin(INCIDENT, playbook.model_copy(update={"claims": RULES}), wording, LEAD.name, clock.now)
    new, terms = a_claim("20", person=2, account=None, at=clock.now), claim_terms(ledger, INCIDENT, shipped_wording())
    ledger.claims.add(INCIDENT, new, terms, clock.now)
    for days in (0, 47, 15):
        clock.now += timedelta(days=days)
        await sweep.fn(INCIDENT)
    (claim,) = ledger.claims.all(INCIDENT)
    assert claim.state is ClaimState.LAPSED
    outbox = sorted((tmp_path / "outbox" / ChannelKind.EMAIL).rglob("*.json"))
    said = "".join(path.read_text(encoding="utf-8") for path in outbox)
    assert "and do not know to which account" in said
    assert "so your claim has ended" in said


async def test_nothing_ends_while_the_incident_is_paused(ledger: Ledger, clock: PassedClock) -> None:
    playbook, wording = load_playbook("customer-data-theft")
    ledger.playbooks.pin(INCIDENT, playbook.model_copy(update={"claims": RULES}), wording, LEAD.name, clock.now)
    new, terms = a_claim("20", person=2, account=None, at=clock.now), claim_terms(ledger, INCIDENT, shipped_wording())
    ledger.claims.add(INCIDENT, new, terms, clock.now)
    await sweep.fn(INCIDENT)
    ledger.incidents.pause(INCIDENT, LEAD.name, clock.now)
    clock.now += timedelta(days=70)
    await sweep.fn(INCIDENT)
    assert ledger.claims.get(INCIDENT, 1).account_reminded_at is None


async def test_claims_for_a_segment_that_nobody_has_are_an_alert(ledger: Ledger, clock: PassedClock) -> None:
    playbook, wording = load_playbook("customer-data-theft")
    rules = claim_rules(audience="gold-members")
    ledger.playbooks.pin(INCIDENT, playbook.model_copy(update={"claims": rules}), wording, LEAD.name, clock.now)
    for _ in range(2):
        await sweep.fn(INCIDENT)
    alerts = [alert.what for alert in ledger.views.timeline(INCIDENT, clock.now).alerts if "claim" in alert.what]
    assert alerts == ["claims.audience: nobody may claim compensation: the list has no segment gold-members"]


async def test_a_decision_that_is_late_is_an_alert(ledger: Ledger, clock: PassedClock) -> None:
    playbook, wording = load_playbook("customer-data-theft")
    ledger.playbooks.pin(INCIDENT, playbook.model_copy(update={"claims": RULES}), wording, LEAD.name, clock.now)
    terms = claim_terms(ledger, INCIDENT, shipped_wording())
    new = a_claim("90", person=2, at=clock.now, due_at=clock.now + timedelta(days=14))
    ledger.claims.add(INCIDENT, new, terms, clock.now)
    clock.now += timedelta(days=15)
    await sweep.fn(INCIDENT)
    alerts = [alert.what for alert in ledger.views.timeline(INCIDENT, clock.now).alerts]
    assert any(alert.startswith(f"claims are overdue on {clock.now:%Y-%m-%d}") for alert in alerts)
