"""What a ledger on a server does when the server has ended its connections."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from amends.domain.base.errors import LedgerUnavailable
from amends.domain.case.states import IncidentState
from amends.domain.channel.channel import ChannelKind
from amends.ledger import Ledger
from amends.ledger.store import database
from amends.ledger.tables.deliver import LeaseRow
from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from tests.builders import NOW, a_person, an_incident
from tests.databases import NEEDS_POSTGRES, Wire, fresh_database
from tests.delivery.sending import Rig, a_ledger, approved, channel_settings

ON_A_SERVER = pytest.mark.parametrize("server", [pytest.param("postgresql", marks=NEEDS_POSTGRES)])


@pytest.fixture
def url(server: str) -> Iterator[str]:
    with fresh_database() as address:
        yield address


@pytest.fixture
def ledger(url: str, tmp_path: Path) -> Iterator[Ledger]:
    opened = a_ledger(url, tmp_path).migrate()
    opened.incidents.open(an_incident(), [], "lena", NOW)
    yield opened
    opened.dispose()


def end_all(url: str) -> None:
    """As when the server is started anew."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as server:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
        server.execute(others + "pg_backend_pid()")


@ON_A_SERVER
def test_an_idle_connection_that_was_ended_is_replaced_unnoticed(
    ledger: Ledger, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the server ended an idle connection, the connection is replaced without anybody noticing."""
    monkeypatch.setattr(database, "FRESH_SECONDS", 0)
    end_all(url)
    assert ledger.cases.read(an_incident().id).incident.id == an_incident().id


@ON_A_SERVER
def test_one_that_was_in_use_a_moment_ago_is_replaced_at_the_next_try(
    ledger: Ledger, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.store.check_key()
    end_all(url)
    with pytest.raises(LedgerUnavailable), ledger.store.driver_write() as swift:
        swift.keep_mark(1, [1], NOW)
    assert caplog.text == ""
    with ledger.store.driver_write() as swift:
        assert not swift.keep_mark(1, [1], NOW)


@ON_A_SERVER
def test_where_one_was_ended_the_others_are_not_tried(ledger: Ledger, url: str) -> None:
    with ledger.store.read() as one, ledger.store.read() as other:
        assert one.connection() is not other.connection()
    end_all(url)
    with pytest.raises(LedgerUnavailable), ledger.store.driver_write() as swift:
        swift.keep_mark(1, [1], NOW)
    assert ledger.cases.read(an_incident().id).incident.id == an_incident().id


@ON_A_SERVER
def test_a_server_that_is_gone_without_a_word_is_missed_soon(ledger: Ledger) -> None:
    """As when its machine or the network is cut off: no connection is ended, and no answer ever comes."""
    with ledger.store.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        used = driver.info.get_parameters()
    silence = int(used["keepalives_idle"]) + int(used["keepalives_interval"]) * int(used["keepalives_count"])
    assert silence <= 30
    assert int(used["tcp_user_timeout"]) <= 30_000
    assert int(used["connect_timeout"]) <= 30


@ON_A_SERVER
def test_every_commit_is_on_the_servers_disk_whatever_it_is_set_to(ledger: Ledger, url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute(f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = off")
    ledger.dispose()
    with ledger.store.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"


@ON_A_SERVER
def test_a_send_outlives_a_server_that_is_away_for_a_while(url: str, tmp_path: Path) -> None:
    wire = Wire(url)
    ledger = a_ledger(wire.url, tmp_path).migrate()
    approved(ledger, [a_person(number=number) for number in range(1, 201)], channels=(ChannelKind.EMAIL,))
    with MailServer(tmp_path / "mail") as mail, WebServices(tmp_path / "web") as web:
        mail.delay = 0.05

        def outage() -> None:
            while len(mail.arrived) < 40:
                time.sleep(0.01)
            wire.cut()
            time.sleep(2)
            wire.mend()

        away = threading.Thread(target=outage)
        away.start()
        rig = Rig(ledger, mail, web, channel_settings(mail.port, web.url, tmp_path))
        tally = rig.run()
        away.join()
        assert (tally.finished, tally.trouble) == (True, {})
        assert set(rig.states().values()) == {"sent"}
        assert len(set(rig.mailed())) == len(rig.mailed()) == 200
    ledger.dispose()


@ON_A_SERVER
def test_a_server_that_cannot_be_reached_is_said_in_our_words(url: str, tmp_path: Path) -> None:
    wire = Wire(url)
    ledger = a_ledger(wire.url, tmp_path).migrate()
    wire.cut()
    with pytest.raises(LedgerUnavailable, match="cannot be read"):
        ledger.incidents.all()
    with pytest.raises(LedgerUnavailable, match="cannot be written"), ledger.store.driver_write():
        pass
    ledger.dispose()


@ON_A_SERVER
def test_the_password_to_a_server_that_cannot_be_reached_is_not_said(url: str, tmp_path: Path) -> None:
    wire = Wire(url)
    wire.cut()
    address = make_url(wire.url).set(password="open-sesame").render_as_string(hide_password=False)
    with pytest.raises(LedgerUnavailable) as raised:
        a_ledger(address, tmp_path).incidents.all()
    assert "open-sesame" not in str(raised.value)


def mark_and_halt(ledger: Ledger, seconds: float) -> None:
    with ledger.store.driver_write() as swift:
        swift.keep_mark(1, [1], NOW)
        time.sleep(seconds)


@ON_A_SERVER
def test_a_worker_halted_in_the_middle_of_a_commit_may_try_again(
    ledger: Ledger, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was halted in the middle of a commit gets LedgerUnavailable and can use the ledger again."""
    monkeypatch.setattr(database, "NO_IDLING", "-c idle_in_transaction_session_timeout=500")
    halted = a_ledger(url, tmp_path)
    with pytest.raises(LedgerUnavailable):
        mark_and_halt(halted, seconds=1.5)
    with halted.store.driver_write() as swift:
        assert not swift.keep_mark(1, [1], NOW)
    halted.dispose()


@ON_A_SERVER
def test_a_halted_worker_holds_up_the_others_for_a_minute_at_most(ledger: Ledger) -> None:
    """The server ends a transaction that idles, so that a worker that stays halted holds up others a minute at most."""
    with ledger.store.engine.connect() as connection:
        most = "SELECT current_setting('idle_in_transaction_session_timeout')::interval"
        assert timedelta(0) < connection.exec_driver_sql(most).scalar_one() <= timedelta(minutes=1)


@ON_A_SERVER
def test_a_worker_halted_while_marking_keeps_nobody_from_stopping(
    ledger: Ledger, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is halted as it marks messages keeps nobody from pausing the incident.

    The pause can be told that this worker is not through, until its marks are kept.
    """
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    other = a_ledger(url, tmp_path)
    with ledger.store.write() as write:
        lease = LeaseRow(incident=an_incident().id, notice="news", facts=1, first=1, last=1, until=NOW, holder="")
        write.session.add(lease)
        write.session.flush()
        number = lease.id or 0
    with ledger.store.driver_write() as swift:
        assert swift.keep_mark(number, [1], NOW)
        other.incidents.pause(an_incident().id, "lena", NOW)
        assert ledger.cases.read(an_incident().id).state is IncidentState.PAUSED
        assert not other.incidents.marks_are_kept(an_incident().id)
    assert other.incidents.marks_are_kept(an_incident().id)
    other.dispose()


@ON_A_SERVER
def test_nobody_waits_without_end_for_another_who_writes(
    ledger: Ledger, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    other = a_ledger(url, tmp_path)
    with ledger.store.write() as write:
        write.incident(an_incident().id)
        with pytest.raises(LedgerUnavailable, match=r"cannot be written: .*lock timeout"):
            other.incidents.pause(an_incident().id, "lena", NOW)
    other.incidents.pause(an_incident().id, "lena", NOW)
    other.dispose()
