"""When an incident's data is destroyed, nobody reads a claim any more, and no index leads to an account."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from amends.domain.base.errors import DataDestroyed, NotAllowed
from amends.domain.claim.payment import BankStatus
from amends.ledger import Ledger
from tests.builders import NOW
from tests.delivery.sending import INCIDENT
from tests.ledger.claim.claiming import MEI, OMAR, bank_says, claimed, decided, paid_file, with_claims

LATER = NOW + timedelta(days=500)
SECRETS = (b"canary", b"DE89370400440532013000", b"Kim Example", b"192.0.2.7")


@pytest.fixture
def ledger(ledger_on_sqlite: Ledger) -> Ledger:
    """One claim paid, one rejected; the case is closed."""
    found = with_claims(ledger_on_sqlite)
    claimed(found, text="My canary flew away.")
    claimed(found, once="b", person=2)
    decided(found, 1, "50")
    decided(found, 2, "0", OMAR, "No canary.")
    paid_file(found)
    return found


def close_and_destroy(ledger: Ledger) -> None:
    ledger.incidents.close(INCIDENT, "lena", NOW)
    ledger.destruction.destroy(INCIDENT, MEI, OMAR, LATER)


def test_an_unsettled_claim_keeps_the_data(ledger: Ledger) -> None:
    with pytest.raises(NotAllowed, match="1 claims of compensation are not settled"):
        close_and_destroy(ledger)


def test_nothing_of_a_claim_is_left(ledger: Ledger, tmp_path: Path) -> None:
    bank_says(ledger, ledger.claims.get(INCIDENT, 1).payments[0].end_to_end, BankStatus.PAID)
    sealed = ledger.evidence.sealed(INCIDENT, "a", b"canary")
    close_and_destroy(ledger)
    for read in (
        lambda: ledger.claims.all(INCIDENT),
        lambda: ledger.payments.lines(INCIDENT, 1),
        lambda: ledger.evidence.opened(INCIDENT, "a", sealed),
    ):
        with pytest.raises(DataDestroyed):
            read()
    with ledger.store.read() as session:
        rows = session.execute(text("SELECT account_index, device_index, once FROM compensation_claim")).all()
    assert [tuple(row) for row in rows] == [(b"", b"", "erased 1"), (b"", b"", "erased 2")]
    assert ledger.claims.totals(INCIDENT, None, LATER).claims == {"rejected": 1, "paid": 1}
    assert not ledger.audit.verify()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert not any(secret in content for secret in SECRETS)
