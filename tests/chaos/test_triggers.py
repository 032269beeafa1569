"""However many start the same send at once, it happens once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from amends.delivery.send.engine import Tally
from amends.domain.notice.notice import PersonState
from amends.ledger import Ledger
from amends.ledger.store import database
from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from tests.builders import a_person
from tests.chaos.killing import chaos, check, posts
from tests.databases import NEEDS_POSTGRES, fresh_database
from tests.delivery.sending import INCIDENT, Rig, a_ledger, approved, channel_settings, sqlite_url

TRIGGERS, PEOPLE = 50, 60
PROCESSES = 8


def triggered_by_fifty(url: str, folder: Path, mail: MailServer, web: WebServices) -> list[Tally]:
    """Each in a thread and with a ledger of its own, and all of them at the same moment."""
    settings, start = channel_settings(mail.port, web.url, folder), Barrier(TRIGGERS)

    def trigger(_: int) -> Tally:
        own = a_ledger(url, folder)
        start.wait()
        try:
            return Rig(own, mail, web, settings).run()
        finally:
            own.dispose()

    with ThreadPoolExecutor(TRIGGERS) as pool:
        return list(pool.map(trigger, range(TRIGGERS)))


def one_effect(ledger: Ledger, url: str, folder: Path) -> None:
    approved(ledger, [a_person(number=number) for number in range(1, PEOPLE + 1)])
    with MailServer(folder / "mail") as mail, WebServices(folder / "web") as web:
        tallies = triggered_by_fifty(url, folder, mail, web)
        last = Rig(ledger, mail, web, channel_settings(mail.port, web.url, folder)).run()
        everybody = Rig(ledger, mail, web, {})
        assert Counter(everybody.mailed()) == {f"kim{number}@mail.example": 1 for number in range(1, PEOPLE + 1)}
        assert Counter(everybody.texted()) == {f"+4930555{number:05}": 1 for number in range(1, PEOPLE + 1)}
        assert len(everybody.posts()) == len(set(everybody.posts())) == 2
    assert last.finished
    assert last.people == {PersonState.SENT: PEOPLE}
    assert sum((tally.answers for tally in [*tallies, last]), Counter()).total() == 2 * PEOPLE + 4
    acts = Counter(entry.act for entry in ledger.audit.entries(INCIDENT))
    assert (acts["released"], acts["sent"]) == (1, 1)


def test_fifty_triggers_of_one_send_have_one_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Fifty threads of one interpreter wait for it as well as for the ledger, which processes do not.
    monkeypatch.setattr(database, "BUSY_SECONDS", 60)
    ledger = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    one_effect(ledger, sqlite_url(tmp_path), tmp_path)
    ledger.dispose()


@pytest.mark.parametrize("server", [pytest.param("postgresql", marks=NEEDS_POSTGRES)])
def test_fifty_triggers_on_postgresql_have_one_effect(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 60)
    with fresh_database() as url:
        ledger = a_ledger(url, tmp_path).migrate()
        one_effect(ledger, url, tmp_path)
        ledger.dispose()


def test_processes_that_start_the_same_send_at_once_have_one_effect(tmp_path: Path) -> None:
    with chaos(sqlite_url(tmp_path), tmp_path, PEOPLE) as world:
        for sender in world.start_together(PROCESSES):
            sender.join(60)
        world.finish()
        check(world)
        assert len(posts(world)) == 2
