"""A playbook that is started in Prefect."""

from pathlib import Path

from amends.content.incident.incident import read_incident
from amends.domain.team.member import FROM_PREFECT
from flows.respond import respond
from flows.run.context import using
from tests.builders import story_of_few
from tests.story import APPROVERS, INCIDENT, LEAD, START, a_context, a_ledger


async def test_the_audit_names_nobody_for_a_start_without_a_token(tmp_path: Path) -> None:
    """When a playbook is started in Prefect, where nobody shows a token, the audit chain names Prefect's start and no
    member as the actor.
    """
    ledger = a_ledger(tmp_path)
    ledger.incidents.open(read_incident(story_of_few()), [], LEAD.name, START)
    for member in (LEAD, *APPROVERS):
        ledger.team.add(member.name, member.role, LEAD.name, START)
    context, _ = a_context(ledger, tmp_path)
    with using(context):
        assert (await respond.fn(INCIDENT)).is_completed()
    (pinned,) = (entry for entry in ledger.audit.entries(INCIDENT) if entry.act == "playbook pinned")
    assert pinned.actor == FROM_PREFECT
    ledger.dispose()
