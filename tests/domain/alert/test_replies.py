"""An overdue reply is told to its owner, a day later to the leads, then to the executives; danger at once."""

from datetime import timedelta

import pytest

from amends.domain.alert.replies import MOST_SINGLY, OpenReply, reply_alerts
from amends.domain.feedback.question import Urgency
from amends.domain.team.member import Member, TeamRole
from tests.builders import NOW
from tests.delivery.sending import INCIDENT

MEI = Member(name="mei", role=TeamRole.LEAD, can_be_reached=True)
ROSA = Member(name="rosa", role=TeamRole.RESPONDER, can_be_reached=True)
XENIA = Member(name="xenia", role=TeamRole.EXECUTIVE, can_be_reached=True)
TEAM = (MEI, ROSA, XENIA)
HOUR = timedelta(hours=1)


def waiting(number: int = 1, owner: str = "rosa", urgency: Urgency | None = None) -> OpenReply:
    return OpenReply(number, owner, urgency, NOW - 48 * HOUR, NOW)


def told(one: OpenReply, after: timedelta, team: tuple[Member, ...] = TEAM) -> dict[str, list[str]]:
    found = reply_alerts(INCIDENT, [one], team, NOW + after)
    return {name: [f"{alert.id.about} {alert.id.window}" for alert in alerts] for name, alerts in found.items()}


@pytest.mark.parametrize(
    ("hours", "hear"), [(0, set()), (1, {"rosa"}), (25, {"rosa", "mei"}), (73, {"rosa", "mei", "xenia"})]
)
def test_more_people_hear_the_longer_it_takes(hours: int, hear: set[str]) -> None:
    assert told(waiting(), hours * HOUR).keys() == hear


def test_each_stage_has_a_key_of_its_own() -> None:
    assert told(waiting(), 73 * HOUR) == {
        "rosa": ["reply 1 overdue"],
        "mei": ["reply 1 day late"],
        "xenia": ["reply 1 three days late"],
    }


@pytest.mark.parametrize("team", [(MEI, XENIA), (MEI, ROSA.model_copy(update={"can_be_reached": False}))])
def test_the_leads_hear_where_the_owner_cannot_be_reached(team: tuple[Member, ...]) -> None:
    assert told(waiting(), HOUR, team).keys() == {"mei"}


def test_owner_and_leads_hear_of_danger_before_the_reply_is_due() -> None:
    found = told(waiting(urgency=Urgency.SAFETY), -24 * HOUR)
    assert found == {"rosa": ["reply 1 danger"], "mei": ["reply 1 danger"]}


def test_somebody_who_left_the_team_hears_nothing() -> None:
    gone = tuple(member.model_copy(update={"active": False}) for member in TEAM)
    assert told(waiting(), 73 * HOUR, gone) == {}


def test_of_very_many_only_the_number_is_told() -> None:
    many = [waiting(number) for number in range(1, MOST_SINGLY + 2)]
    (alert,) = reply_alerts(INCIDENT, many, TEAM, NOW + HOUR)["rosa"]
    assert alert.what == f"21 replies of rosa: overdue: amends questions list {INCIDENT} --overdue"
