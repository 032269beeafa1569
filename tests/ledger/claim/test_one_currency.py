"""All claims of an incident are in one currency, so that caps and budget count one kind of money."""

import pytest

from amends.domain.base.errors import NotAllowed
from amends.ledger import Ledger
from tests.builders import NOW, a_playbook, a_wording
from tests.delivery.sending import INCIDENT
from tests.ledger.claim.claiming import claim_rules, claimed, with_claims


def pinned(ledger: Ledger, **claims: object) -> str:
    playbook = a_playbook(claims=claim_rules(**claims).model_dump(mode="json"))
    return ledger.playbooks.pin(INCIDENT, playbook, a_wording(), "lena", NOW)


def test_the_currency_stays_once_a_claim_was_made(ledger: Ledger) -> None:
    with_claims(ledger)
    pinned(ledger, currency="USD", pay_from=None)
    before = pinned(ledger, budget=2000)
    claimed(ledger)
    with pytest.raises(NotAllowed, match="were made in EUR, so `claims: currency:` stays EUR"):
        pinned(ledger, currency="USD", pay_from=None)
    assert ledger.cases.read(INCIDENT).pinned == before
    assert pinned(ledger, budget=3000) != before
