"""Whether the team can give the approvals that a playbook asks for is known before anything is drafted."""

from typing import Any

from amends.domain.playbook.checks import nobody_could_approve
from amends.domain.playbook.playbook import Playbook
from amends.domain.team.member import TeamRole
from tests.builders import a_member, a_playbook

OMAR = a_member()
WEI = a_member(name="wei", role=TeamRole.SECURITY)
LENA = a_member(name="lena", role=TeamRole.LEAD)
ROSA = a_member(name="rosa", role=TeamRole.RESPONDER)


def asking(approvals: object, **keys: Any) -> Playbook:
    tell = {"id": "tell", "phase": "notify", "of": "opened", "notice": "n", "channels": ["email"]}
    return a_playbook(steps=[tell | {"approvals": approvals}], **keys)


def whys(playbook: Playbook, *team: Any, authors: tuple[str, ...] = ()) -> list[str]:
    return [one.why for one in nobody_could_approve(playbook, team, authors)]


def test_a_team_that_is_large_enough_has_nothing_against_it() -> None:
    assert whys(asking(2), OMAR, WEI) == []


def test_whoever_may_not_approve_does_not_count() -> None:
    gone = a_member(name="gone", active=False)
    assert whys(asking(2), OMAR, ROSA, gone) == ["it needs 2 people who approve, but only 1 in the team may"]


def test_the_author_does_not_count() -> None:
    (found,) = whys(asking(3), OMAR, WEI, LENA, authors=("lena",))
    besides = "besides lena, who handed in the incident file or the list of people"
    assert found == f"it needs 3 people who approve, but only 2 in the team may {besides}"


def test_no_author_counts_and_each_is_named() -> None:
    (found,) = whys(asking(2), OMAR, WEI, LENA, authors=("lena", "wei"))
    assert "only 1 in the team may besides wei and lena, who handed in" in found


def test_an_author_who_could_not_approve_anyhow_is_not_blamed() -> None:
    assert whys(asking(2), OMAR, ROSA, authors=("rosa",)) == [
        "it needs 2 people who approve, but only 1 in the team may"
    ]


def test_one_who_is_missing_is_a_person() -> None:
    assert whys(asking(1), ROSA) == ["it needs 1 person who approves, but nobody in the team may"]


def test_a_role_that_nobody_has_is_named() -> None:
    found = whys(asking({"needed": 2, "roles": ["legal", "privacy"]}), OMAR, WEI)
    assert found == ["privacy must be among those who approve, but nobody in the team is"]


def test_a_step_that_sends_nothing_asks_nobody() -> None:
    quiet = a_playbook(steps=[{"id": "assess", "phase": "assess", "of": "opened", "approvals": 9}])
    assert whys(quiet) == []


def test_what_a_grave_case_asks_for_is_looked_at_too() -> None:
    book = asking(1, by_severity={"high": {"tell": {"approvals": 3}}})
    (found,) = nobody_could_approve(book, (OMAR, WEI))
    assert (found.step, found.severity) == ("tell", "high")


def test_channels_given_only_in_a_grave_case_make_its_step_send() -> None:
    """A step that has channels only in a grave case is a step that sends in this case, so its approvals must be
    possible.
    """

    def graver(**changes: object) -> Playbook:
        quiet = [{"id": "assess", "phase": "assess", "of": "opened"}]
        return a_playbook(steps=quiet, by_severity={"high": {"assess": {"approvals": 3, **changes}}})

    assert whys(graver(), OMAR) == []
    assert whys(graver(channels=["email"]), OMAR) == ["it needs 3 people who approve, but only 1 in the team may"]
