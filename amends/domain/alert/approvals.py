"""Reminders to approvers that are due now, and their words: ids, numbers and times, never personal data."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from amends.domain.base.text import in_both, minute
from amends.domain.base.value import Moment, Value
from amends.domain.case.case import Case
from amends.domain.case.deadlines import open_duties
from amends.domain.case.states import IncidentState
from amends.domain.law.duty import Addressee, Duty
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.playbook.playbook import Event, Phase
from amends.domain.team.approval import why_not_approve
from amends.domain.team.member import Member, TeamRole

LEGAL_SOON, LEGAL_NOW = timedelta(hours=24), timedelta(hours=6)
"""The times before a legal deadline at which all approvers and executives are told that a notice still waits."""


class Occasion(StrEnum):
    """The reason for a reminder."""

    NEEDED = "needed"
    HALF = "half of the time is over"
    OVER = "the time is over"
    LEGAL_SOON = "a legal deadline within 24 h"
    LEGAL_NOW = "a legal deadline within 6 h"

    @property
    def legal(self) -> bool:
        """Return True for a reminder of a legal deadline."""
        return self in (Occasion.LEGAL_SOON, Occasion.LEGAL_NOW)


class ApprovalReminder(Value):
    """One message to one member about one draft."""

    incident: str
    notice: str
    binding: str
    to: str
    occasion: Occasion
    since: Moment
    """The time from which the member's approval is needed; for a legal deadline, the deadline."""
    until: Moment
    """The time by which the approvals are due."""
    missing: str
    """The missing approvals, in words."""
    speaks_for: tuple[str, ...] = ()
    """The members whose approval this member can give: the member and those whose deputy the member is. Empty when no
    approval of this member would help."""
    can_declare: bool = False
    """True when the member may be one of the two who release the notice in an emergency."""
    law: str = ""
    """The law that sets the deadline, with its citation; empty without a legal deadline."""

    @property
    def key(self) -> str:
        """Return a key that stays the same for the same reminder, so that it is sent once.

        A new draft, or an approval that expired, makes a new key.
        """
        return f"{self.occasion} {self.binding[:16]} {self.since.isoformat()}"


def approval_reminders(case: Case, team: Iterable[Member], now: datetime) -> tuple[ApprovalReminder, ...]:
    """Return every reminder that is due now; reminders that were sent before are among them, with the same keys.

    After an outage only the latest reminder of each member is due. In a pause only reminders of legal deadlines are
    due, because the law does not pause.
    """
    if case.playbook is None:
        return ()
    members = tuple(member for member in team if member.active)
    return tuple(reminder for notice in notices_to_approve(case) for reminder in _of(case, notice, members, now))


def notices_to_approve(case: Case) -> tuple[NoticeStatus, ...]:
    """Return the notices that wait for approvals and do not end with a case that is closed."""
    drafted = (notice for notice in case.notices if notice.stage is NoticeStage.DRAFTED and notice.current)
    return tuple(notice for notice in drafted if _outlives_closing(case, notice))


def waits_since(notice: NoticeStatus) -> datetime:
    """Return since when the notice waits: its draft, or the latest time at which an approval expired."""
    return max((notice.drafted_at, *notice.standing.expired.values()))


def _outlives_closing(case: Case, notice: NoticeStatus) -> bool:
    """Return False when the case is closed and the notice ends with it.

    Notices about commitments go on after closing, notices that have reached some people and not all, and those to
    people who were told something that is wrong by now, for whom the case is open again.
    """
    return not case.is_closed or notice.is_on_its_way or _is_of(case, notice, Phase.FOLLOW_UP)


def _of(case: Case, notice: NoticeStatus, members: tuple[Member, ...], now: datetime) -> Iterator[ApprovalReminder]:
    legal = {one.to: one for one in _legal(case, notice, members, now)}
    yield from legal.values()
    if case.state is IncidentState.PAUSED:
        return
    for one in _plain(case, notice, members, now):
        if not (one.occasion is Occasion.NEEDED and one.to in legal):  # the legal reminder says this too
            yield one


def _plain(case: Case, notice: NoticeStatus, members: tuple[Member, ...], now: datetime) -> Iterator[ApprovalReminder]:
    """Yield reminders to members whose approval is needed, and once the time is over to the leads too."""
    wanted = _wanted(notice, members, now)
    for name, speaks_for in wanted.items():
        since = max(_since(notice, one) for one in speaks_for)
        yield _reminder(case, notice, _named(members, name), _occasion(case, since, now), since, speaks_for)
    latest = waits_since(notice)
    if _occasion(case, latest, now) is Occasion.OVER:
        due_at_once = any(duty.due_at is None for duty in _owed_to_people(case, notice))
        for member in members:
            if member.name not in wanted and (
                member.role is TeamRole.LEAD or (due_at_once and member.role.may_approve)
            ):
                yield _reminder(case, notice, member, Occasion.OVER, latest)


def _wanted(notice: NoticeStatus, members: tuple[Member, ...], now: datetime) -> dict[str, tuple[str, ...]]:
    """Return the members to remind, each with the members whose approval they can give.

    The deputy of a member who is away is reminded in the member's place.
    """
    standing = notice.standing
    decided = {standing.deputies.get(name, name) for name in standing.approved_by}
    free = {m.name: m for m in members if why_not_approve(m, notice.authors) is None and m.name not in decided}
    only_roles = standing.missing_roles if len(standing.missing_roles) == standing.still_needed else tuple(TeamRole)
    wanted: dict[str, tuple[str, ...]] = {}
    for member in free.values():
        if member.name not in standing.approved_by and member.role in only_roles:
            deputy = member.deputy_at(now)
            asked = deputy if deputy in free else member.name
            wanted[asked] = (*wanted.get(asked, ()), member.name)
    return wanted


def _since(notice: NoticeStatus, name: str) -> datetime:
    """Return when this member's approval became needed: when the notice was drafted, or an earlier approval expired."""
    return max(notice.drafted_at, notice.standing.expired.get(name, notice.drafted_at))


def _occasion(case: Case, since: datetime, now: datetime) -> Occasion:
    within = _within(case)
    if now >= since + within:
        return Occasion.OVER
    return Occasion.HALF if now >= since + within / 2 else Occasion.NEEDED


def _within(case: Case) -> timedelta:
    return case.playbook.approve_within if case.playbook else timedelta(0)


def _legal(case: Case, notice: NoticeStatus, members: tuple[Member, ...], now: datetime) -> Iterator[ApprovalReminder]:
    """Yield reminders to all approvers, authors among them, when a legal deadline to tell people comes near."""
    dated = [(duty.due_at, duty) for duty in _owed_to_people(case, notice) if duty.due_at]
    if not dated:
        return
    due_at, duty = min(dated, key=lambda pair: pair[0])
    if due_at - now > LEGAL_SOON:
        return
    occasion = Occasion.LEGAL_NOW if due_at - now <= LEGAL_NOW else Occasion.LEGAL_SOON
    wanted = _wanted(notice, members, now)
    for member in members:
        if member.role.may_approve:
            yield _reminder(case, notice, member, occasion, due_at, wanted.get(member.name, ()), duty)


def _owed_to_people(case: Case, notice: NoticeStatus) -> tuple[Duty, ...]:
    """Return the duties that this notice would meet: the duties to people, as long as no people were told."""
    if not _is_of(case, notice, Phase.NOTIFY) or Event.NOTIFIED in case.events:
        return ()
    return tuple(duty for duty in open_duties(case) if duty.addressee is Addressee.PEOPLE and not duty.waits)


def _is_of(case: Case, notice: NoticeStatus, phase: Phase) -> bool:
    steps = case.playbook.steps if case.playbook else ()
    return any(step.id == notice.step and step.phase is phase for step in steps)


def _reminder(
    case: Case,
    notice: NoticeStatus,
    to: Member,
    occasion: Occasion,
    since: datetime,
    speaks_for: tuple[str, ...] = (),
    duty: Duty | None = None,
) -> ApprovalReminder:
    pressing = occasion.legal or occasion is Occasion.OVER
    leads = to.role in (TeamRole.LEAD, TeamRole.EXECUTIVE)
    return ApprovalReminder(
        incident=case.incident.id,
        notice=notice.id,
        binding=notice.binding,
        to=to.name,
        occasion=occasion,
        since=since,
        until=(waits_since(notice) if occasion.legal else since) + _within(case),
        missing=notice.standing.waits_for,
        speaks_for=speaks_for,
        can_declare=pressing and leads and why_not_approve(to, notice.authors) is None,
        law=f"{duty.law}, {duty.citation}" if duty else "",
    )


def _named(members: Iterable[Member], name: str) -> Member:
    return next(member for member in members if member.name == name)


def title(reminder: ApprovalReminder) -> str:
    """Return the subject of the reminder, in one line."""
    about = f"{reminder.notice} of {reminder.incident}"
    if reminder.occasion.legal:
        return f"Legal deadline {minute(reminder.since)}: {about} is not approved"
    if reminder.occasion is Occasion.OVER:
        return f"Overdue: {about} is not approved"
    return f"{about} waits for your approval"


def text(reminder: ApprovalReminder, zone: str, now: datetime) -> str:
    """Return the text of the reminder, with what to do; times are in UTC and in the organisation's time zone."""
    return "\n".join(_lines(reminder, zone, now))


def _lines(reminder: ApprovalReminder, zone: str, now: datetime) -> Iterator[str]:
    call = f"{reminder.incident} {reminder.notice}"
    yield f"Incident {reminder.incident}: {reminder.notice} waits for {reminder.missing}."
    if reminder.law:
        must = "must be" if now < reminder.since else "should have been"
        yield f"By law people {must} told by {in_both(reminder.since, zone)} ({reminder.law})."
    should = "should be" if now < reminder.until else "should have been"
    yield f"It {should} approved by {in_both(reminder.until, zone)}."
    yield f"Look at it: amends preview {call}"
    yield from _what_to_do(reminder, call)


def _what_to_do(reminder: ApprovalReminder, call: str) -> Iterator[str]:
    approve, exactly = f"amends approve {call}", f"--binding {reminder.binding[:12]}"
    if not reminder.speaks_for:
        yield "A word of yours does not help it; ask those who can approve it."
    for name in reminder.speaks_for:
        own = name == reminder.to
        yield (
            f"Approve it: {approve} --as {name} {exactly}"
            if own
            else (f"Approve it in place of {name}: {approve} --as {reminder.to} --for {name} {exactly}")
        )
    if reminder.can_declare:
        two = f"--emergency --as {reminder.to} --with NAME --why REASON {exactly}"
        yield f"If the approvals cannot be had in time, two of you can: {approve} {two}"
