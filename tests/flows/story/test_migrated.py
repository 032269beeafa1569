"""What had begun survives another playbook: it is drafted anew, approved anew, and told to everybody once."""

from collections import Counter
from itertools import islice
from pathlib import Path

from amends.domain.case.states import OccurrenceState
from amends.domain.notice.notice import NoticeStage, PersonState
from amends.domain.plan.migration import migration
from amends.domain.playbook.playbook import Playbook
from amends.ledger import Ledger
from flows.assess import assess
from flows.notify import notify
from flows.run.context import using
from tests.story import APPROVERS, INCIDENT, LEAD, START, a_context, a_ledger, approve_all, everybody, opened, outbox

NOTICE = "first-notice"


def replace(ledger: Ledger, new: Playbook) -> None:
    """Two people put another playbook in force, with the same words."""
    old = ledger.playbooks.pinned(INCIDENT)
    planned = migration(ledger.cases.read(INCIDENT, START), new, START)
    by = (LEAD, APPROVERS[0])
    ledger.playbooks.migrate(INCIDENT, planned.playbook, old.wording, old.content, *by, START, planned.hold)


def changed(old: Playbook, **keys: object) -> Playbook:
    """The playbook with these keys of its first notice changed, and whatever waited for that step still does."""
    said = old.model_dump(by_alias=True)
    for step in said["steps"]:
        if step["id"] == NOTICE:
            step |= keys
        if step["of"] == NOTICE:
            step["of"] = keys.get("id", NOTICE)
    return Playbook.model_validate(said)


async def test_an_approved_notice_is_drafted_and_approved_anew(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    opened(ledger, list(islice(everybody(), 5)))
    with using(a_context(ledger, tmp_path)[0]):
        await assess.fn(INCIDENT, "assess", 1)
        await notify.fn(INCIDENT, NOTICE, 1)
        approve_all(ledger, START)
        replace(ledger, changed(ledger.playbooks.pinned(INCIDENT).playbook, reads_on="Other words for the lead."))
        await notify.fn(INCIDENT, NOTICE, 1)
        before = ledger.cases.read(INCIDENT, START).notice(NOTICE)
        left = outbox(tmp_path)
        approve_all(ledger, START)
        await notify.fn(INCIDENT, NOTICE, 1)
    after = ledger.cases.read(INCIDENT, START).notice(NOTICE)
    ledger.dispose()
    assert before is not None
    assert after is not None
    assert (before.stage, before.approvals, left) == (NoticeStage.DRAFTED, (), [])
    assert after.stage is NoticeStage.SENT


async def test_a_step_under_another_name_tells_nobody_twice(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    opened(ledger, list(islice(everybody(), 5)))
    with using(a_context(ledger, tmp_path)[0]):
        await assess.fn(INCIDENT, "assess", 1)
        await notify.fn(INCIDENT, NOTICE, 1)
        replace(ledger, changed(ledger.playbooks.pinned(INCIDENT).playbook, id="first"))
        held = next(turn for turn in ledger.cases.read(INCIDENT).occurrences if turn.step == NOTICE)
        ledger.occurrences.mark(INCIDENT, NOTICE, 1, START, OccurrenceState.WAITING, START, "decided by mei")
        for _ in range(2):
            for step in (NOTICE, "first"):
                await notify.fn(INCIDENT, step, 1)
            approve_all(ledger, START)
            for step in (NOTICE, "first"):
                await notify.fn(INCIDENT, step, 1)
    case = ledger.cases.read(INCIDENT, START)
    stood = ledger.statistics.people(INCIDENT, NOTICE)
    got = Counter((line.person, line.channel) for line in ledger.statistics.lines(INCIDENT, NOTICE) if line.person)
    ledger.dispose()
    assert held.state is OccurrenceState.HELD
    assert {turn.state for turn in case.occurrences if turn.step in (NOTICE, "first")} == {OccurrenceState.DONE}
    assert PersonState.WAITING not in stood
    assert set(got.values()) == {1}
