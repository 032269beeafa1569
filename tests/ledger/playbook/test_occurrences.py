"""The playbook in force and the turns of its steps: what is done stays done, and saying it twice changes nothing."""

from datetime import timedelta

import pytest

from amends.domain.base.errors import NotInLedger
from amends.domain.case.states import OccurrenceKind, OccurrenceState
from amends.ledger import Ledger
from tests.builders import NOW, a_person, a_playbook, a_wording, an_assessment, an_incident
from tests.delivery.sending import INCIDENT

LATER = NOW + timedelta(hours=1)
WAITING, DONE, HELD, PLANNED = (
    OccurrenceState.WAITING,
    OccurrenceState.DONE,
    OccurrenceState.HELD,
    OccurrenceState.PLANNED,
)


@pytest.fixture
def opened(ledger_on_sqlite: Ledger) -> Ledger:
    ledger_on_sqlite.incidents.open(an_incident(), [a_person()], "lena", NOW)
    return ledger_on_sqlite


def acts(ledger: Ledger) -> list[str]:
    return [entry.act for entry in ledger.audit.entries(INCIDENT)]


def mark(ledger: Ledger, state: OccurrenceState, number: int = 1) -> None:
    ledger.occurrences.mark(INCIDENT, "update", number, NOW, state, LATER)


def states(ledger: Ledger) -> list[tuple[int, OccurrenceState, int]]:
    return [(turn.number, turn.state, turn.revision) for turn in ledger.cases.read(INCIDENT).occurrences]


def test_a_pinned_playbook_is_in_force_with_its_words(opened: Ledger) -> None:
    pinned = opened.playbooks.pin(INCIDENT, a_playbook(), a_wording(), "lena", NOW)
    case = opened.cases.read(INCIDENT)
    assert (case.playbook, case.pinned, opened.playbooks.wording(INCIDENT)) == (a_playbook(), pinned, a_wording())


def test_pinning_the_same_again_changes_nothing(opened: Ledger) -> None:
    pins = [opened.playbooks.pin(INCIDENT, a_playbook(), a_wording(), "lena", NOW) for _ in range(2)]
    assert pins[0] == pins[1]
    assert acts(opened).count("playbook pinned") == 1


def test_other_content_replaces_the_pin_and_the_old_one_can_come_back(opened: Ledger) -> None:
    for title in ("One", "Two", "One"):
        opened.playbooks.pin(INCIDENT, a_playbook(title=title), a_wording(), "lena", NOW)
    case = opened.cases.read(INCIDENT)
    assert case.playbook
    assert case.playbook.title == "One"
    assert acts(opened).count("playbook pinned") == 3


def test_another_word_in_a_template_is_other_content(opened: Ledger) -> None:
    wordings = (a_wording(templates={"a/en.sms.txt": text}) for text in ("x", "y"))
    assert len({opened.playbooks.pin(INCIDENT, a_playbook(), wording, "lena", NOW) for wording in wordings}) == 2


def test_without_a_pin_there_are_no_words(opened: Ledger) -> None:
    with pytest.raises(NotInLedger, match="amends run"):
        opened.playbooks.wording(INCIDENT)


def test_a_turn_is_noted_where_it_stands(opened: Ledger) -> None:
    mark(opened, WAITING)
    assert states(opened) == [(1, WAITING, 0)]


def test_a_turn_that_is_done_stays_done_and_its_step_is_an_event(opened: Ledger) -> None:
    mark(opened, DONE)
    mark(opened, HELD)
    (turn,) = opened.cases.read(INCIDENT).occurrences
    assert (turn.state, turn.done_at) == (DONE, LATER)
    assert opened.cases.read(INCIDENT).events["update"] == LATER


def test_only_the_first_turn_of_a_series_sets_the_event_of_its_step(opened: Ledger) -> None:
    mark(opened, DONE)
    opened.occurrences.mark(INCIDENT, "update", 2, NOW, DONE, LATER + timedelta(days=3))
    assert opened.cases.read(INCIDENT).events["update"] == LATER


def test_saying_the_same_twice_is_noted_once(opened: Ledger) -> None:
    mark(opened, WAITING)
    mark(opened, WAITING)
    assert acts(opened) == ["opened", "step waiting"]


@pytest.mark.parametrize("decision", [WAITING, OccurrenceState.SKIPPED])
def test_a_held_turn_goes_on_or_is_skipped_when_a_person_decides(opened: Ledger, decision: OccurrenceState) -> None:
    mark(opened, HELD)
    mark(opened, decision)
    assert states(opened) == [(1, decision, 0)]


def test_an_occurrence_is_one_alert_each_time_it_becomes_held(opened: Ledger) -> None:
    """An occurrence raises an alert each time that it becomes held, and none when somebody finds it held again."""
    for state, minutes in ((HELD, 0), (HELD, 5), (WAITING, 10), (HELD, 15)):
        at = LATER + timedelta(minutes=minutes)
        opened.occurrences.mark(INCIDENT, "update", 1, NOW, state, at, "its run was cancelled")
    told = [alert.what.partition(" since ") for alert in opened.views.timeline(INCIDENT).alerts]
    assert [(what, since[11:]) for what, _, since in told] == [
        ("update 1 is held", f"{at:%H:%M} UTC: its run was cancelled") for at in (LATER, LATER + timedelta(minutes=15))
    ]


def test_a_reminder_is_recorded_once_and_is_no_occurrence_of_its_step(opened: Ledger) -> None:
    mark(opened, WAITING)
    for at in (LATER, LATER + timedelta(hours=1)):
        opened.occurrences.record_reminder(INCIDENT, OccurrenceKind.LATE, "update", 1, NOW, at, "told the lead")
    case = opened.cases.read(INCIDENT)
    (reminder,) = case.recorded_reminders
    assert (reminder.kind, reminder.step, reminder.done_at) == (OccurrenceKind.LATE, "update", LATER)
    assert (states(opened), case.events) == ([(1, WAITING, 0)], {"opened": NOW})
    entries = [(entry.act, entry.subject) for entry in opened.audit.entries(INCIDENT)]
    assert entries[2:] == [("step done", "late update 1")]


def test_a_run_that_is_set_up_again_has_a_new_revision(opened: Ledger) -> None:
    revisions = [opened.occurrences.revise(INCIDENT, "update", 1, NOW, LATER, "it crashed") for _ in range(2)]
    assert revisions == [1, 2]
    assert states(opened) == [(1, PLANNED, 2)]


def test_two_who_set_up_the_same_run_again_get_the_same_revision(opened: Ledger) -> None:
    again = [opened.occurrences.revise(INCIDENT, "update", 1, NOW, LATER, "it crashed", after=0) for _ in range(2)]
    assert again == [1, 1]
    assert opened.occurrences.revise(INCIDENT, "update", 1, NOW, LATER, "it crashed", after=1) == 2


def test_setting_up_again_leaves_the_state_of_a_turn_that_has_begun(opened: Ledger) -> None:
    mark(opened, WAITING)
    opened.occurrences.revise(INCIDENT, "update", 1, NOW, LATER, "it crashed")
    assert states(opened) == [(1, WAITING, 1)]


def test_an_assessment_is_kept_once_for_each_version_of_the_facts(opened: Ledger) -> None:
    first = an_assessment()
    opened.assessments.record(INCIDENT, first, NOW)
    opened.assessments.record(INCIDENT, an_assessment(score=1.0), LATER)
    case = opened.cases.read(INCIDENT)
    assert case.assessment == first
    assert case.events["assessed"] == NOW


def test_the_assessment_of_the_latest_version_counts(opened: Ledger) -> None:
    for version in (2, 1):
        opened.assessments.record(INCIDENT, an_assessment(version=version), NOW)
    assessment = opened.cases.read(INCIDENT).assessment
    assert assessment
    assert assessment.version == 2


def test_every_assessment_stays_the_oldest_first_with_what_it_changed(opened: Ledger) -> None:
    made = [an_assessment(), an_assessment(score=1.0, version=2, changes=("severity high → low",), at=LATER)]
    for assessment in reversed(made):
        opened.assessments.record(INCIDENT, assessment, LATER)
    assert opened.assessments.all(INCIDENT) == tuple(made)


def test_what_was_never_assessed_has_no_assessments(opened: Ledger) -> None:
    assert opened.assessments.all(INCIDENT) == ()


def test_only_a_held_occurrence_says_why_it_is_held(opened: Ledger) -> None:
    said = []
    for state, note in ((WAITING, "begun"), (HELD, "its run was cancelled"), (DONE, "")):
        opened.occurrences.mark(INCIDENT, "update", 1, NOW, state, LATER, note)
        said.append(opened.occurrences.why_held(INCIDENT, "update", 1))
    assert said == ["", "its run was cancelled", ""]
    assert not opened.occurrences.why_held(INCIDENT, "update", 2)


def test_a_stopped_occurrence_does_not_begin_by_itself(opened: Ledger) -> None:
    """A run that begins in the moment in which a person stops it does not undo the stop."""
    opened.occurrences.begin(INCIDENT, "update", 1, NOW, LATER)
    assert states(opened) == [(1, WAITING, 0)]
    mark(opened, HELD)
    opened.occurrences.begin(INCIDENT, "update", 1, NOW, LATER)
    assert states(opened) == [(1, HELD, 0)]
