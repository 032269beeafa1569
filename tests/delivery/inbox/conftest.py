"""A ledger that has told everybody, and a home beside it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from amends.delivery.inbox.places import FoundMail
from amends.delivery.inbox.take import Intake, MailTaker, in_batches
from amends.ledger import Claim, Ledger
from tests.builders import NOW
from tests.delivery.inbox.mails import told
from tests.delivery.sending import INCIDENT

Take = Callable[..., Intake]


@pytest.fixture
def messages(ledger: Ledger) -> tuple[Claim, ...]:
    """The emails of the first notice, by the number of the person."""
    return told(ledger)


@pytest.fixture
def taker(ledger: Ledger, messages: tuple[Claim, ...], tmp_path: Path) -> MailTaker:
    return MailTaker(ledger, tmp_path, INCIDENT, ("care@betapai.example",))


@pytest.fixture
def take(taker: MailTaker) -> Take:
    def taken(*mails: bytes) -> Intake:
        total = Intake()
        for batch in in_batches(map(FoundMail, mails)):
            taker.take(batch, NOW, total)
        return total

    return taken
