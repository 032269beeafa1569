"""A newer Amends comes to a ledger at which an older one is at work."""

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from amends.domain.base.errors import LedgerNewer, LedgerUnavailable
from amends.domain.channel.channel import ChannelKind
from amends.ledger import Ledger
from amends.ledger import ledger as ledger_module
from amends.ledger.store import session
from amends.ledger.store.database import revision_of
from amends.ledger.store.tables import SCHEMA
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, a_ledger, approved
from tests.ledger.deliver.test_locks import has_to_wait

EMAIL = (ChannelKind.EMAIL,)
NEXT, NEWER = "0002", "9999"
NEXT_MIGRATION = """
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade() -> None:
    op.create_index("ix_question_of_next", "question", ["incident"])
"""


@pytest.fixture
def next_amends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This process becomes the next version of Amends, which has one migration more."""
    shutil.copytree(ledger_module.MIGRATIONS, tmp_path / "migrations")
    (tmp_path / "migrations" / "versions" / "0002_next.py").write_text(NEXT_MIGRATION)
    monkeypatch.setattr(ledger_module, "MIGRATIONS", tmp_path / "migrations")
    for module in (ledger_module, session):
        monkeypatch.setattr(module, "SCHEMA", NEXT)


@pytest.fixture
def sender(ledger_url: str, tmp_path: Path) -> Iterator[Ledger]:
    """A notice that may leave to two people."""
    opened = a_ledger(ledger_url, tmp_path).migrate()
    approved(opened, [a_person(number=1), a_person(number=2)], channels=EMAIL)
    opened.notices.release(INCIDENT, NOTICE, NOW)
    yield opened
    opened.dispose()


def has_tables_of(ledger: Ledger, revision: str) -> None:
    with ledger.store.engine.execution_options(writes=True).connect() as connection:
        connection.exec_driver_sql(f"UPDATE amends_schema SET version_num = '{revision}'")
        connection.commit()


def revision(ledger: Ledger) -> str:
    with ledger.store.engine.connect() as connection:
        return revision_of(connection)


def test_the_tables_stay_as_they_are_while_somebody_sends(sender: Ledger, request: pytest.FixtureRequest) -> None:
    sender.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, datetime.now(UTC))
    request.getfixturevalue("next_amends")
    with pytest.raises(LedgerUnavailable, match="an older Amends is sending from this ledger"):
        sender.migrate()
    assert revision(sender) == SCHEMA


@pytest.mark.parametrize("ago", [timedelta(minutes=5), -timedelta(days=1)], ids=["killed", "clock set back"])
def test_who_was_cut_off_does_not_keep_the_tables_as_they_are(
    sender: Ledger, ago: timedelta, request: pytest.FixtureRequest
) -> None:
    sender.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, datetime.now(UTC) - ago)
    request.getfixturevalue("next_amends")
    sender.migrate()
    assert revision(sender) == NEXT


def test_a_sender_claims_no_more_once_a_newer_amends_has_the_ledger(sender: Ledger) -> None:
    """A worker claims no message once a newer Amends has upgraded the ledger.

    The refusal says to install the newer one.
    """
    has_tables_of(sender, NEWER)
    with pytest.raises(LedgerNewer, match=r"its tables are 9999, .* install the newer one here"):
        sender.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, NOW)
    assert not sender.deliveries.at_work(INCIDENT, NOTICE, EMAIL)


def test_an_upgrade_waits_until_the_process_that_writes_is_through(
    sender: Ledger, request: pytest.FixtureRequest
) -> None:
    """The tables stay as they are until the process that is just writing is through; then they are upgraded."""
    request.getfixturevalue("next_amends")
    with ThreadPoolExecutor(1) as thread, sender.store.write():
        upgraded = thread.submit(sender.migrate)
        while not (upgraded.done() or has_to_wait(sender)):
            time.sleep(0.005)
        assert not upgraded.done()
    assert revision(sender) == NEXT
