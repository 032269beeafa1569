"""A newer Amends comes to a ledger at which an older one is at work."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from amends.domain.base.errors import LedgerNewer, LedgerUnavailable
from amends.domain.channel.channel import ChannelKind
from amends.ledger import Ledger
from amends.ledger.store.database import revision_of
from amends.ledger.store.tables import SCHEMA
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, a_ledger, approved
from tests.ledger.deliver.test_locks import has_to_wait

EMAIL = (ChannelKind.EMAIL,)
BEFORE, NEWER = "0023", "9999"
THE_FIRST_AFTER = ("DROP INDEX ix_question_person",)
"""Takes back what the migration after BEFORE made."""


@pytest.fixture
def sender(ledger_url: str, tmp_path: Path) -> Iterator[Ledger]:
    """A notice that may leave to two people."""
    opened = a_ledger(ledger_url, tmp_path).migrate()
    approved(opened, [a_person(number=1), a_person(number=2)], channels=EMAIL)
    opened.notices.release(INCIDENT, NOTICE, NOW)
    yield opened
    opened.dispose()


def has_tables_of(ledger: Ledger, revision: str) -> None:
    changes = THE_FIRST_AFTER if revision == BEFORE else ()
    with ledger.store.engine.execution_options(writes=True).connect() as connection:
        for change in (*changes, f"UPDATE amends_schema SET version_num = '{revision}'"):
            connection.exec_driver_sql(change)
        connection.commit()


def revision(ledger: Ledger) -> str:
    with ledger.store.engine.connect() as connection:
        return revision_of(connection)


def test_the_tables_stay_as_they_are_while_somebody_sends(sender: Ledger) -> None:
    sender.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, datetime.now(UTC))
    has_tables_of(sender, BEFORE)
    with pytest.raises(LedgerUnavailable, match="an older Amends is sending from this ledger"):
        sender.migrate()
    assert revision(sender) == BEFORE


@pytest.mark.parametrize("ago", [timedelta(minutes=5), -timedelta(days=1)], ids=["killed", "clock set back"])
def test_who_was_cut_off_does_not_keep_the_tables_as_they_are(sender: Ledger, ago: timedelta) -> None:
    sender.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, datetime.now(UTC) - ago)
    has_tables_of(sender, BEFORE)
    sender.migrate()
    assert revision(sender) == SCHEMA


def test_who_is_sending_takes_no_more_when_a_newer_amends_has_the_ledger(sender: Ledger) -> None:
    has_tables_of(sender, NEWER)
    with pytest.raises(LedgerNewer, match=r"its tables are 9999, .* install the newer one here"):
        sender.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, NOW)
    assert not sender.deliveries.at_work(INCIDENT, NOTICE, EMAIL)


def test_the_tables_stay_as_they_are_until_whoever_is_just_writing_is_through(sender: Ledger) -> None:
    has_tables_of(sender, BEFORE)
    with ThreadPoolExecutor(1) as thread, sender.store.write():
        upgraded = thread.submit(sender.migrate)
        while not (upgraded.done() or has_to_wait(sender)):
            time.sleep(0.005)
        assert not upgraded.done()
    assert revision(sender) == SCHEMA
