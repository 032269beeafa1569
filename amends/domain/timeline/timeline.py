"""The timeline of an incident: work done, tasks that wait for people, and events expected next."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from amends.domain.base.text import counted, listed, minute, say_span
from amends.domain.base.value import Moment, Value
from amends.domain.case.contacts import contacts_shown
from amends.domain.case.deadlines import open_duties
from amends.domain.case.lawfully import LawfullyTold, told_in_all
from amends.domain.case.next_update import Fate, NextUpdate, awaited, next_updates, standing
from amends.domain.case.reach import substitutes_demanded, why_not_done
from amends.domain.case.states import IncidentState, OccurrenceState, RecordedOccurrence
from amends.domain.case.views.timeline import TimelineView
from amends.domain.closing.criteria import overrides_waiting
from amends.domain.feedback.load.load import ForecastDay
from amends.domain.feedback.queue.gaps import gaps
from amends.domain.incident.commitment import CommitmentState
from amends.domain.law.duty import Addressee, Duty, DutyStanding
from amends.domain.law.filing import standing_filings
from amends.domain.notice.notice import NoticeStage, NoticeStatus, PersonState
from amends.domain.people.locales import in_words, rule_command
from amends.domain.plan.forecast import forecast
from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.domain.playbook.closing import MAY_OVERRIDE
from amends.domain.playbook.playbook import DEADLINES, HOLDING, Event, Phase, Step

FORTNIGHT = timedelta(days=14)
MOST_ALERTS = 10
LEAD = "the lead"
EVENT_ORDER: dict[str, int] = {event: number for number, event in enumerate(Event)}


class LineKind(StrEnum):
    """The subject of a line."""

    EVENT = "event"
    STEP = "step"
    NOTICE = "notice"
    ALERT = "alert"
    """A person was told to look at something."""
    FILING = "filing"
    PROMISE = "promise"
    DEADLINE = "deadline"
    NEWS = "news"
    """A time that a notice named for the next update."""


class TimelineLine(Value):
    """One event that happened or is expected."""

    at: Moment
    kind: LineKind
    what: str
    note: str = ""
    series: str = ""
    """The step, when the line is one of many occurrences that tell people nothing; else empty."""


class Wait(StrEnum):
    """The act of a person for which something waits."""

    RESUME = "resume"
    APPROVAL = "approval"
    REWRITE = "rewrite"
    """An approver rejected the notice."""
    DECISION = "decision"
    PROMISE = "promise"
    ANSWER = "answer"
    GAP = "gap"
    """A question that many ask and to which nobody has an answer."""
    NEWS = "news"
    """People expected news by a time that has passed."""
    DEADLINE = "deadline"
    LETTERS = "letters"
    """Letters wait to be handed over to a print shop."""
    STOPPED = "stopped"
    """A send has stopped, or mail to a domain, until a person removes the reason."""
    LEAK = "leak"
    """Somebody wrote to us with the contact data of another person of the list."""
    OVERRIDE = "override"
    """A member passes over a closing criterion, which takes a second person."""
    SUBSTITUTE = "substitute"
    """A law demands a substitute notice for people whom nothing reached."""


class WaitingTask(Value):
    """A task that only people can do."""

    wait: Wait
    what: str
    whom: str
    by: Moment | None = None
    overdue: bool = False
    missing: int = 0
    """The number of approvals still needed, of questions without an answer, of duties without a filing, of letters."""
    do: str
    """The command that does the task, or shows more."""


class Timeline(Value):
    """The past, present and future of one incident, seen at one time."""

    incident: str
    title: str
    state: IncidentState
    playbook: str = ""
    pinned: str = ""
    zone: str
    """The organisation's time zone."""
    at: Moment
    until: Moment
    told: LawfullyTold | None = None
    """The people told as all duties demand that bind them; None where the laws count every message."""
    waiting: tuple[WaitingTask, ...] = ()
    """Overdue tasks first, then tasks without a time, then the others by their time."""
    alerts: tuple[TimelineLine, ...] = ()
    """Alerts to the lead in the last fortnight, MOST_ALERTS at most."""
    going: tuple[TimelineLine, ...] = ()
    """Work in progress that needs no person."""
    coming: tuple[TimelineLine, ...] = ()
    """Events expected if the waiting tasks were done now."""
    past: tuple[TimelineLine, ...] = ()
    contacts: tuple[ForecastDay, ...] = ()
    """The contacts of the days around now beside those that were to be expected; empty before anybody was told."""


def timeline(case: TimelineView, now: datetime, ahead: timedelta = FORTNIGHT) -> Timeline:
    """Return the incident as it stands now, and the events expected in the time `ahead`."""
    until = now + ahead
    return Timeline(
        incident=case.incident.id,
        title=case.incident.title,
        state=case.state,
        playbook=case.playbook.id if case.playbook else "",
        pinned=case.pinned,
        zone=case.incident.organisation.timezone,
        at=now,
        until=until,
        told=told_in_all(case),
        waiting=waiting_tasks(case, now),
        alerts=tuple(sorted(_alerts(case, now), key=_in_time)[-MOST_ALERTS:]),
        going=tuple(_going(case, now)),
        coming=tuple(sorted((line for line in _coming(case, now, until) if line.at <= until), key=_in_time)),
        past=tuple(sorted((line for line in _past(case, now) if line.at <= now), key=_in_time)),
        contacts=contacts_shown(case, now),
    )


def waiting_tasks(case: TimelineView, now: datetime) -> tuple[WaitingTask, ...]:
    """Return the tasks that only people can do: overdue tasks first, then those without a time, then by time."""
    return tuple(sorted(_waiting(case, now), key=_most_pressing))


def dated_events(case: TimelineView, now: datetime, until: datetime) -> tuple[TimelineLine, ...]:
    """Return the events up to `until` whose time is set already, whatever people decide meanwhile, in time order."""
    steps = (_expected(case, one) for one in plan(case, now).upcoming if one.step != DEADLINES)
    return tuple(sorted((line for line in (*steps, *_dates(case, now)) if line.at <= until), key=_in_time))


def folded(lines: Iterable[TimelineLine]) -> tuple[TimelineLine, ...]:
    """Return the lines with one line for all occurrences of a step that tells people nothing.

    The one line stands where the first of these occurrences stood.
    """
    groups: dict[tuple[str, int], list[TimelineLine]] = {}
    for number, line in enumerate(lines):
        groups.setdefault((line.series, 0 if line.series else number), []).append(line)
    return tuple(_as_one(same) for same in groups.values())


def _as_one(same: list[TimelineLine]) -> TimelineLine:
    if len(same) == 1:
        return same[0]
    note = f"and {len(same) - 1} more up to {same[-1].what}"
    return same[0].model_copy(update={"note": note})


def _most_pressing(waiting: WaitingTask) -> tuple[bool, float, str]:
    return not waiting.overdue, waiting.by.timestamp() if waiting.by else 0, waiting.what


def _in_time(line: TimelineLine) -> tuple[datetime, int, str]:
    """Return the key that sorts lines by time; at the same moment events come first, in the order of Event."""
    return line.at, EVENT_ORDER.get(line.what, len(EVENT_ORDER)), line.what


def _alerts(case: TimelineView, now: datetime) -> Iterator[TimelineLine]:
    for alert in case.alerts:
        if now - FORTNIGHT <= alert.at <= now:
            yield TimelineLine(at=alert.at, kind=LineKind.ALERT, what=alert.what)


# Tasks that wait for people


def _waiting(case: TimelineView, now: datetime) -> Iterator[WaitingTask]:
    if case.state is IncidentState.PAUSED:
        do = f"amends incident resume {case.incident.id} --as NAME"
        yield WaitingTask(
            wait=Wait.RESUME, what="the incident is paused: nothing begins, nothing is sent", whom=LEAD, do=do
        )
    if case.clock_doubt:
        what = f"nothing falls due until somebody says what time it is: {case.clock_doubt}"
        yield WaitingTask(wait=Wait.RESUME, what=what, whom=LEAD, do="amends clock trust --as NAME")
    if case.ledger_doubt:
        what = f"nothing is sent: {case.ledger_doubt}"
        yield WaitingTask(wait=Wait.RESUME, what=what, whom=LEAD, do="amends reconcile --log FILE --as NAME")
    if case.playbook is None and case.state is IncidentState.OPEN:
        do = f"amends run {case.incident.id} --playbook NAME --as NAME"
        yield WaitingTask(wait=Wait.DECISION, what="no playbook runs yet", whom=LEAD, do=do)
    yield from _shared_mailboxes(case)
    yield from _without_words(case)
    for notice in case.notices:
        yield from tasks_of_notice(case, notice, now)
    for occurrence in case.occurrences:
        yield from tasks_of_occurrence(case, occurrence, now)
    yield from (task for _, task in sends_stopped(case))
    yield from domains_stopped(case)
    yield from _leaks(case)
    yield from _owed(case, now)
    yield from _from_personal_pages(case)
    yield from _gaps(case)
    yield from _late_news(case, now)
    yield from _unrecorded_duties(case, now)
    yield from _substitutes(case, now)
    yield from _overrides(case, now)


def _shared_mailboxes(case: TimelineView) -> Iterator[WaitingTask]:
    """Yield the decision on mailboxes that several people share, until it is taken or a notice was released."""
    released = any(notice.releases for notice in case.notices)
    if case.audience.sharing and case.mailboxes is None and not released and not case.is_closed:
        people = counted(case.audience.sharing, "person shares", "people share")
        what = (
            f"{people} a mailbox with somebody before them in the list: one copy, or one for each? Each gets their own "
            "until this is decided"
        )
        do = f"amends audience mailboxes {case.incident.id} --rule one|each --as NAME"
        yield WaitingTask(wait=Wait.DECISION, what=what, whom=LEAD, do=do)


def _without_words(case: TimelineView) -> Iterator[WaitingTask]:
    """Yield the decision on people for whom the incident file has no text in their language."""
    without = case.without_texts
    if without and not case.is_closed:
        what = f"{in_words(without)}, and there are no texts for them: write these, or rule how they are told"
        do = rule_command(case.incident.id, without, case.incident.default_locale).strip("`")
        yield WaitingTask(wait=Wait.DECISION, what=what, whom=LEAD, do=do)


def tasks_of_notice(case: TimelineView, notice: NoticeStatus, now: datetime) -> Iterator[WaitingTask]:
    """Yield what people must do before the notice can go on: approve, correct, hand letters over, decide."""
    incident = case.incident.id
    if notice.current and notice.stage is NoticeStage.DRAFTED:
        yield _for_approvers(case, notice, now)
    if notice.current and notice.stage is NoticeStage.REJECTED:
        what = f"{notice.id} was rejected; its facts or texts must be corrected, then it is drafted anew"
        yield WaitingTask(wait=Wait.REWRITE, what=what, whom=LEAD, do="amends incident amend FILE --as NAME")
    if notice.letters_to_hand_over:
        letters = counted(notice.letters_to_hand_over, "letter waits", "letters wait")
        what, do = (
            f"{notice.id}: {letters} to be handed over",
            f"amends letters {incident} {notice.id} --out DIR --as NAME",
        )
        yield WaitingTask(wait=Wait.LETTERS, what=what, whom=LEAD, missing=notice.letters, do=do)
    for state, count in (("parked", notice.parked), ("uncertain", notice.people.get(PersonState.UNCERTAIN, 0))):
        if count:
            what = f"{notice.id}: {count} {'message is' if count == 1 else 'messages are'} {state}"
            do = f"amends deliveries {incident} {notice.id} --state {state}"
            yield WaitingTask(wait=Wait.DECISION, what=what, whom=LEAD, do=do)


def _for_approvers(case: TimelineView, notice: NoticeStatus, now: datetime) -> WaitingTask:
    """Return the task of approving the notice.

    Approvers are named by number and role only, because the case does not hold the team.
    """
    missing = notice.approvals_missing
    roles = notice.standing.missing_roles
    what = f"{notice.id}: {missing} of {notice.approvals_needed} approvals are missing"
    if notice.standing.expired:
        what += "; one that was given has run out"
    by = _approved_by(case, notice)
    return WaitingTask(
        wait=Wait.APPROVAL,
        what=what,
        whom=f"{missing} who may approve{f', with {listed(roles)} among them' if roles else ''}",
        by=by,
        overdue=by is not None and by < now,
        missing=missing,
        do=f"amends preview {case.incident.id} {notice.id}",
    )


def _approved_by(case: TimelineView, notice: NoticeStatus) -> datetime | None:
    """Return when approvals are due: by the playbook, or earlier when the law wants people told earlier.

    None while no playbook runs.
    """
    if case.playbook is None:
        return None
    step = _step(case, notice.step)
    owed = [
        d.due_at for d in _to_record(case) if d.addressee is Addressee.PEOPLE and d.standing is DutyStanding.APPLIES
    ]
    legal = [at for at in owed if at is not None and step and step.phase is Phase.NOTIFY]
    return min((notice.drafted_at + case.playbook.approve_within, *legal))


def tasks_of_occurrence(case: TimelineView, occurrence: RecordedOccurrence, now: datetime) -> Iterator[WaitingTask]:
    """Yield the decision about a held occurrence, or the playbook's task that has begun."""
    named, step = f"{case.incident.id} {occurrence.step} {occurrence.number} --as NAME", _step(case, occurrence.step)
    if occurrence.state is OccurrenceState.HELD:
        why = f": {occurrence.note}" if occurrence.note else ""
        what = f"{occurrence.step} {occurrence.number} is held{why}"
        yield WaitingTask(wait=Wait.DECISION, what=what, whom=LEAD, do=f"amends step go|skip {named}")
    elif occurrence.state is OccurrenceState.WAITING and step and step.task:
        by = step.within.after(occurrence.due_at, case.calendar) if step.within else None
        late = by is not None and by < now
        do = f"amends review end {case.incident.id} --as NAME" if step.review else f"amends step done {named}"
        yield WaitingTask(wait=Wait.DECISION, what=step.task, whom=step.owner, by=by, overdue=late, do=do)


def _step(case: TimelineView, step_id: str) -> Step | None:
    return next((step for step in case.playbook.steps if step.id == step_id), None) if case.playbook else None


def sends_stopped(case: TimelineView) -> Iterator[tuple[str, WaitingTask]]:
    """Yield each send that has stopped, by its notice; one that is over may still find what was altered since."""
    for stopped_send in case.stopped_sends:
        notice = case.notice(stopped_send.notice)
        if notice is None or not notice.is_over or (notice.sent_at and stopped_send.at >= notice.sent_at):
            since = f"{minute(stopped_send.at)} ({stopped_send.part}): {stopped_send.why}"
            what = f"{stopped_send.notice} has stopped since {since}"
            do = f"amends deliver {case.incident.id} {stopped_send.notice}"
            yield stopped_send.notice, WaitingTask(wait=Wait.STOPPED, what=what, whom=LEAD, do=do)


def domains_stopped(case: TimelineView) -> Iterator[WaitingTask]:
    """Yield each recipient domain to which mail waits until a person lets it go on."""
    waiting = [notice for notice in case.notices if notice.for_domains]
    left = counted(sum(notice.for_domains for notice in waiting), "message waits", "messages wait")
    named = waiting[0].id if waiting else "NOTICE"
    for stopped_domain in case.stopped_domains:
        left_there = left if len(case.stopped_domains) == 1 else f"{left} for such domains"
        since = f"{minute(stopped_domain.at)} ({stopped_domain.why}): {left_there}"
        domain = stopped_domain.domain or f"a domain that `amends timeline {case.incident.id}` names"
        what = f"{domain} refuses our mail by its policy since {since}"
        do = f"amends deliver {case.incident.id} {named} --domain {stopped_domain.domain or 'DOMAIN'} --as NAME"
        yield WaitingTask(wait=Wait.STOPPED, what=what, whom=LEAD, do=do)


def _leaks(case: TimelineView) -> Iterator[WaitingTask]:
    """Yield the questions whose writers have data of other people, until they are answered."""
    for question in case.leaks:
        what = f"question {question} holds contact data of other people of the list: find out how its writer got them"
        do = f"amends questions show {case.incident.id} {question}"
        yield WaitingTask(wait=Wait.LEAK, what=what, whom=LEAD, do=do)


def _owed(case: TimelineView, now: datetime) -> Iterator[WaitingTask]:
    """Yield overdue commitments, and the questions without an answer."""
    incident, asked = case.incident.id, case.questions
    for commitment in case.commitments:
        if commitment.overdue(now):
            do = f"amends commitments keep|late|break {incident} {commitment.id} --as NAME"
            by = commitment.new_due_at or commitment.due_at
            what = f"the promise {commitment.id} is late"
            yield WaitingTask(wait=Wait.PROMISE, what=what, whom=commitment.owner, by=by, overdue=True, do=do)
        if commitment.waits_for_review:
            do = f"amends commitments review {incident} {commitment.id} --as NAME"
            what = (
                f"the evidence for {commitment.id} waits for a review by another member than {commitment.reported_by}"
            )
            yield WaitingTask(wait=Wait.PROMISE, what=what, whom=LEAD, do=do)
    yield from _own_results(case, now)
    if asked.open:
        what = (
            f"{asked.open} {'question has' if asked.open == 1 else 'questions have'} no answer, {asked.overdue} overdue"
        )
        whom = case.playbook.questions_owner if case.playbook else LEAD
        do = f"amends questions list {incident} --open"
        yield WaitingTask(wait=Wait.ANSWER, what=what, whom=whom, overdue=asked.overdue > 0, missing=asked.open, do=do)


def _own_results(case: TimelineView, now: datetime) -> Iterator[WaitingTask]:
    """Yield each commitment that is kept for each person alone and of which persons have no result yet."""
    for commitment in case.commitments:
        if owed := case.remedies_owed.get(commitment.id):
            by = commitment.new_due_at or commitment.due_at
            what = f"{counted(owed, 'person has', 'people have')} no result of {commitment.id} yet"
            do = f"amends remedies list {case.incident.id} {commitment.id} --open"
            yield WaitingTask(
                wait=Wait.PROMISE, what=what, whom=commitment.owner, by=by, overdue=by < now, missing=owed, do=do
            )


def _from_personal_pages(case: TimelineView) -> Iterator[WaitingTask]:
    """Yield the reports whose people are held until somebody decides, and the requests for data with their date."""
    incident, asked = case.incident.id, case.requests
    if case.reports_open:
        reports = counted(case.reports_open, "report says", "reports say")
        what = f"{reports} that a message is for somebody else or an address outdated; their people get nothing now"
        do = f"amends reports list {incident} --open"
        yield WaitingTask(wait=Wait.DECISION, what=what, whom=LEAD, missing=case.reports_open, do=do)
    if asked.open:
        what = f"{counted(asked.open, 'person asks', 'people ask')} for their data, {asked.overdue} overdue"
        do = f"amends requests list {incident} --open"
        late = asked.overdue > 0
        yield WaitingTask(
            wait=Wait.DECISION, what=what, whom=LEAD, by=asked.due_at, overdue=late, missing=asked.open, do=do
        )


def _gaps(case: TimelineView) -> Iterator[WaitingTask]:
    """Yield the questions that many people ask and to which nobody has an answer."""
    for gap in gaps(case.many_asked):
        what = f"{gap.questions} people ask the same (group {gap.group}, topic {gap.topic}), and nobody has an answer"
        topic = case.playbook.topics.get(gap.topic) if case.playbook else None
        whom = topic.owner if topic and topic.owner else case.questions_owner
        do = f"amends questions answer-group {case.incident.id} {gap.group} --as NAME --in en=FILE"
        yield WaitingTask(wait=Wait.GAP, what=what, whom=whom, missing=gap.questions, do=do)


def _late_news(case: TimelineView, now: datetime) -> Iterator[WaitingTask]:
    """Yield a task when the time that people were given for news has passed without news."""
    if (until := awaited(case)) and until < now:
        what = f"people were told to expect news by then, and wait: {standing(case)}"
        yield WaitingTask(
            wait=Wait.NEWS, what=what, whom=LEAD, by=until, overdue=True, do=f"amends incident show {case.incident.id}"
        )


def _unrecorded_duties(case: TimelineView, now: datetime) -> Iterator[WaitingTask]:
    """Yield the legal duties without a filing whose time has passed, or that are due at once."""
    for due_at, duties in _by_time(_to_record(case)):
        if due_at is None or due_at < now:
            late = due_at is not None
            some_told = all(why_not_done(case, duty) for duty in duties)
            missing = (
                "some are not told yet" if some_told else "nothing is recorded" if late else "must be told at once"
            )
            what = f"{_names(duties)}: {missing}"
            do = f"amends duty list {case.incident.id}"
            yield WaitingTask(
                wait=Wait.DEADLINE, what=what, whom=LEAD, by=due_at, overdue=late, missing=len(duties), do=do
            )


def _substitutes(case: TimelineView, now: datetime) -> Iterator[WaitingTask]:
    """Yield each substitute notice that a law demands by the present numbers and that nobody has recorded."""
    due_at = {duty.id: duty.due_at for duty in case.duties}
    for one in substitutes_demanded(case):
        by, doubt = due_at[one.duty], "" if one.certain else " (may apply)"
        what = f"substitute notice{doubt}, {one.law}: {'; '.join(one.because)}; to do: {', '.join(one.to_do)}"
        do = f"amends duty substitute {case.incident.id} {one.duty} --url URL --as NAME"
        yield WaitingTask(wait=Wait.SUBSTITUTE, what=what, whom=LEAD, by=by, overdue=by is not None and by < now, do=do)


def _overrides(case: TimelineView, now: datetime) -> Iterator[WaitingTask]:
    """Yield each closing criterion that one member passes over and that waits for a second person."""
    for one in () if case.is_closed else overrides_waiting(case, now):
        what = f"one person ({one.voices[0].role}) passes over {one.criterion} at the closing: {', '.join(one.what)}"
        do = f"amends incident close {case.incident.id} --override {one.criterion} --reason TEXT --as NAME"
        yield WaitingTask(wait=Wait.OVERRIDE, what=what, whom=f"a second person of {listed(MAY_OVERRIDE)}", do=do)


def _to_record(case: TimelineView) -> list[Duty]:
    return [duty for duty in open_duties(case) if not duty.waits]


def _by_time(duties: Iterable[Duty]) -> list[tuple[datetime | None, list[Duty]]]:
    groups: dict[tuple[datetime | None, bool], list[Duty]] = {}
    for duty in duties:
        groups.setdefault((duty.due_at, duty.standing is DutyStanding.APPLIES), []).append(duty)
    return [(due_at, same) for (due_at, _), same in groups.items()]


def _names(duties: list[Duty]) -> str:
    """Return the recipients of the duties, the first two by name."""
    names = list(dict.fromkeys(duty.recipient_name for duty in duties))
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    doubt = "" if duties[0].standing is DutyStanding.APPLIES else " (may apply)"
    return f"{', '.join(names[:2])}{more}{doubt}"


# Work in progress, events to come, and the past


def _going(case: TimelineView, now: datetime) -> Iterator[TimelineLine]:
    for notice in case.notices:
        if not notice.current and not notice.is_over:
            note = "facts, audience or words changed; approvals given before are void"
            yield TimelineLine(
                at=notice.drafted_at, kind=LineKind.NOTICE, what=f"{notice.id} is drafted afresh", note=note
            )
        elif notice.stage is NoticeStage.SENDING:
            again = f"; the next try is at {notice.next_try_at:%H:%M} UTC" if notice.next_try_at else ""
            note = f"{_people(notice)}{again}"
            yield TimelineLine(
                at=notice.next_try_at or now, kind=LineKind.NOTICE, what=f"{notice.id} is being sent", note=note
            )


def _coming(case: TimelineView, now: datetime, until: datetime) -> Iterator[TimelineLine]:
    """Yield the events to come; of a paused incident as if it were resumed now."""
    yield from (_expected(case, one) for one in forecast(case.resumed(), now, until) if one.step != DEADLINES)
    yield from _dates(case, now)


def _dates(case: TimelineView, now: datetime) -> Iterator[TimelineLine]:
    """Yield the legal deadlines, the promises and the times named for news that are to come."""
    for due_at, duties in _by_time(_to_record(case)):
        if due_at is not None and due_at >= now:
            yield TimelineLine(
                at=due_at, kind=LineKind.DEADLINE, what=f"legal deadline: {_names(duties)}", note=duties[0].citation
            )
    for commitment in case.commitments:
        due_at = commitment.new_due_at or commitment.due_at
        if commitment.state is CommitmentState.OPEN and due_at >= now:
            what = f"the promise {commitment.id} is due"
            yield TimelineLine(at=due_at, kind=LineKind.PROMISE, what=what, note=commitment.owner)
    for update in next_updates(case, now):
        if update.fate is Fate.RUNNING:
            what = f"next news promised by {listed(update.named_by)}"
            yield TimelineLine(at=update.until, kind=LineKind.NEWS, what=what, note=standing(case))


def _expected(case: TimelineView, occurrence: PlannedOccurrence) -> TimelineLine:
    step, what = _step(case, occurrence.step), f"{occurrence.step} {occurrence.number}"
    if occurrence.step == HOLDING:
        note = "nothing else would keep the time that people were told for news"
        return TimelineLine(at=occurrence.due_at, kind=LineKind.NOTICE, what=what, note=note)
    if step is None or not step.notice:
        note = f"{step.task} ({step.owner})" if step and step.task else ""
        return TimelineLine(at=occurrence.due_at, kind=LineKind.STEP, what=what, note=note, series=occurrence.step)
    note = f"{step.notice} to {step.readers} by {', '.join(step.channels)}"
    return TimelineLine(at=occurrence.due_at, kind=LineKind.NOTICE, what=what, note=note)


def _past(case: TimelineView, now: datetime) -> Iterator[TimelineLine]:
    for name, at in case.named_events.items():
        if _step(case, name) is None:
            yield TimelineLine(at=at, kind=LineKind.EVENT, what=name)
    sent = {(notice.step, notice.occurrence) for notice in case.notices if notice.sent_at}
    for occurrence in case.occurrences:
        over = occurrence.state in (OccurrenceState.DONE, OccurrenceState.SKIPPED)
        if over and (occurrence.step, occurrence.number) not in sent:
            yield _finished(occurrence)
    for notice in case.notices:
        if notice.sent_at:
            yield TimelineLine(
                at=notice.sent_at, kind=LineKind.NOTICE, what=f"{notice.id} was sent", note=_people(notice)
            )
    yield from (_missed(update) for update in next_updates(case, now) if update.fate is Fate.MISSED)
    yield from _filed(case)
    for ruling in case.locale_rulings:
        yield TimelineLine(at=ruling.at, kind=LineKind.EVENT, what=ruling.says(case.audience.by_locale))
    for commitment in case.commitments:
        if commitment.settled_at:
            what = f"the promise {commitment.id} was {commitment.state}"
            yield TimelineLine(at=commitment.settled_at, kind=LineKind.PROMISE, what=what, note=commitment.owner)


def _filed(case: TimelineView) -> Iterator[TimelineLine]:
    """Yield the filings that stand, and the substitute notices that were given."""
    for filing in standing_filings(case.filings):
        yield TimelineLine(at=filing.filed_at, kind=LineKind.FILING, what=f"filed: {filing.duty}", note=filing.part)
    for given in case.substitutes:
        yield TimelineLine(at=given.at, kind=LineKind.FILING, what=f"substitute notice: {given.duty}", note=given.what)


def _missed(update: NextUpdate) -> TimelineLine:
    came = f"{update.by} came {say_span(update.late_by(update.until))} late" if update.came_at else "none has come yet"
    what = f"the time for news that {listed(update.named_by)} named was missed"
    return TimelineLine(at=update.until, kind=LineKind.NEWS, what=what, note=came)


def _finished(occurrence: RecordedOccurrence) -> TimelineLine:
    what = f"{occurrence.step} {occurrence.number}"
    at = occurrence.done_at or occurrence.due_at
    if occurrence.state is OccurrenceState.SKIPPED:
        return TimelineLine(at=at, kind=LineKind.STEP, what=f"{what} was left out", note=occurrence.note)
    return TimelineLine(at=at, kind=LineKind.STEP, what=what, note=occurrence.note, series=occurrence.step)


def _people(notice: NoticeStatus) -> str:
    return ", ".join(f"{count} {state}" for state, count in notice.people.items() if count)
