"""An alert must reach a person: whoever looks after a promise is a member of the team, or it is said."""

from amends.content.playbook.owners import check_owners
from amends.domain.team.member import Member, TeamRole
from tests.builders import a_promise

MEI = Member(name="mei", role=TeamRole.LEAD)
GONE = Member(name="omar", role=TeamRole.LEGAL, active=False)
STEPS = [{"what": "Choose the firm", "due": "3d", "owner": "wei"}, {"what": "Read the report", "due": "9d"}]


def found(**changes: object) -> list[str]:
    findings = check_owners([a_promise(**changes)], (MEI, GONE), lambda trail: ".".join(map(str, trail)))
    assert all(not finding.blocks and finding.code == "E130" for finding in findings)
    return [finding.where for finding in findings]


def test_a_member_may_own_a_promise() -> None:
    assert found(owner="mei") == []


def test_a_word_or_a_former_member_is_pointed_out() -> None:
    assert found(owner="Legal", deputy="omar") == ["commitments.0.owner", "commitments.0.deputy"]


def test_a_step_is_done_by_a_member() -> None:
    assert found(owner="mei", steps=STEPS) == ["commitments.0.steps.0.owner"]


def test_without_a_team_nothing_is_said() -> None:
    assert check_owners([a_promise(owner="Legal")], (), str) == ()
