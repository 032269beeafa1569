"""Who works here is known by a token that only they have."""

import pytest

from amends.domain.base.errors import AlreadyInLedger, NotAllowed
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from tests.builders import NOW


def test_a_member_is_known_by_their_token(ledger_on_sqlite: Ledger) -> None:
    token = ledger_on_sqlite.team.add("omar", TeamRole.LEGAL, "lena", NOW)
    assert ledger_on_sqlite.team.authenticate("omar", token) == Member(name="omar", role=TeamRole.LEGAL)


def test_a_wrong_token_and_a_wrong_name_are_refused_in_the_same_words(ledger_on_sqlite: Ledger) -> None:
    token = ledger_on_sqlite.team.add("omar", TeamRole.LEGAL, "lena", NOW)
    refusals = []
    for name, proof in (("omar", "wrong"), ("omar", ""), ("nobody", token), ("nobody", "")):
        with pytest.raises(NotAllowed) as refusal:
            ledger_on_sqlite.team.authenticate(name, proof)
        refusals.append(str(refusal.value).replace(name, "NAME"))
    assert len(set(refusals)) == 1


def test_somebody_elses_token_proves_nothing(ledger_on_sqlite: Ledger) -> None:
    token = ledger_on_sqlite.team.add("omar", TeamRole.LEGAL, "lena", NOW)
    ledger_on_sqlite.team.add("wei", TeamRole.SECURITY, "lena", NOW)
    with pytest.raises(NotAllowed):
        ledger_on_sqlite.team.authenticate("wei", token)


def test_the_token_is_not_stored(ledger_on_sqlite: Ledger) -> None:
    token = ledger_on_sqlite.team.add("omar", TeamRole.LEGAL, "lena", NOW)
    with ledger_on_sqlite.store.engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT * FROM member").one()
    assert token not in str(stored)
    assert token.encode() not in stored.token_hash


def test_a_member_who_was_removed_is_refused_but_not_forgotten(ledger_on_sqlite: Ledger) -> None:
    token = ledger_on_sqlite.team.add("omar", TeamRole.LEGAL, "lena", NOW)
    ledger_on_sqlite.team.remove("omar", "lena", NOW)
    with pytest.raises(NotAllowed):
        ledger_on_sqlite.team.authenticate("omar", token)
    assert ledger_on_sqlite.team.members() == (Member(name="omar", role=TeamRole.LEGAL, active=False),)


def test_a_name_is_given_once_even_after_its_bearer_left(ledger_on_sqlite: Ledger) -> None:
    ledger_on_sqlite.team.add("omar", TeamRole.LEGAL, "lena", NOW)
    ledger_on_sqlite.team.remove("omar", "lena", NOW)
    with pytest.raises(AlreadyInLedger, match="omar"):
        ledger_on_sqlite.team.add("omar", TeamRole.LEAD, "lena", NOW)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "empty"),
        ("  ", "empty"),
        (" omar", "begins or ends with a blank"),
        ("omar\n", "begins or ends with a blank"),
        ("om\nar", "line break"),
        ("om\u2028ar", "line break"),
        ("om\x1bar", "nobody sees"),
        ("om\u202ear", "nobody sees"),
        ("om\udcffar", "nobody sees"),
        ("o" * 101, "100 are the most"),
        ("amends", "the program itself"),
        ("Amends", "the program itself"),
        ("prefect", "the program itself"),
    ],
)
def test_what_is_no_name_is_not_taken_into_the_team(ledger_on_sqlite: Ledger, name: str, says: str) -> None:
    with pytest.raises(NotAllowed, match=says):
        ledger_on_sqlite.team.add(name, TeamRole.LEGAL, "lena", NOW)
    assert ledger_on_sqlite.team.members() == ()


@pytest.mark.parametrize("name", ["o" * 100, "Omar Ó Súilleabháin", "李雷", "علی\u200cرضا", "omar@example.org"])
def test_a_name_is_written_as_its_bearer_writes_it(ledger_on_sqlite: Ledger, name: str) -> None:
    ledger_on_sqlite.team.add(name, TeamRole.LEGAL, "lena", NOW)
    assert [member.name for member in ledger_on_sqlite.team.members()] == [name]


@pytest.mark.parametrize("name", ["Ｏmar", "ｏｍａｒ", "оmar", "omаr", "ﬁona", "Omar Süß Ν", "wеi"])
def test_a_name_in_letters_that_pass_for_others_is_refused(ledger_on_sqlite: Ledger, name: str) -> None:
    """Full-width letters, ligatures, and scripts that look alike within one name are refused."""
    with pytest.raises(NotAllowed, match=r"full-width|several scripts"):
        ledger_on_sqlite.team.add(name, TeamRole.LEGAL, "lena", NOW)


@pytest.mark.parametrize("name", ["сора", "СОРА", "соρа", "sора"])
def test_a_name_that_looks_like_a_members_is_not_taken(ledger_on_sqlite: Ledger, name: str) -> None:
    """A name in Cyrillic letters alone that reads as the Latin name of a member is refused, in capitals too."""
    ledger_on_sqlite.team.add("copa", TeamRole.LEGAL, "lena", NOW)
    ledger_on_sqlite.team.add("sopa", TeamRole.LEGAL, "lena", NOW)
    with pytest.raises((AlreadyInLedger, NotAllowed)):
        ledger_on_sqlite.team.add(name, TeamRole.LEGAL, "lena", NOW)


@pytest.mark.parametrize("name", ["Олена", "Ελένη", "李雷 Lei", "José", "علی\u200cرضا", "Müller-Lüdenscheidt"])
def test_a_name_in_the_script_of_its_bearer_is_taken(ledger_on_sqlite: Ledger, name: str) -> None:
    ledger_on_sqlite.team.add(name, TeamRole.LEGAL, "lena", NOW)
    assert [member.name for member in ledger_on_sqlite.team.members()] == [name]


def test_a_name_that_differs_only_in_capitals_is_in_use(ledger_on_sqlite: Ledger) -> None:
    ledger_on_sqlite.team.add("Omar", TeamRole.LEGAL, "lena", NOW)
    with pytest.raises(AlreadyInLedger, match="Omar is in the team already, and oMAR differs only in capitals"):
        ledger_on_sqlite.team.add("oMAR", TeamRole.LEAD, "lena", NOW)


def test_only_who_is_in_the_team_can_be_removed(ledger_on_sqlite: Ledger) -> None:
    with pytest.raises(NotAllowed, match="not in the team"):
        ledger_on_sqlite.team.remove("omar", "lena", NOW)
