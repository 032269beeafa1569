"""The calendar of a playbook for one incident: what goes to whom, and when, on the clock of the organisation."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from amends.cli.playbook.calendar import PlannedEntry, PlaybookCalendar, calendar, in_words
from amends.domain.case.case import Case
from amends.domain.people.person import AudienceCounts
from amends.domain.playbook.playbook import Playbook
from tests.builders import NOW, a_case, a_playbook, an_assessment, an_audience, an_incident

ASSESS = {"id": "assess", "phase": "assess", "of": "opened"}
TELL = {"id": "tell", "phase": "notify", "of": "assessed", "notice": "news", "channels": ["email"]}


def playing(*steps: dict[str, Any], audience: AudienceCounts | None = None, **keys: Any) -> Case:
    organisation = an_incident().organisation.model_copy(update={"timezone": "Asia/Shanghai"})
    book = a_playbook().model_dump(by_alias=True) | {"steps": [ASSESS, *steps]} | keys
    return a_case(
        incident=an_incident().model_copy(update={"organisation": organisation}),
        audience=audience or an_audience(),
        assessment=an_assessment(),
        events={"opened": NOW, "assessed": NOW},
        playbook=Playbook.model_validate(book),
    )


def shown(case: Case, days: int = 10) -> PlaybookCalendar:
    return calendar(case, NOW, days)


def entry(case: Case, step: str = "tell") -> PlannedEntry:
    return next(occurrence for occurrence in shown(case).occurrences if occurrence.step == step)


def test_a_turn_says_what_goes_to_whom() -> None:
    found = entry(playing(TELL))
    assert (found.people, found.approvals) == (3, 2)
    assert found.what == "notice news to everyone (3 people) by email; needs 2 approvals"


def test_a_segment_has_its_own_number() -> None:
    case = playing(TELL | {"audience": "business"}, audience=an_audience(by_segment={"business": 2, "household": 1}))
    assert entry(case).people == 2


def test_without_an_audience_the_facts_say_how_many_it_may_be() -> None:
    assert entry(playing(TELL, audience=AudienceCounts())).people == 3


def test_nobody_knows_a_segment_without_an_audience() -> None:
    found = entry(playing(TELL | {"audience": "business"}, audience=AudienceCounts()))
    assert found.people is None
    assert found.what.startswith("notice news to business by email")


@pytest.mark.parametrize(("size", "hours"), [(1, 4), (2, 2), (3, None)])
def test_the_last_of_the_waves_is_reckoned(size: int, hours: int | None) -> None:
    found = entry(playing(TELL | {"waves": {"size": size, "pause": "2h"}}))
    assert found.last_wave_at == (found.due_at + timedelta(hours=hours) if hours else None)


def test_a_task_says_until_when() -> None:
    file = {
        "id": "file",
        "phase": "follow_up",
        "of": "assessed",
        "task": "Hand it in",
        "owner": "Legal",
        "within": "3d",
    }
    assert "by 2026-11-27 09:00 UTC" in entry(playing(file), "file").what


def test_a_deadline_has_no_step_and_is_told_all_the_same() -> None:
    from tests.builders import a_duty

    case = playing(TELL).model_copy(update={"assessment": an_assessment(duties=(a_duty(),))})
    assert entry(case, "deadlines").what == "reminders of legal deadlines, to the lead"


def test_steps_after_an_event_without_a_date_stand_apart() -> None:
    """Steps that wait for an event without a date, and all steps that follow such steps, are listed apart, each with
    the event or step it waits for.
    """
    close = TELL | {"id": "close", "of": "resolved", "notice": "closing"}
    busy = {"id": "busy", "phase": "collect_feedback", "of": "many"}
    after = {"id": "thank", "phase": "collect_feedback", "of": "close"}
    found = shown(playing(TELL, close, busy, after, thresholds={"many": {"questions_at_least": 9}}))
    assert [(one.step, one.when) for one in found.later] == [
        ("close", "right after resolved"),
        ("busy", "right after many"),
        ("thank", "right after close"),
    ]


def test_a_step_whose_condition_does_not_hold_is_named_with_it() -> None:
    found = shown(playing(TELL, TELL | {"id": "many", "notice": "more", "when": {"people_at_least": 1000}}))
    assert [(one.step, one.only_if) for one in found.not_taken] == [("many", "1,000 people or more are affected")]


def test_times_are_shown_on_the_organisations_clock_and_in_utc() -> None:
    lines = "\n".join(in_words(shown(playing(TELL)), NOW))
    assert "when (Asia/Shanghai)" in lines
    assert "Tue 24 Nov 17:00" in lines
    assert "2026-11-24 09:00 UTC" in lines


def test_quiet_hours_are_mentioned_because_messages_may_leave_later() -> None:
    lines = "\n".join(in_words(shown(playing(TELL, quiet_hours={"from": "21:00", "until": "08:00"})), NOW))
    assert "Quiet hours: no sms goes out from 21:00 until 08:00" in lines


def test_a_holiday_moves_what_counts_business_days() -> None:
    step = TELL | {"after": "1 business day"}
    plain = entry(playing(step)).due_at
    moved = entry(playing(step, days_off=[plain.astimezone(ZoneInfo("Asia/Shanghai")).date().isoformat()])).due_at
    assert moved - plain == timedelta(days=1)


def test_a_case_without_a_playbook_has_no_calendar() -> None:
    with pytest.raises(LookupError):
        calendar(a_case(playbook=None), datetime.now(tz=ZoneInfo("UTC")), 3)
