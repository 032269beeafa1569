"""A playbook's step announces a question hour; the sweep reminds those who asked for it, once."""

from datetime import timedelta
from pathlib import Path

from amends.content.playbook.playbook import load_playbook
from amends.domain.channel.channel import ChannelKind
from amends.domain.plan.plan import plan
from amends.domain.playbook.playbook import Playbook, Step
from amends.ledger import Ledger
from flows.collect_feedback import collect_feedback
from flows.rehearsal.fast_forward import PassedClock
from flows.sweep import sweep
from tests.story import INCIDENT, LEAD, approve_all

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
INVITE = {
    "id": "invite",
    "phase": "collect_feedback",
    "after": "7d",
    "of": "opened",
    "session": "ask-us",
    "notice": "question-hour",
    "channels": ["email"],
    "approvals": 1,
    "optional": True,
}
ASK_US = {
    "id": "ask-us",
    "title": {"en": "Ask our engineers", "zh-CN": "向工程师提问"},
    "where": {"*": "+86 571 5550 0142"},
    "after": "10d",
    "of": "opened",
    "at": "17:00",
}


def with_a_question_hour(ledger: Ledger, clock: PassedClock) -> None:
    shipped, wording = load_playbook("customer-data-theft")
    said = shipped.model_dump(by_alias=True)
    steps = [step for step in said["steps"] if step["id"] in ("assess", "first-notice")]
    planned = Playbook.model_validate(said | {"steps": [*steps, INVITE], "sessions": [ASK_US]})
    ledger.playbooks.pin(INCIDENT, planned, wording, LEAD.name, clock.now)


def outbox(folder: Path) -> list[str]:
    found = sorted((folder / "outbox" / ChannelKind.EMAIL).rglob("*.json"))
    return [path.read_text(encoding="utf-8") for path in found]


async def test_a_step_announces_the_hour_and_the_sweep_reminds(
    ledger: Ledger, clock: PassedClock, tmp_path: Path
) -> None:
    with_a_question_hour(ledger, clock)
    coming = plan(ledger.cases.read(INCIDENT, clock.now), clock.now)
    assert "invite" in {one.step for one in (*coming.due, *coming.upcoming)}
    clock.now += 7 * DAY
    assert (await collect_feedback.fn(INCIDENT, "invite", 1)).is_completed()
    assert ledger.hours.all(INCIDENT) == ()  # nothing is public before the notice is approved
    assert approve_all(ledger, clock.now) == ["question-hour-ask-us"]
    assert (await collect_feedback.fn(INCIDENT, "invite", 1)).is_completed()
    (hour,) = ledger.hours.all(INCIDENT)
    told = outbox(tmp_path)
    assert told
    assert all("/s/stolen-terminals/ask-us?lang=" in one for one in told)
    ledger.hours.sign_up(INCIDENT, "ask-us", 2, clock.now)
    before = len(told)
    clock.now = hour.begins_at - 23 * HOUR
    for _ in range(2):
        assert (await sweep.fn(INCIDENT)).is_completed()
    assert len(outbox(tmp_path)) == before + 1


def test_a_step_can_only_announce_a_session_that_is_planned() -> None:
    assert Step.model_validate(INVITE).session == "ask-us"
