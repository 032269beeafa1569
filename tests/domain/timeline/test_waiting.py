"""The reason why an occurrence goes on later is a word, and a sentence with the command that ends it."""

from typing import Any

import pytest

from amends.domain.case.case import Case
from amends.domain.case.states import Embargo, IncidentState, OccurrenceState
from amends.domain.incident.stops import StoppedDomain, StoppedSend
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.plan.plan import LOOK_AGAIN, PlannedOccurrence, plan
from amends.domain.playbook.playbook import Gate
from amends.domain.timeline.waiting import Waiting, WaitsFor, waiting
from tests.builders import NOW, a_case, a_duty, an_assessment
from tests.domain.plan.test_plan import HOUR, a_notice, a_turn, only

TOLD = only(id="first-notice", phase="notify", notice="first-notice", channels=["email"], of="opened")
APPROVED = {"stage": NoticeStage.APPROVED, "approvals": ("omar", "wei")}
SENDING = {"stage": NoticeStage.SENDING, "pending": 3, "next_try_at": NOW + HOUR}


def begun(notice: NoticeStatus, **changes: Any) -> Case:
    turn = a_turn("first-notice", state=changes.pop("turn", OccurrenceState.WAITING))
    return a_case(**({"playbook": TOLD, "occurrences": (turn,), "notices": (notice,)} | changes))


def found(case: Case) -> Waiting | None:
    (one,) = planned(case)
    return waiting(case, one, NOW)


def planned(case: Case) -> list[PlannedOccurrence]:
    known = plan(case, NOW)
    return [one for one in (*known.due, *known.upcoming, *known.waiting) if one.step == "first-notice"]


@pytest.mark.parametrize(
    ("case", "waits_for", "says"),
    [
        (begun(a_notice()), "WaitsForApproval", "`amends preview november-breach first-notice`"),
        (begun(a_notice(stage=NoticeStage.REJECTED)), "WaitsForNewTexts", "`amends incident amend FILE --as NAME`"),
        (begun(a_notice(**SENDING, kept_back=2)), "WaitsForQuietHours", "2 messages wait for the end of the quiet"),
        (begun(a_notice(**SENDING, more_waves=True)), "WaitsForWave", "the next wave leaves at"),
        (
            begun(a_notice(**SENDING), stopped_sends=(StoppedSend("first-notice", "email", "no login", NOW),)),
            "WaitsForRepair",
            "first-notice has stopped since 2026-11-24 09:00 UTC (email): no login",
        ),
        (
            begun(a_notice(**SENDING, for_domains=2), stopped_domains=(StoppedDomain("a.example", "550 5.7.1", NOW),)),
            "WaitsForRepair",
            "2 messages wait (the lead): `amends deliver november-breach first-notice --domain a.example --as NAME`",
        ),
        (begun(a_notice(**SENDING)), "WaitsForNextTry", "3 messages to be tried again at"),
        (
            begun(a_notice(stage=NoticeStage.SENDING, sent_at=NOW, parked=2)),
            "WaitsForDecision",
            "`amends deliveries november-breach first-notice --state parked`",
        ),
        (
            begun(a_notice(**APPROVED), embargo=Embargo(until=NOW + HOUR, why="letter 17")),
            "WaitsForEmbargo",
            "letter 17; `amends incident lift november-breach`",
        ),
        (
            begun(
                a_notice(**APPROVED, waits_for=(Gate.AUTHORITIES,)),
                assessment=an_assessment(duties=(a_duty(first=True),)),
            ),
            "WaitsForAuthority",
            "`amends duty filed november-breach",
        ),
        (begun(a_notice(**APPROVED), ledger_doubt="a backup was restored"), "WaitsForDecision", "`amends reconcile`"),
        (begun(a_notice(), turn=OccurrenceState.HELD), "Held", "`amends step go|skip november-breach first-notice 1"),
        (
            begun(a_notice(**APPROVED), state=IncidentState.PAUSED),
            "Stopped",
            "`amends incident resume november-breach --as NAME`",
        ),
        (begun(a_notice(**APPROVED), clock_doubt="the clock jumped"), "WaitsForClock", "`amends clock trust"),
    ],
    ids=lambda one: one if isinstance(one, str) and one[0].isupper() else "",
)
def test_each_reason_has_a_name_and_what_ends_it(case: Case, waits_for: str, says: str) -> None:
    one = found(case)
    assert one and one.waits_for == waits_for
    assert says in one.why


def test_what_only_has_its_time_or_is_due_waits_for_nothing() -> None:
    assert found(begun(a_notice(**APPROVED))) is None
    assert found(a_case(playbook=TOLD)) is None


def test_the_most_pressing_reason_gives_the_name_and_all_are_said() -> None:
    one = found(begun(a_notice(), state=IncidentState.PAUSED))
    assert one and one.waits_for is WaitsFor.STOP
    assert "approvals are missing" in one.why


def test_what_people_must_decide_is_looked_at_again_next_day() -> None:
    (one,) = planned(begun(a_notice()))
    assert (one.due_at, one.until_decided) == (NOW + LOOK_AGAIN, True)


def test_a_reason_in_short_reads_as_words() -> None:
    one = found(begun(a_notice()))
    assert one and one.in_short == "waits for approval"


def test_a_task_of_a_person_is_named_with_its_command() -> None:
    task = only(id="first-notice", phase="follow_up", task="Call the bank.", owner="Finance", within="4h")
    one = found(a_case(playbook=task, occurrences=(a_turn("first-notice", state=OccurrenceState.WAITING),)))
    assert one and one.waits_for is WaitsFor.TASK
    assert "`amends step done november-breach first-notice 1 --as NAME`" in one.why
