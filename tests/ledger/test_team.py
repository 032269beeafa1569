"""Who works here is known by a token that only they have."""

import pytest

from amends.domain.errors import AlreadyInLedger, NotAllowed
from amends.domain.team import Member, TeamRole
from amends.ledger import Ledger
from tests.builders import NOW


def test_a_member_is_known_by_their_token(ledger_on_sqlite: Ledger) -> None:
    token = ledger_on_sqlite.add_member("omar", TeamRole.LEGAL, "lena", NOW)
    assert ledger_on_sqlite.authenticate("omar", token) == Member(name="omar", role=TeamRole.LEGAL)


def test_a_wrong_token_and_a_wrong_name_are_refused_in_the_same_words(ledger_on_sqlite: Ledger) -> None:
    token = ledger_on_sqlite.add_member("omar", TeamRole.LEGAL, "lena", NOW)
    refusals = []
    for name, proof in (("omar", "wrong"), ("omar", ""), ("nobody", token), ("nobody", "")):
        with pytest.raises(NotAllowed) as refusal:
            ledger_on_sqlite.authenticate(name, proof)
        refusals.append(str(refusal.value).replace(name, "NAME"))
    assert len(set(refusals)) == 1


def test_somebody_elses_token_proves_nothing(ledger_on_sqlite: Ledger) -> None:
    token = ledger_on_sqlite.add_member("omar", TeamRole.LEGAL, "lena", NOW)
    ledger_on_sqlite.add_member("wei", TeamRole.SECURITY, "lena", NOW)
    with pytest.raises(NotAllowed):
        ledger_on_sqlite.authenticate("wei", token)


def test_the_token_is_not_stored(ledger_on_sqlite: Ledger) -> None:
    token = ledger_on_sqlite.add_member("omar", TeamRole.LEGAL, "lena", NOW)
    with ledger_on_sqlite.engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT * FROM member").one()
    assert token not in str(stored)
    assert token.encode() not in stored.token_hash


def test_a_member_who_was_removed_is_refused_but_not_forgotten(ledger_on_sqlite: Ledger) -> None:
    token = ledger_on_sqlite.add_member("omar", TeamRole.LEGAL, "lena", NOW)
    ledger_on_sqlite.remove_member("omar", "lena", NOW)
    with pytest.raises(NotAllowed):
        ledger_on_sqlite.authenticate("omar", token)
    assert ledger_on_sqlite.members() == (Member(name="omar", role=TeamRole.LEGAL, active=False),)


def test_a_name_is_given_once_even_after_its_bearer_left(ledger_on_sqlite: Ledger) -> None:
    ledger_on_sqlite.add_member("omar", TeamRole.LEGAL, "lena", NOW)
    ledger_on_sqlite.remove_member("omar", "lena", NOW)
    with pytest.raises(AlreadyInLedger, match="omar"):
        ledger_on_sqlite.add_member("omar", TeamRole.LEAD, "lena", NOW)


def test_only_who_is_in_the_team_can_be_removed(ledger_on_sqlite: Ledger) -> None:
    with pytest.raises(NotAllowed, match="not in the team"):
        ledger_on_sqlite.remove_member("omar", "lena", NOW)
