"""What becomes of a running incident when its playbook is replaced: its calendar, what has begun, what is approved.

What was sent stays as it is. What had begun of a step that the new playbook does not have keeps that step, for as long
as it takes; where nothing of it has left, it is held and a person decides.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from amends.domain.base.value import Moment, Value
from amends.domain.case.case import Case, OccurrenceState, RecordedOccurrence
from amends.domain.notice.notice import NoticeStage, NoticeStatus, PersonState
from amends.domain.plan.changes import RETIRED
from amends.domain.plan.forecast import forecast
from amends.domain.plan.plan import PlannedOccurrence
from amends.domain.playbook.playbook import OURS, Event, Playbook, Step, at_severity

DAY = timedelta(days=1)
MONTH = timedelta(days=30)
OPEN_OCCURRENCES = (OccurrenceState.WAITING, OccurrenceState.HELD)
UNTIMED = ("after", "on", "at", "every", "until", "at_most", "one_of", "when")
"""Keys that say when a step comes; a retired one never comes again."""


class Shift(Value):
    """A occurrence that comes at another time, or is new, or does not come any more."""

    step: str
    number: int
    before: Moment | None
    after: Moment | None
    whom: str
    """Who is told by it, and how; empty when it tells nobody."""


class Stranded(Value):
    """A occurrence that has begun, of a step that the new playbook does not have."""

    step: str
    number: int
    state: OccurrenceState
    left: bool
    """Something of it has left already, so it goes on; else it is held."""


class Redone(Value):
    """A notice that is drafted anew, so that it needs all its approvals again."""

    notice: str
    stage: NoticeStage
    approvals: int
    """How many were given, which are void then."""
    told: int
    """How many people have a message of it already; they get no other."""
    waiting: int


class Migration(Value):
    """What would be pinned, and what would come of it."""

    playbook: Playbook
    """The new one, with the retired steps behind its own."""
    shifts: tuple[Shift, ...] = ()
    stranded: tuple[Stranded, ...] = ()
    redone: tuple[Redone, ...] = ()
    sent: tuple[str, ...] = ()
    """Notices that were sent; nothing changes about them."""

    @property
    def hold(self) -> frozenset[tuple[str, int]]:
        """The occurrences that a person must decide about."""
        return frozenset((one.step, one.number) for one in self.stranded if not one.left)


def migration(case: Case, new: Playbook, now: datetime, ahead: timedelta = MONTH) -> Migration:
    """What would happen to the case if this playbook replaced its own."""
    stranded = tuple(_stranded(case, new))
    kept = {one.step: max(s.number for s in stranded if s.step == one.step) for one in stranded}
    retired = tuple(retire(_old_step(case, step), number) for step, number in kept.items())
    playbook = new.model_copy(update={"steps": (*new.steps, *retired)})
    return Migration(
        playbook=playbook,
        shifts=_shifts(case, playbook, now, ahead),
        stranded=stranded,
        redone=tuple(_redone(notice) for notice in case.notices if not notice.stage.is_over),
        sent=tuple(notice.id for notice in case.notices if notice.stage is NoticeStage.SENT),
    )


def retire(step: Step, last: int) -> Step:
    """The step as it says things, but without any further occurrence after the last one."""
    said = step.model_dump(by_alias=True, exclude=set(UNTIMED)) | {"of": Event.OPENED, "reads_on": RETIRED}
    if step.repeats:
        # Its notices are numbered, as those of a series are; a series whose end has come has no next occurrence.
        said |= {"every": str(step.every or "1d"), "until": Event.OPENED, "at_most": min(max(last, 2), 500)}
    return Step.model_validate(said)


def _stranded(case: Case, new: Playbook) -> Iterator[Stranded]:
    known = {step.id for step in new.steps} | OURS.keys()
    mine = {step.id for step in case.playbook.steps} if case.playbook else set()
    for occurrence in case.occurrences:
        if occurrence.state in OPEN_OCCURRENCES and occurrence.step in mine - known:
            yield Stranded(
                step=occurrence.step, number=occurrence.number, state=occurrence.state, left=_has_left(case, occurrence)
            )


def _has_left(case: Case, occurrence: RecordedOccurrence) -> bool:
    mine = [
        notice for notice in case.notices if (notice.step, notice.occurrence) == (occurrence.step, occurrence.number)
    ]
    return any(notice.stage in (NoticeStage.SENDING, NoticeStage.SENT) or notice.people for notice in mine)


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
    """Looks twice as far, so that a occurrence that moves out of sight, or into it, is told with both times."""
    band = case.assessment.band if case.assessment else None
    renewed = case.model_copy(update={"playbook": at_severity(playbook, band)})
    before, after = (_calendar(one, now, now + 2 * ahead) for one in (case, renewed))
    shifts = (
        _shift(case, renewed, before.get(occurrence), after.get(occurrence))
        for occurrence in dict.fromkeys((*before, *after))
    )
    near = (one for one in shifts if one and min(filter(None, (one.before, one.after)), default=now) <= now + ahead)
    return tuple(sorted(near, key=lambda one: (one.after or one.before or now, one.step, one.number)))


def _calendar(case: Case, now: datetime, until: datetime) -> dict[tuple[str, int], PlannedOccurrence]:
    return {
        (occurrence.step, occurrence.number): occurrence
        for occurrence in forecast(case, now, until)
        if occurrence.step not in OURS
    }


def _shift(
    case: Case, renewed: Case, before: PlannedOccurrence | None, after: PlannedOccurrence | None
) -> Shift | None:
    """None when the occurrence comes as it would have come."""
    was, now = (occurrence.due_at if occurrence else None for occurrence in (before, after))
    occurrence, of = (after, renewed) if after else (before, case)
    if occurrence is None or was == now:
        return None
    return Shift(step=occurrence.step, number=occurrence.number, before=was, after=now, whom=_whom(of, occurrence))


def _whom(case: Case, occurrence: PlannedOccurrence) -> str:
    step = _old_step(case, occurrence.step)
    return f"{step.audience} by {', '.join(step.channels)}" if step.notice else ""
