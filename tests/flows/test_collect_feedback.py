"""A step invites a random sample to a survey, and only those whom the invitation reached can answer."""

from datetime import timedelta
from itertools import islice
from pathlib import Path

from amends.content.playbook.playbook import load_playbook
from amends.domain.plan.plan import plan
from amends.domain.playbook.survey import Sample
from amends.ledger import Ledger
from flows.collect_feedback import collect_feedback
from flows.rehearsal.fast_forward import PassedClock
from flows.run.context import using
from flows.update import update
from tests.story import INCIDENT, LEAD, START, a_context, a_ledger, approve_all, everybody, opened

INVITATION = "survey-invitation"


async def test_a_survey_of_two_invites_two(ledger: Ledger, clock: PassedClock) -> None:
    playbook, wording = load_playbook("customer-data-theft")
    survey = playbook.surveys[0].model_copy(update={"to": Sample(people=2)})
    ledger.playbooks.pin(INCIDENT, playbook.model_copy(update={"surveys": (survey,)}), wording, LEAD.name, START)
    ledger.incidents.note_event(INCIDENT, "notified", START)
    clock.now = START + timedelta(days=5)
    await collect_feedback.fn(INCIDENT, "survey", 1)
    assert approve_all(ledger, clock.now) == [INVITATION]
    await collect_feedback.fn(INCIDENT, "survey", 1)
    notice = ledger.cases.read(INCIDENT, clock.now).notice(INVITATION)
    assert notice
    assert (notice.audience, notice.meant_for, sum(notice.people.values())) == (f"sample:{INVITATION}", 2, 2)
    got = [person for person in range(1, 6) if INVITATION in ledger.visits.versions_got(INCIDENT, person)]
    assert len(got) == notice.people.get("sent", 0) > 0  # type: ignore[call-overload]
    (results,) = ledger.views.closing(INCIDENT).surveys
    assert (results.survey, results.invited, results.answered) == ("how-we-did", len(got), 0)
    for person in got:
        assert ledger.surveys.answer(INCIDENT, INVITATION, person, survey, {"understood": "4"}, clock.now)


async def test_the_next_update_says_what_people_told_us(tmp_path: Path) -> None:
    """Twelve of several countries answer; a day later their answers are opened, and the next update speaks of them."""
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), 30))
    context, clock = a_context(ledger, tmp_path)
    survey = load_playbook("customer-data-theft")[0].surveys[0]
    ledger.incidents.note_event(INCIDENT, "notified", START)
    with using(context):
        clock.now = START + timedelta(days=5)
        for _ in range(2):
            await collect_feedback.fn(INCIDENT, "survey", 1)
            approve_all(ledger, clock.now)
        got = [person for person in range(1, 31) if INVITATION in ledger.visits.versions_got(INCIDENT, person)]
        for person in got[:12]:
            given = {"understood": "5", "trust_now": "2", "told_in_time": "3"}
            assert ledger.surveys.answer(INCIDENT, INVITATION, person, survey, given, clock.now)
        clock.now += timedelta(days=1)
        due = plan(ledger.cases.read(INCIDENT, clock.now), clock.now).due
        await collect_feedback.fn(INCIDENT, "feedback", next(one.number for one in due if one.step == "feedback"))
        await update.fn(INCIDENT, "update", 1)
    text = next(
        variant.text for variant in ledger.notices.latest_draft(INCIDENT, "update-1").variants if variant.locale == "en"
    )
    assert "You told us that you agree most with “I understood what happened.”" in text
    assert "You agree least with “I trust you to look after my data now.”" in text
    ledger.dispose()
