"""A ledger on PostgreSQL that was restored is known as a copy by every machine, also by one that it is new to."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from amends.domain.base.errors import LedgerRestored
from amends.domain.case.case import Case
from amends.domain.channel.channel import ChannelKind
from amends.domain.risk.levels import Severity
from amends.ledger import Ledger
from amends.ledger.store import database
from tests.builders import NOW, a_person, an_asked, an_assessment, an_incident
from tests.databases import NEEDS_POSTGRES, POSTGRES, fresh_database
from tests.delivery.sending import INCIDENT, NOTICE, a_ledger, approved, approved_again
from tests.ledger.notice.test_restore import OMAR, send

pytestmark = list(NEEDS_POSTGRES)
EMAIL = (ChannelKind.EMAIL,)


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_database() as made:
        yield made


def on_a_machine(url: str, folder: Path, name: str) -> Ledger:
    (folder / name).mkdir()
    return a_ledger(url, folder / name).migrate()


def back_up(ledger: Ledger, url: str) -> None:
    """As the ledger stands now."""
    ledger.dispose()
    name = url.rpartition("/")[2]
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}")


def restore(url: str) -> None:
    """The backup takes the place of the ledger, whoever is at work there."""
    name = url.rpartition("/")[2]
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        server.execute(f"ALTER DATABASE {name}_copy RENAME TO {name}")


def load_a_dump(url: str) -> None:
    """Into the same database: each table is made anew."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute("CREATE TABLE anew (LIKE key_check INCLUDING ALL)")
        server.execute("INSERT INTO anew SELECT * FROM key_check")
        server.execute("ALTER TABLE key_check RENAME TO lost")
        server.execute("ALTER TABLE anew RENAME TO key_check")


@pytest.fixture
def sender(url: str, tmp_path: Path) -> Iterator[Ledger]:
    """Where three of four people were told."""
    ledger = on_a_machine(url, tmp_path, "sender")
    approved(ledger, [a_person(number=number) for number in range(1, 5)], channels=EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    send(ledger, 3)
    yield ledger
    ledger.dispose()


def test_a_machine_that_is_new_to_it_sends_nothing(url: str, tmp_path: Path, sender: Ledger) -> None:
    back_up(sender, url)
    restore(url)
    new = on_a_machine(url, tmp_path, "new")
    with pytest.raises(LedgerRestored, match="restored or moved"):
        new.notices.release(INCIDENT, NOTICE, NOW)
    assert "restored or moved" in new.cases.read(INCIDENT).ledger_doubt
    new.restore.reconcile([], OMAR, NOW, list(ChannelKind))
    assert new.cases.read(INCIDENT).ledger_doubt == ""
    new.notices.release(INCIDENT, NOTICE, NOW)
    assert len(send(new, 4)) == 1
    new.dispose()


def test_a_copy_is_known_also_when_made_before_places_were_recorded(url: str, tmp_path: Path, sender: Ledger) -> None:
    """A new machine sends nothing on a restored copy, also when the ledger was made before its place was recorded.

    The migration records the place.
    """
    with sender.store.write() as write:
        write.session.connection().exec_driver_sql("UPDATE key_check SET place = ''")
    assert sender.store.doubt() == ""
    sender.migrate()
    back_up(sender, url)
    restore(url)
    new = on_a_machine(url, tmp_path, "new")
    with pytest.raises(LedgerRestored, match="restored or moved"):
        new.notices.release(INCIDENT, NOTICE, NOW)
    new.dispose()


def test_nor_does_it_when_a_dump_was_loaded_into_the_same_database(url: str, tmp_path: Path, sender: Ledger) -> None:
    sender.dispose()
    load_a_dump(url)
    new = on_a_machine(url, tmp_path, "new")
    with pytest.raises(LedgerRestored, match="restored or moved"):
        new.notices.release(INCIDENT, NOTICE, NOW)
    new.dispose()


def test_nor_does_one_under_which_a_dump_was_loaded_as_it_sent(url: str, sender: Ledger) -> None:
    assert sender.store.doubt() == ""
    load_a_dump(url)
    with pytest.raises(LedgerRestored, match="restored or moved"):
        sender.deliveries.claim(INCIDENT, NOTICE, EMAIL, 4, NOW)


def test_a_server_set_back_or_taken_over_is_known_as_a_copy(
    url: str, tmp_path: Path, sender: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new machine sends nothing when the server was recovered to an earlier time or another server took over.

    Both show in the server's timeline.
    """
    sender.dispose()
    monkeypatch.setattr(database, "TIMELINE", "SELECT 'FFFFFFFF'")
    new = on_a_machine(url, tmp_path, "new")
    with pytest.raises(LedgerRestored, match="restored or moved"):
        new.notices.release(INCIDENT, NOTICE, NOW)
    new.dispose()


def test_nor_does_one_whose_send_goes_on_when_the_server_is_back(url: str, sender: Ledger) -> None:
    back_up(sender, url)
    restore(url)
    with pytest.raises(LedgerRestored):
        sender.deliveries.claim(INCIDENT, NOTICE, EMAIL, 4, NOW)


def test_a_draft_that_the_copy_lacks_is_not_read_any_more(url: str, sender: Ledger) -> None:
    """A process that read a draft which the restored copy lacks reads the draft that was made in its place."""
    back_up(sender, url)
    lost = approved_again(sender, channels=(ChannelKind.SMS,))
    assert sender.notices.latest_draft(INCIDENT, NOTICE) == lost
    sender.dispose()
    restore(url)
    sender.restore.reconcile([], OMAR, NOW, list(ChannelKind))
    drafted = approved_again(sender, channels=(ChannelKind.WEBSITE,))
    assert sender.notices.latest_draft(INCIDENT, NOTICE) == drafted


def test_facts_that_the_copy_lacks_are_not_read_any_more(url: str, sender: Ledger) -> None:
    """A process that read facts and an assessment which the restored copy lacks reads what has taken their place."""

    def amended(title: str, band: Severity, now: datetime) -> Case:
        sender.incidents.amend(an_incident(title=title), "lena", now)
        sender.assessments.record(INCIDENT, an_assessment(version=2, band=band), now)
        return sender.cases.read(INCIDENT)

    back_up(sender, url)
    lost = amended("Two databases copied", Severity.HIGH, NOW)
    sender.dispose()
    restore(url)
    case = amended("Three databases copied", Severity.LOW, NOW + timedelta(minutes=1))
    assert lost.assessment
    assert case.assessment
    assert (lost.incident.title, lost.assessment.band) == ("Two databases copied", Severity.HIGH)
    assert (case.incident.title, case.assessment.band) == ("Three databases copied", Severity.LOW)


def test_a_version_sent_only_after_the_backup_is_not_told(url: str, sender: Ledger) -> None:
    """A version that was sent after the backup, and by the restored copy was not, does not count as told."""

    def heard() -> list[bool]:
        return [release.told for notice in sender.cases.read(INCIDENT).notices for release in notice.releases]

    approved_again(sender, channels=EMAIL, next_news_at=None)
    sender.notices.release(INCIDENT, NOTICE, NOW + timedelta(minutes=1))
    back_up(sender, url)
    assert len(send(sender, 4)) == 1
    assert heard() == [True, True]
    sender.dispose()
    restore(url)
    sender.restore.reconcile([], OMAR, NOW, list(ChannelKind))
    assert heard() == [True, False]


def test_an_incident_opened_again_in_a_copy_has_a_key_of_its_own(url: str, tmp_path: Path) -> None:
    """An incident opened again in the place of a lost one is read and written with its own key.

    That also holds for a process that knew the key of the lost one.
    """
    ledger = on_a_machine(url, tmp_path, "here")
    back_up(ledger, url)
    ledger.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    ledger.questions.ask(INCIDENT, an_asked("Is my address among it?"), NOW)
    ledger.dispose()
    restore(url)
    other = on_a_machine(url, tmp_path, "other")
    other.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    ledger.questions.ask(INCIDENT, an_asked("And my telephone number?"), NOW)
    assert ledger.people.get(INCIDENT, 1) == other.people.get(INCIDENT, 1)
    assert [question.text for question in other.questions.all(INCIDENT)] == ["And my telephone number?"]
    for one in (ledger, other):
        one.dispose()


def test_a_page_from_before_is_not_sent_under_a_later_lease(url: str, tmp_path: Path, sender: Ledger) -> None:
    """A page that was claimed before a restore may not be sent under a lease that was taken since."""
    back_up(sender, url)
    (held,) = sender.deliveries.claim(INCIDENT, NOTICE, EMAIL, 4, NOW)
    sender.dispose()
    restore(url)
    other = on_a_machine(url, tmp_path, "other")
    other.restore.reconcile([], OMAR, NOW, list(ChannelKind))
    assert len(other.deliveries.claim(INCIDENT, NOTICE, EMAIL, 4, NOW)) == 1
    assert sender.deliveries.record([held], [], INCIDENT, NOTICE, NOW) == frozenset()
    other.dispose()


def test_a_server_that_was_only_started_anew_is_the_same(url: str, tmp_path: Path, sender: Ledger) -> None:
    sender.dispose()
    other = on_a_machine(url, tmp_path, "other")
    other.notices.release(INCIDENT, NOTICE, NOW)
    assert len(send(other, 4)) == 1
    other.dispose()


def test_a_machine_that_is_new_to_it_notes_the_end_of_its_chain(url: str, tmp_path: Path, sender: Ledger) -> None:
    new = on_a_machine(url, tmp_path, "new")
    assert new.audit.verify() == ()
    assert (tmp_path / "new" / "audit-head").read_text() == (tmp_path / "sender" / "audit-head").read_text()
    new.dispose()


def test_whoever_opens_it_notes_what_others_have_written_since(url: str, tmp_path: Path, sender: Ledger) -> None:
    """So also a machine that is idle misses that where an old server comes back in place of the one that took over."""
    idle = on_a_machine(url, tmp_path, "idle")
    assert len(send(sender, 4)) == 1
    idle.migrate()
    assert (tmp_path / "idle" / "audit-head").read_text() == (tmp_path / "sender" / "audit-head").read_text()
    idle.dispose()


def test_so_does_whoever_finds_nothing_more_to_send(url: str, tmp_path: Path, sender: Ledger) -> None:
    other = on_a_machine(url, tmp_path, "other")
    assert len(send(sender, 4)) == 1
    assert other.deliveries.claim(INCIDENT, NOTICE, EMAIL, 4, NOW) == ()
    assert (tmp_path / "other" / "audit-head").read_text() == (tmp_path / "sender" / "audit-head").read_text()
    other.dispose()


def test_one_that_is_new_to_a_copy_notes_nothing_of_it(url: str, tmp_path: Path, sender: Ledger) -> None:
    back_up(sender, url)
    restore(url)
    on_a_machine(url, tmp_path, "new").dispose()
    assert not (tmp_path / "new" / "audit-head").exists()


def test_a_dump_is_known_where_the_server_hides_its_timeline(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restored dump is known as a copy also where the server does not tell its timeline."""
    monkeypatch.setattr(database, "TIMELINE", "SELECT not_supported_here()")
    ledger = on_a_machine(url, tmp_path, "sender")
    with ledger.store.read() as session:
        assert not ledger.store.doubt_in(session)
    back_up(ledger, url)
    restore(url)
    with ledger.store.read() as session:
        assert ledger.store.doubt_in(session)
    ledger.dispose()
