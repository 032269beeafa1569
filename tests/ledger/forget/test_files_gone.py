"""Sealed files of the home go with their data, also after a crash and when a copy of the home brings them back."""

import os
from pathlib import Path

import pytest

from amends.delivery.forget import DataPlaces, destroy_case, forget_again, forget_due
from amends.domain.base.home_file import NewHomeFile
from amends.domain.forget.retention import DataKind
from amends.ledger import Ledger
from tests.builders import NOW, a_playbook, a_wording
from tests.delivery.sending import INCIDENT
from tests.ledger.claim.claiming import MEI, OMAR, RULES, claimed, decided, with_claims
from tests.ledger.forget.forgetting import LATER
from tests.ledger.forget.test_restored_data import Backup

OTHERS = ["claims/another/of-1.sealed"]


@pytest.fixture
def ledger(ledger_on_sqlite: Ledger) -> Ledger:
    """Two rejected claims with a file each; the case is closed, and claims are kept for a year."""
    with_claims(ledger_on_sqlite)
    playbook = a_playbook(claims=RULES.model_dump(mode="json"), retention={"claims": "365d"})
    ledger_on_sqlite.playbooks.pin(INCIDENT, playbook, a_wording(), "lena", NOW)
    for number in (1, 2):
        file = NewHomeFile(f"of-{number}", "application/pdf", 9)
        claimed(ledger_on_sqlite, person=number, once=f"{number}", files=(file,))
        decided(ledger_on_sqlite, number, "0", OMAR, "No.")
    ledger_on_sqlite.incidents.close(INCIDENT, "lena", NOW)
    return ledger_on_sqlite


@pytest.fixture
def places(tmp_path: Path) -> DataPlaces:
    lay_files(tmp_path / "home")
    return DataPlaces({}, tmp_path / "home")


def lay_files(home: Path) -> None:
    """The files of the two claims, another of each kind as a crash leaves it, and one of another incident."""
    names = ("claims/{}/of-1", "claims/{}/of-2", "claims/{}/lost", "inbox/files/{}/lost")
    for name in (*(one.format(INCIDENT) for one in names), "claims/another/of-1"):
        path = home / f"{name}.sealed"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sealed")
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))


def left(places: DataPlaces) -> list[str]:
    """The names of all files that lie in the home."""
    assert places.home
    return sorted(path.relative_to(places.home).as_posix() for path in places.home.rglob("*") if path.is_file())


def test_a_destroyed_case_leaves_no_file(ledger: Ledger, places: DataPlaces) -> None:
    for _ in range(2):
        destroy_case(ledger, places, INCIDENT, MEI, OMAR, LATER)
        assert left(places) == OTHERS


def test_the_next_start_finishes_what_a_crash_broke_off(ledger: Ledger, places: DataPlaces) -> None:
    ledger.destruction.destroy(INCIDENT, MEI, OMAR, LATER)
    assert len(left(places)) == 5
    assert forget_again(ledger, places) == ()
    assert left(places) == OTHERS


def test_a_restored_home_loses_the_files_again(ledger: Ledger, places: DataPlaces) -> None:
    destroy_case(ledger, places, INCIDENT, MEI, OMAR, LATER)
    assert places.home
    lay_files(places.home)
    assert forget_again(ledger, places) == ()
    assert left(places) == OTHERS


def test_a_restored_ledger_and_home_lose_both_again(ledger: Ledger, places: DataPlaces, tmp_path: Path) -> None:
    backup = Backup(ledger, tmp_path)
    destroy_case(ledger, places, INCIDENT, MEI, OMAR, LATER)
    restored = backup.restored(ledger)
    assert places.home
    lay_files(places.home)
    assert forget_again(restored, places) == ()
    assert left(places) == OTHERS
    assert restored.cases.read(INCIDENT, LATER).destroyed_at == LATER
    restored.dispose()


def test_forgotten_claims_take_their_files_along(ledger: Ledger, places: DataPlaces) -> None:
    assert forget_due(ledger, places, ledger.views.closing(INCIDENT, LATER), LATER) == (DataKind.CLAIMS,)
    assert left(places) == [*OTHERS, f"inbox/files/{INCIDENT}/lost.sealed"]
    assert places.home
    lay_files(places.home)
    forget_again(ledger, places)
    assert left(places) == [*OTHERS, f"inbox/files/{INCIDENT}/lost.sealed"]


def test_files_under_hold_and_later_ones_stay(ledger: Ledger, places: DataPlaces) -> None:
    ledger.holds.give(INCIDENT, 2, "the court asked", OMAR, NOW)
    assert places.home
    new = places.home / "claims" / INCIDENT / "new.sealed"
    new.write_bytes(b"of a claim that is being stored")
    os.utime(new, (LATER.timestamp(), LATER.timestamp()))
    forget_due(ledger, places, ledger.views.closing(INCIDENT, LATER), LATER)
    claims = [name for name in left(places) if name.startswith(f"claims/{INCIDENT}")]
    assert claims == [f"claims/{INCIDENT}/new.sealed", f"claims/{INCIDENT}/of-2.sealed"]


def test_what_cannot_be_removed_is_said(ledger: Ledger, places: DataPlaces) -> None:
    ledger.destruction.destroy(INCIDENT, MEI, OMAR, LATER)
    assert places.home
    (places.home / "claims" / INCIDENT / "a-folder").mkdir()
    (trouble,) = forget_again(ledger, places)
    assert trouble.startswith("files of forgotten data cannot be removed: ")
