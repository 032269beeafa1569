"""The calendar file holds every deadline once, says what is doubtful, and updates what a calendar already has."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from icalendar import Calendar, Event

from amends.cli.incident.calendar import CalendarEntry, entries, in_ical
from amends.domain.case.case import Case
from amends.domain.incident.commitment import CommitmentState
from amends.domain.law.duty import Addressee, DutyStanding
from amends.domain.law.filing import Filing
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from tests.builders import AWARE, NOW, a_case, a_commitment, a_duty, an_assessment, an_incident
from tests.cli.conftest import INCIDENT, STORY, Office

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DUE = AWARE + 72 * HOUR
AUTHORITY = "eu-gdpr-33.supervisory_authority@DE"


def with_duty(at: datetime = NOW, **changes: object) -> CalendarEntry:
    """The entry of this one duty."""
    return only(a_case(assessment=an_assessment(duties=(a_duty(**changes),))), at)


def only(case: Case, at: datetime = NOW) -> CalendarEntry:
    (entry,) = entries(case, at)
    return entry


def filed(at: datetime) -> Case:
    filing = Filing(number=1, duty=AUTHORITY, filed_at=at, by="omar", receipt="A-17", recorded_at=at)
    return a_case(assessment=an_assessment(duties=(a_duty(),)), filings=(filing,))


def a_sent_notice(number: int, named: datetime | None, **changes: object) -> NoticeStatus:
    drafted = NOW + number * DAY
    given = {"id": f"news-{number}", "version": 1, "template": "update", "step": "update", "occurrence": number}
    stands = {"stage": NoticeStage.SENT, "binding": "b", "approvals_needed": 2, "drafted_at": drafted}
    return NoticeStatus(**(given | stands | {"sent_at": drafted, "next_news_at": named} | changes))


def parsed(*found: CalendarEntry) -> list[Event]:
    return Calendar.from_ical(in_ical(found, "a title", NOW)).walk("VEVENT")


# Duties


def test_an_entry_stands_at_the_last_moment() -> None:
    assert with_duty().at == DUE


def test_it_names_the_recipient_and_the_law() -> None:
    assert with_duty().summary == "Due: Data protection authority of Germany (GDPR (EU) 2016/679, Art. 33)"


def test_it_says_why_by_when_and_what_is_doubtful() -> None:
    about = with_duty(assumed="counted from now", lawyer_needed=("is it trivial?",), must_not=("name the thief",))
    assert {
        "Why: 2 people live in Germany",
        "Time: within 72 hours; where feasible",
        "Assumed: counted from now",
        "Ask a lawyer: is it trivial?",
        "Must not: name the thief",
    } <= set(about.description.splitlines())


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "CONFIRMED"),
        ({"assumed": "counted from now"}, "TENTATIVE"),
        ({"standing": DutyStanding.MAY_APPLY}, "TENTATIVE"),
        ({"standing": DutyStanding.EXEMPT}, "CANCELLED"),
    ],
)
def test_what_is_doubtful_is_tentative(changes: dict[str, object], status: str) -> None:
    assert with_duty(**changes).status == status


def test_what_is_due_at_once_stands_on_today_of_the_organisation() -> None:
    """A duty that must be done at once is an entry for the whole of today, by the date in the organisation's time zone."""
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    organisation = an_incident().organisation.model_copy(update={"timezone": "Asia/Shanghai"})
    case = a_case(
        incident=an_incident().model_copy(update={"organisation": organisation}),
        assessment=an_assessment(duties=(a_duty(due_at=None, standard="promptly"),)),
    )
    entry = only(case, late)
    assert (entry.at, entry.summary[:8]) == (date(2026, 11, 25), "At once:")


def test_what_waits_for_a_step_of_our_own_has_no_time_yet() -> None:
    assert entries(a_case(assessment=an_assessment(duties=(a_duty(waits=True),))), NOW) == ()


def test_what_was_filed_is_done_and_stays_quiet() -> None:
    entry = only(filed(NOW + HOUR), NOW + 2 * HOUR)
    assert (entry.summary[:5], entry.is_open, entry.status) == ("Done:", False, "CONFIRMED")


def test_people_who_were_told_are_done_too() -> None:
    duty = a_duty(addressee=Addressee.PEOPLE)
    case = a_case(assessment=an_assessment(duties=(duty,)), events={"opened": NOW, "notified": NOW})
    assert only(case).summary.startswith("Done:")


def test_a_case_that_was_not_assessed_has_no_duties() -> None:
    assert entries(a_case(assessment=None), NOW) == ()


# Promises and news


def test_a_promise_stands_when_it_was_promised_for() -> None:
    entry = only(a_case(commitments=(a_commitment(),)))
    assert (entry.at, entry.summary) == (
        a_commitment().due_at,
        "Promise: An outside firm will check our systems, and we will publish what it finds.",
    )


def test_a_promise_that_was_put_off_moves_and_counts_up() -> None:
    promise = a_commitment(new_due_at=NOW + 90 * DAY)
    before, after = (only(a_case(commitments=(one,))) for one in (a_commitment(), promise))
    assert (after.at, after.id) == (NOW + 90 * DAY, before.id)
    assert after.sequence > before.sequence


@pytest.mark.parametrize(
    ("state", "status"), [(CommitmentState.KEPT, "CONFIRMED"), (CommitmentState.DROPPED, "CANCELLED")]
)
def test_a_promise_that_is_settled_stays_quiet(state: CommitmentState, status: str) -> None:
    entry = only(a_case(commitments=(a_commitment(state=state, settled_at=NOW),)))
    assert (entry.is_open, entry.status) == (False, status)


def test_a_next_update_stands_until_people_hear_it() -> None:
    """The time that people were given for the next update stays open in the calendar until a later notice has told them
    the news.
    """
    notices = (a_sent_notice(1, NOW + 4 * DAY), a_sent_notice(4, NOW + 7 * DAY))
    assert [(entry.at, entry.is_open) for entry in entries(a_case(notices=notices), NOW)] == [
        (NOW + 4 * DAY, False),
        (NOW + 7 * DAY, True),
    ]


def test_what_was_not_sent_has_announced_nothing() -> None:
    draft = a_sent_notice(1, NOW + 4 * DAY, stage=NoticeStage.DRAFTED, sent_at=None)
    assert entries(a_case(notices=(draft,)), NOW) == ()


# The file


def test_what_is_written_can_be_read_back() -> None:
    (event,) = parsed(with_duty())
    assert event["uid"] == f"november-breach.duty.{AUTHORITY}@amends"
    assert (event["dtstart"].dt, event["dtstamp"].dt) == (DUE, NOW)
    assert (event["sequence"], event["categories"].cats) == (1, ["DUTY"])
    assert (event["class"], event["transp"]) == ("CONFIDENTIAL", "TRANSPARENT")


def test_it_rings_a_day_and_two_hours_before() -> None:
    (event,) = parsed(with_duty())
    assert {alarm["trigger"].dt for alarm in event.walk("VALARM")} == {-DAY, -2 * HOUR}


@pytest.mark.parametrize(
    "entry",
    [with_duty(due_at=None), with_duty(DUE + HOUR), with_duty(standing=DutyStanding.EXEMPT), only(filed(NOW), NOW)],
    ids=["at once", "passed", "exempt", "done"],
)
def test_nothing_rings_where_there_is_nothing_to_wait_for(entry: CalendarEntry) -> None:
    (event,) = Calendar.from_ical(in_ical((entry,), "a title", DUE + HOUR)).walk("VEVENT")
    assert event.walk("VALARM") == []


def test_a_newer_assessment_replaces_the_older_entry() -> None:
    entry = only(a_case(assessment=an_assessment(version=7, duties=(a_duty(due_at=DUE + DAY),))))
    assert (entry.id, entry.sequence) == (with_duty().id, 7)


def test_long_lines_are_folded_and_words_in_every_script_survive() -> None:
    name = "上海市互联网信息办公室; Behörde, “für” Datenschutz – " * 8
    text = in_ical((with_duty(recipient_name=name),), "数据泄露", NOW)
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    assert Calendar.from_ical(text).walk("VEVENT")[0]["summary"].count(name) == 1


def test_no_text_can_add_lines_of_its_own() -> None:
    hostile = "Authority\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:gotcha\u202e"
    (event,) = parsed(with_duty(recipient_name=hostile))
    assert "\u202e" not in event["summary"]


# The command


@pytest.fixture
def assessed(office: Office) -> Office:
    ledger = office.ledger()
    ledger.assessments.record(INCIDENT, an_assessment(duties=(a_duty(due_at=datetime(2099, 1, 1, tzinfo=UTC)),)), NOW)
    ledger.dispose()
    return office


def test_an_assessed_incident_has_a_calendar(assessed: Office, tmp_path: Path) -> None:
    answer = assessed.values("calendar", INCIDENT, "--out", tmp_path / "team.ics")
    assert answer["entries"] == 1
    (event,) = Calendar.from_ical((tmp_path / "team.ics").read_bytes()).walk("VEVENT")
    assert event["uid"] == f"{INCIDENT}.duty.{AUTHORITY}@amends"


def test_what_is_not_assessed_has_no_calendar_yet(office: Office, tmp_path: Path) -> None:
    answer = office.amends("calendar", INCIDENT, "--out", tmp_path / "team.ics")
    assert answer.exit_code == 1
    assert "is not assessed yet" in answer.stderr
    assert f"amends run {INCIDENT}" in answer.stderr
    assert not (tmp_path / "team.ics").exists()


def test_no_person_affected_is_in_it(assessed: Office, tmp_path: Path) -> None:
    assessed.values("calendar", INCIDENT, "--out", tmp_path / "team.ics")
    text = (tmp_path / "team.ics").read_text(encoding="utf-8")
    assert [name for name in ("Kim Example", "李雷", "mail.example", "138001") if name in text] == []


def test_an_incident_file_alone_has_a_calendar_too(tmp_path: Path, office: Office) -> None:
    answer = office.values("calendar", "--file", STORY / "incident.yaml", "--out", tmp_path / "team.ics")
    events = Calendar.from_ical((tmp_path / "team.ics").read_bytes()).walk("VEVENT")
    assert len(events) == answer["entries"] > 0
    assert len({event["uid"] for event in events}) == len(events)


@pytest.mark.parametrize("words", [(), (INCIDENT, "--file", STORY / "incident.yaml")])
def test_it_is_about_one_incident(office: Office, words: tuple[object, ...]) -> None:
    assert office.amends("calendar", *words).exit_code == 2


def test_only_its_owner_can_read_it(assessed: Office, tmp_path: Path) -> None:
    assessed.values("calendar", INCIDENT, "--out", tmp_path / "team.ics")
    assert (tmp_path / "team.ics").stat().st_mode & 0o077 == 0
