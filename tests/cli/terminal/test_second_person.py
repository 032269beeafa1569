"""What two people must want needs two people, each with a token of their own."""

from collections.abc import Iterator

import pytest

from amends.cli.terminal.desk import VERB, Desk
from amends.cli.terminal.second_person import second_member
from amends.domain.base.errors import NotAllowed
from amends.domain.team.member import Member, TeamRole
from tests.cli.conftest import Office

LENA = Member(name="lena", role=TeamRole.LEAD)


@pytest.fixture
def desk(office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.delenv("AMENDS_TOKEN_2", raising=False)
    found = Desk(office.home, called={VERB: "incident destroy"})
    yield found
    found.close()


def prove(monkeypatch: pytest.MonkeyPatch, office: Office, name: str) -> None:
    monkeypatch.setenv("AMENDS_TOKEN_2", office.tokens[name])


def test_the_second_person_proves_it_with_a_token_of_their_own(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(monkeypatch, office, "omar")
    assert second_member(desk, LENA, "omar").name == "omar"


def test_nobody_is_their_own_second_person(office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(monkeypatch, office, "lena")
    with pytest.raises(NotAllowed, match="two different people"):
        second_member(desk, LENA, "lena")


def test_the_token_of_the_first_does_not_prove_the_second(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(monkeypatch, office, "lena")
    with pytest.raises(NotAllowed, match="does not belong to omar"):
        second_member(desk, LENA, "omar")


@pytest.mark.parametrize("name", ["rosa", "aude"])
def test_who_may_not_call_the_verb_is_no_second_person(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    prove(monkeypatch, office, name)
    with pytest.raises(NotAllowed, match=r"is for lead|auditor"):
        second_member(desk, LENA, name)


def test_without_a_token_and_a_terminal_nobody_is_believed(desk: Desk) -> None:
    with pytest.raises(NotAllowed, match="AMENDS_TOKEN_2"):
        second_member(desk, LENA, "omar")
