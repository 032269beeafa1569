"""Reads that belong together see the same ledger."""

from threading import Thread

import pytest

from amends.domain.base.errors import NotInLedger
from amends.domain.team.member import TeamRole
from amends.ledger import Ledger
from tests.builders import NOW


def _names(ledger: Ledger) -> list[str]:
    return [member.name for member in ledger.team.members()]


def test_reads_of_one_view_agree_whatever_is_written(ledger: Ledger) -> None:
    ledger.team.add("ada", TeamRole.LEAD, "ada", NOW)
    with ledger.store.one_view():
        before = _names(ledger)
        ledger.team.add("ben", TeamRole.LEGAL, "ada", NOW)
        assert _names(ledger) == before == ["ada"]
    assert _names(ledger) == ["ada", "ben"]


def test_another_thread_has_a_view_of_its_own(ledger: Ledger) -> None:
    seen: list[str] = []
    with ledger.store.one_view():
        _names(ledger)
        ledger.team.add("ada", TeamRole.LEAD, "ada", NOW)
        other = Thread(target=lambda: seen.extend(_names(ledger)))
        other.start()
        other.join()
    assert seen == ["ada"]


def test_a_view_within_a_view_ends_with_the_outer_one(ledger: Ledger) -> None:
    with ledger.store.one_view():
        with ledger.store.one_view():
            assert _names(ledger) == []
        ledger.team.add("ada", TeamRole.LEAD, "ada", NOW)
        assert _names(ledger) == []


def test_a_failed_view_leaves_nothing_behind(ledger: Ledger) -> None:
    with pytest.raises(NotInLedger), ledger.store.one_view():
        ledger.cases.read("no-such-incident", NOW)
    ledger.team.add("ada", TeamRole.LEAD, "ada", NOW)
    assert _names(ledger) == ["ada"]
