"""What a ledger on a server does when the server has ended its connections."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from amends.domain.errors import LedgerUnavailable
from amends.ledger import Ledger, database
from tests.builders import NOW, an_incident
from tests.databases import NEEDS_POSTGRES, fresh_database
from tests.sending import a_ledger

ON_A_SERVER = pytest.mark.parametrize("server", [pytest.param("postgresql", marks=NEEDS_POSTGRES)])


@pytest.fixture
def url(server: str) -> Iterator[str]:
    with fresh_database() as address:
        yield address


@pytest.fixture
def ledger(url: str, tmp_path: Path) -> Iterator[Ledger]:
    opened = a_ledger(url, tmp_path).migrate()
    opened.open_incident(an_incident(), [], "lena", NOW)
    yield opened
    opened.dispose()


def end_all(url: str) -> None:
    """As when the server is started anew."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as server:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
        server.execute(others + "pg_backend_pid()")


@ON_A_SERVER
def test_a_connection_that_idled_and_was_ended_is_replaced_without_anybody_noticing(
    ledger: Ledger, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "FRESH_SECONDS", 0)
    end_all(url)
    assert ledger.case(an_incident().id).incident.id == an_incident().id


@ON_A_SERVER
def test_one_that_was_in_use_a_moment_ago_is_replaced_at_the_next_try(
    ledger: Ledger, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.check_key()
    end_all(url)
    with pytest.raises(LedgerUnavailable), ledger.swift_write() as swift:
        swift.keep_mark(1, [1], NOW)
    assert caplog.text == ""
    with ledger.swift_write() as swift:
        assert not swift.keep_mark(1, [1], NOW)
