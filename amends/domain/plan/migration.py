"""The consequences of replacing the playbook of a running incident: for its calendar, begun occurrences and approvals.

Notices that were sent stay as they are. A begun occurrence of a step that the new playbook does not have keeps this
step until the occurrence is over; when nothing of the occurrence has left, it is held and a person decides.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from amends.domain.base.value import Moment, Value
from amends.domain.case.case import Case
from amends.domain.case.states import OccurrenceState, RecordedOccurrence
from amends.domain.notice.notice import NoticeStage, NoticeStatus, PersonState
from amends.domain.plan.changes import RETIRED
from amends.domain.plan.forecast import forecast
from amends.domain.plan.plan import PlannedOccurrence
from amends.domain.playbook.playbook import BUILT_IN_STEPS, Event, Playbook, Step, at_severity

DAY = timedelta(days=1)
MONTH = timedelta(days=30)
UNTIMED = ("after", "on", "at", "every", "until", "at_most", "one_of", "when")
"""The keys that time a step; a retired step does not have them, because it never comes again."""
OPEN_OCCURRENCES = (OccurrenceState.WAITING, OccurrenceState.HELD)


class Shift(Value):
    """An occurrence that comes at another time, is new, or does not come any more."""

    step: str
    number: int
    before: Moment | None
    """The time by the old playbook, or None."""
    after: Moment | None
    """The time by the new playbook, or None."""
    whom: str
    """The audience and the channels of the occurrence; empty when it tells nobody."""


class Stranded(Value):
    """An occurrence that has begun, of a step that the new playbook does not have."""

    step: str
    number: int
    state: OccurrenceState
    left: bool
    """True when messages of the occurrence have left already, so that it goes on; else it is held."""


class Redone(Value):
    """A notice that is drafted anew, so that it needs all its approvals again."""

    notice: str
    stage: NoticeStage
    approvals: int
    """The number of approvals given, which become void."""
    told: int
    """The number of people who have a message of the notice already; they get no other."""
    waiting: int


class Migration(Value):
    """The playbook that would be pinned, and the consequences."""

    playbook: Playbook
    """The new playbook, with the retired steps behind its own."""
    shifts: tuple[Shift, ...] = ()
    stranded: tuple[Stranded, ...] = ()
    redone: tuple[Redone, ...] = ()
    sent: tuple[str, ...] = ()
    """Notices that were sent, and that do not change."""

    @property
    def hold(self) -> frozenset[tuple[str, int]]:
        """Return the step and number of each occurrence that a person must decide about."""
        return frozenset((one.step, one.number) for one in self.stranded if not one.left)


def migration(case: Case, new: Playbook, now: datetime, ahead: timedelta = MONTH) -> Migration:
    """Return what would happen to the case if the new playbook replaced its own.

    Shifts are listed up to the time `ahead`.
    """
    stranded = tuple(_stranded(case, new))
    kept = {one.step: max(s.number for s in stranded if s.step == one.step) for one in stranded}
    retired = tuple(retire(_old_step(case, step), number) for step, number in kept.items())
    playbook = new.model_copy(update={"steps": (*new.steps, *retired)})
    return Migration(
        playbook=playbook,
        shifts=_shifts(case, playbook, now, ahead),
        stranded=stranded,
        redone=tuple(_redone(notice) for notice in case.notices if not notice.stage.is_over or notice.letters),
        sent=tuple(notice.id for notice in case.notices if notice.stage is NoticeStage.SENT),
    )


def retire(step: Step, last: int) -> Step:
    """Return the step with its words and audience, but with no occurrence after the number `last`."""
    content = step.model_dump(by_alias=True, exclude=set(UNTIMED)) | {"of": Event.OPENED, "reads_on": RETIRED}
    if step.found_for:
        content["audience"] = step.found_for.word
    if step.repeats:
        # Notices of a repeated step are numbered, so the step stays a series; an ended series has no next occurrence.
        content |= {"every": str(step.every or "1d"), "until": Event.OPENED, "at_most": min(max(last, 2), 500)}
    return Step.model_validate(content)


def _stranded(case: Case, new: Playbook) -> Iterator[Stranded]:
    known = {step.id for step in new.steps} | BUILT_IN_STEPS.keys()
    mine = {step.id for step in case.playbook.steps} if case.playbook else set()
    for occurrence in case.occurrences:
        if occurrence.state in OPEN_OCCURRENCES and occurrence.step in mine - known:
            yield Stranded(
                step=occurrence.step, number=occurrence.number, state=occurrence.state, left=_has_left(case, occurrence)
            )


def _has_left(case: Case, occurrence: RecordedOccurrence) -> bool:
    mine = (occurrence.step, occurrence.number)
    notices = [notice for notice in case.notices if (notice.step, notice.occurrence) == mine]
    return any(notice.stage in (NoticeStage.SENDING, NoticeStage.SENT) or notice.people for notice in notices)


def _old_step(case: Case, step_id: str) -> Step:
    if case.playbook is None:
        raise LookupError("no playbook runs")
    return case.playbook.step(step_id)


def _redone(notice: NoticeStatus) -> Redone:
    return Redone(
        notice=notice.id,
        stage=notice.stage,
        approvals=len(notice.approvals),
        told=sum(notice.people.get(state, 0) for state in (PersonState.SENT, PersonState.DELIVERED)),
        waiting=notice.people.get(PersonState.WAITING, 0),
    )


def _shifts(case: Case, playbook: Playbook, now: datetime, ahead: timedelta) -> tuple[Shift, ...]:
    """Return the shifts up to `ahead`, the earliest first.

    The forecasts reach twice as far, so that an occurrence that moves across the end of `ahead` has both its times.
    """
    band = case.assessment.band if case.assessment else None
    renewed = case.model_copy(update={"playbook": at_severity(playbook, band)})
    before, after = (_calendar(one, now, now + 2 * ahead) for one in (case, renewed))
    shifts = (_shift(case, renewed, before.get(key), after.get(key)) for key in dict.fromkeys((*before, *after)))
    near = (
        shift
        for shift in shifts
        if shift and min(filter(None, (shift.before, shift.after)), default=now) <= now + ahead
    )
    return tuple(sorted(near, key=lambda one: (one.after or one.before or now, one.step, one.number)))


def _calendar(case: Case, now: datetime, until: datetime) -> dict[tuple[str, int], PlannedOccurrence]:
    return {(one.step, one.number): one for one in forecast(case, now, until) if one.step not in BUILT_IN_STEPS}


def _shift(
    case: Case, renewed: Case, before: PlannedOccurrence | None, after: PlannedOccurrence | None
) -> Shift | None:
    """Return the shift of one occurrence, or None when its time stays the same."""
    old_time, new_time = (one.due_at if one else None for one in (before, after))
    one, its_case = (after, renewed) if after else (before, case)
    if one is None or old_time == new_time:
        return None
    return Shift(step=one.step, number=one.number, before=old_time, after=new_time, whom=_whom(its_case, one))


def _whom(case: Case, occurrence: PlannedOccurrence) -> str:
    step = _old_step(case, occurrence.step)
    return f"{step.readers} by {', '.join(step.channels)}" if step.notice else ""
