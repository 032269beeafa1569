"""A restored backup does not send again what had left, and says what it cannot know."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from amends.domain.channel import ChannelKind, Receipt, Status
from amends.domain.errors import LedgerRestored, NotAllowed
from amends.domain.notice import PersonState
from amends.domain.team import Member, TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_person
from tests.sending import INCIDENT, NOTICE, a_ledger, approved, sqlite_url

OMAR = Member(name="omar", role=TeamRole.LEGAL)
EMAIL = (ChannelKind.EMAIL,)


def send(ledger: Ledger, how_many: int) -> list[str]:
    """So many messages leave; their keys, as the relay's log has them."""
    claims = ledger.claim(INCIDENT, NOTICE, EMAIL, how_many, NOW)
    ledger.write_down(claims, [], INCIDENT, NOTICE, NOW)
    answers = [(claim, Receipt(claim.key, Status.SENT, "250")) for claim in claims]
    ledger.write_down([], answers, INCIDENT, NOTICE, NOW)
    ledger.end([claim.lease for claim in claims], {"sent": len(claims)}, INCIDENT, NOTICE, NOW)
    return [claim.key for claim in claims]


@pytest.fixture
def restored(tmp_path: Path) -> Iterator[tuple[Ledger, list[str]]]:
    """Ten people; the backup was made when two had been told, five more were told after that."""
    ledger = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    approved(ledger, [a_person(number=number) for number in range(1, 11)], channels=EMAIL)
    ledger.release(INCIDENT, NOTICE, NOW)
    send(ledger, 2)
    ledger.dispose()
    shutil.copy(tmp_path / "ledger.sqlite3", tmp_path / "backup")
    left = send(ledger, 5)
    ledger.dispose()
    for file in ("ledger.sqlite3-wal", "ledger.sqlite3-shm"):
        (tmp_path / file).unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup", tmp_path / "ledger.sqlite3")
    old = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    yield old, left
    old.dispose()


def test_a_restored_ledger_sends_nothing(restored: tuple[Ledger, list[str]]) -> None:
    with pytest.raises(LedgerRestored, match="amends reconcile"):
        restored[0].release(INCIDENT, NOTICE, NOW)


def test_with_a_complete_log_only_those_who_were_not_told_are_told(restored: tuple[Ledger, list[str]]) -> None:
    ledger, left = restored
    found = ledger.reconcile(left, OMAR, NOW, complete=True)
    ledger.release(INCIDENT, NOTICE, NOW)
    assert (found.sent, found.uncertain, found.waiting) == (5, 0, 3)
    assert set(send(ledger, 10)).isdisjoint(left)
    assert ledger.standing(INCIDENT, NOTICE) == {PersonState.SENT: 10}


def test_what_no_log_tells_is_uncertain(restored: tuple[Ledger, list[str]]) -> None:
    ledger, left = restored
    ledger.reconcile(left[:1], OMAR, NOW, complete=False)
    assert ledger.standing(INCIDENT, NOTICE) == {PersonState.SENT: 3, PersonState.UNCERTAIN: 7}


def test_a_message_of_which_the_restored_ledger_knows_nothing_is_not_sent_again(tmp_path: Path) -> None:
    ledger = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    approved(ledger, [a_person(number=number) for number in (1, 2, 3)], channels=EMAIL)
    ledger.dispose()
    shutil.copy(tmp_path / "ledger.sqlite3", tmp_path / "backup")
    ledger.release(INCIDENT, NOTICE, NOW)
    left = send(ledger, 2)
    ledger.dispose()
    shutil.copy(tmp_path / "backup", tmp_path / "ledger.sqlite3")
    old = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    old.reconcile(left, OMAR, NOW, complete=True)
    old.release(INCIDENT, NOTICE, NOW)
    assert set(send(old, 10)).isdisjoint(left)
    assert old.standing(INCIDENT, NOTICE) == {PersonState.SENT: 3}
    old.dispose()


def test_the_chain_holds_again_afterwards(restored: tuple[Ledger, list[str]]) -> None:
    ledger, left = restored
    assert ledger.verify_audit() != ()
    ledger.reconcile(left, OMAR, NOW, complete=True)
    assert ledger.verify_audit() == ()


def test_only_who_may_approve_reconciles(restored: tuple[Ledger, list[str]]) -> None:
    with pytest.raises(NotAllowed):
        restored[0].reconcile([], Member(name="sam", role=TeamRole.RESPONDER), NOW, complete=True)
