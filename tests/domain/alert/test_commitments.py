"""Who hears of a commitment at each stage: owner, deputy, leads, executives."""

from datetime import timedelta

import pytest

from amends.domain.alert.commitments import CommitmentStage, commitment_alerts, stages
from amends.domain.base.money import Money
from amends.domain.incident.commitment import Commitment, CommitmentState, CommitmentStep
from amends.domain.team.member import Member, TeamRole
from tests.builders import NOW, a_case, a_commitment, a_playbook

DAY = timedelta(days=1)
WEEK = 7 * DAY
DUE = NOW + 60 * DAY
PROMISE = {"due_at": DUE, "owner": "omar", "deputy": "wei"}


def member(name: str, role: TeamRole, *, reached: bool = True) -> Member:
    return Member(name=name, role=role, can_be_reached=reached)


LEAD, OMAR = member("mei", TeamRole.LEAD), member("omar", TeamRole.SECURITY)
TEAM = (LEAD, OMAR, member("wei", TeamRole.PRIVACY), member("xenia", TeamRole.EXECUTIVE))


def heard(commitment: Commitment, day: float, team: tuple[Member, ...] = TEAM) -> dict[str, list[str]]:
    """The members who hear on this day, each with the stages."""
    case = a_case(commitments=(commitment,), playbook=a_playbook(remind_before="7d"))
    found = commitment_alerts(case, team, NOW + day * DAY)
    return {name: [alert.id.window.rsplit(" ", 1)[0] for alert in alerts] for name, alerts in found.items()}


@pytest.mark.parametrize(
    ("day", "names"),
    [
        (52, {}),
        (53, {"omar": ["coming"]}),
        (57, {"omar": ["coming"], "wei": ["nearer"]}),
        (61, {"omar": ["late"], "wei": ["late"]}),
        (64, {"omar": ["late"], "wei": ["late"], "xenia": ["long late"]}),
    ],
)
def test_the_alerts_climb_from_owner_to_executive(day: int, names: dict[str, list[str]]) -> None:
    assert heard(a_commitment(**PROMISE), day) == names


def test_without_an_owner_in_reach_the_deputy_hears() -> None:
    away = (LEAD, member("omar", TeamRole.SECURITY, reached=False), *TEAM[2:])
    assert heard(a_commitment(**PROMISE), 54, away) == {"wei": ["coming"]}


def test_without_executives_the_leads_hear_again() -> None:
    assert heard(a_commitment(**PROMISE), 64, (LEAD, OMAR))["mei"] == ["long late"]


def test_a_new_date_starts_anew() -> None:
    moved = a_commitment(**PROMISE, new_due_at=DUE + 30 * DAY)
    assert heard(moved, 61) == {}
    assert heard(moved, 84) == {"omar": ["coming"]}


def test_a_late_step_is_told_to_whoever_does_it() -> None:
    step = CommitmentStep(what="Choose the firm", owner="wei", due_at=NOW + 20 * DAY)
    found = heard(a_commitment(**PROMISE, steps=(step,)), 21)
    assert found == {"wei": ["step 1"], "omar": ["at risk"], "mei": ["at risk"]}


def test_evidence_waits_for_a_lead_who_did_not_give_it() -> None:
    given = a_commitment(**PROMISE, reported_at=NOW, reported_by="omar", evidence={"*": "17"})
    assert heard(given, 1) == {"mei": ["review"]}
    by_lead = given.model_copy(update={"reported_by": "mei"})
    assert set(heard(by_lead, 1)) == {"omar", "wei", "xenia"}


def test_refused_evidence_is_told_to_who_gave_it() -> None:
    refused = a_commitment(**PROMISE, reported_by="wei", refusal="It is a draft.")
    assert heard(refused, 1) == {"omar": ["refused"], "wei": ["refused"]}


def test_more_money_than_planned_is_told_also_at_the_end() -> None:
    spent = {"budget": Money.parse("10 EUR"), "spent": Money.parse("11 EUR")}
    kept = a_commitment(**PROMISE, **spent, state=CommitmentState.KEPT, settled_at=NOW)
    assert set(heard(kept, 1)) == {"omar", "mei"}


@pytest.mark.parametrize("state", [CommitmentState.KEPT, CommitmentState.DROPPED, CommitmentState.BROKEN])
def test_what_has_ended_alerts_nobody(state: CommitmentState) -> None:
    assert list(stages(a_commitment(**PROMISE, state=state, settled_at=NOW), DUE + 99 * DAY, WEEK)) == []


def test_no_alert_holds_words_of_people() -> None:
    """An alert names ids, days and members only: not what was promised, reported or refused, and to whom."""
    refused = a_commitment(**PROMISE, reported_by="wei", refusal="Ada Lovelace saw a draft", evidence={"*": "Ada"})
    case = a_case(commitments=(refused,), playbook=a_playbook())
    said = str(commitment_alerts(case, TEAM, DUE + 9 * DAY))
    assert "Ada" not in said and refused.promise["en"] not in said


def test_the_stages_are_told_apart() -> None:
    late = list(stages(a_commitment(**PROMISE), DUE + 4 * DAY, WEEK))
    assert [one.stage for one in late] == [CommitmentStage.LATE, CommitmentStage.LONG_LATE]
