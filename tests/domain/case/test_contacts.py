"""A case's forecast rests on whom its notices told when, and on the contacts it had."""

from datetime import timedelta
from typing import Any

from amends.domain.base.value import Span
from amends.domain.case.case import Case
from amends.domain.case.contacts import (
    contacts_forecast,
    contacts_shown,
    curve_of,
    people_of_first_notices,
    waves_to_come,
    waves_told,
)
from amends.domain.feedback.load.load import ContactDay, Curve, ToldWave
from amends.domain.feedback.question import QuestionSource
from amends.domain.notice.notice import NoticeRelease, NoticeStage, NoticeStatus, PersonState
from amends.domain.playbook.playbook import Waves
from amends.domain.timeline.text import CONTACTS, in_tables
from amends.domain.timeline.timeline import timeline
from tests.builders import NOW, a_case, a_playbook

DAY = timedelta(days=1)
WAVES = Waves(size=1_000, pause=Span(days=1))


def a_told_case(people: dict[PersonState, int], waves: Waves | None = None, **changes: Any) -> Case:
    """Return a case whose first notice was released now to these people."""
    playbook = a_playbook()
    steps = tuple(
        step.model_copy(update={"waves": waves}) if step.id == "first-notice" else step for step in playbook.steps
    )
    notice = NoticeStatus(
        id="first-notice",
        version=1,
        template="first-notice",
        step="first-notice",
        occurrence=1,
        stage=NoticeStage.SENDING,
        binding="b" * 64,
        approvals_needed=1,
        drafted_at=NOW,
        releases=(NoticeRelease(at=NOW, drafted_at=NOW),),
        people=people,
        more_waves=bool(waves),
        next_try_at=NOW + 2 * DAY if waves else None,
    )
    return a_case(playbook=playbook.model_copy(update={"steps": steps}), notices=(notice,), **changes)


def contacts(*counts: int) -> tuple[ContactDay, ...]:
    first = NOW.astimezone(a_case().calendar.zone).date()
    days = ((first + timedelta(days=number), count) for number, count in enumerate(counts))
    return tuple(ContactDay(day=day, by_source={QuestionSource.MAILBOX: count}) for day, count in days)


def test_without_waves_all_were_told_at_the_release() -> None:
    case = a_told_case({PersonState.SENT: 900, PersonState.DELIVERED: 100, PersonState.UNREACHABLE: 5})
    assert waves_told(case) == (ToldWave(NOW, 1_000),)
    assert waves_to_come(case, NOW) == ()


def test_waves_begin_after_each_other() -> None:
    case = a_told_case({PersonState.SENT: 1_700, PersonState.WAITING: 1_300}, WAVES)
    assert waves_told(case) == (ToldWave(NOW, 1_000), ToldWave(NOW + DAY, 700))
    assert waves_to_come(case, NOW) == (ToldWave(NOW + 2 * DAY, 1_000), ToldWave(NOW + 3 * DAY, 300))
    assert people_of_first_notices(case) == 3_000


def test_a_wave_that_is_late_begins_now() -> None:
    late = NOW + 5 * DAY
    case = a_told_case({PersonState.SENT: 1_000, PersonState.WAITING: 500}, WAVES)
    assert waves_to_come(case, late) == (ToldWave(late, 500),)


def test_nobody_told_nothing_is_expected() -> None:
    assert contacts_forecast(a_case(), NOW) == ()
    assert CONTACTS not in in_tables(timeline(a_case(), NOW), lambda head, rows: "")


def test_waves_to_come_are_in_the_forecast() -> None:
    case = a_told_case(
        {PersonState.SENT: 100_000, PersonState.WAITING: 100_000}, Waves(size=100_000, pause=Span(days=2))
    )
    days = contacts_forecast(case, NOW + DAY)
    assert [day.told for day in days if day.told] == [100_000, 100_000]
    assert max(days, key=lambda day: day.expected).day > days[1].day


def test_the_own_curve_replaces_the_defaults() -> None:
    case = a_told_case({PersonState.SENT: 10_000}, contacts=contacts(90, 120, 60, 31, 15))
    assert curve_of(case, NOW + DAY) == Curve()
    own = curve_of(case, NOW + 5 * DAY)
    assert own.seen == 316
    assert 0.025 < own.rate < 0.045


def test_the_timeline_shows_seen_beside_expected() -> None:
    case = a_told_case({PersonState.SENT: 10_000}, contacts=contacts(90, 120, 60))
    rows: dict[str, list[tuple[str, ...]]] = {}
    in_tables(timeline(case, NOW + 3 * DAY), lambda head, found: rows.setdefault(head[0], found) and "")
    seen = [row[2] for row in rows["day"]]
    assert seen[:3] == ["90", "120", "60"]
    assert set(seen[3:]) == {""}
    assert rows["day"][0][1] == "10,000"


def test_no_table_for_a_handful_of_people() -> None:
    assert contacts_shown(a_told_case({PersonState.SENT: 3}), NOW) == ()
