"""The times that people were given for the next update: kept, running, or missed.

A time is kept when sending of the next notice with news began by then. The last message does not decide: one mailbox
that says `later` would make every large notice late, and people would get an apology for a delay that hardly anybody
felt.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from amends.domain.base.text import in_both, listed, minute
from amends.domain.base.value import Moment, Value
from amends.domain.case.case import Case
from amends.domain.case.states import IncidentState, OccurrenceState
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.playbook.playbook import HOLDING, Event, Phase, Step

WAITING_STAGES = (NoticeStage.DRAFTED, NoticeStage.APPROVED, NoticeStage.REJECTED)
"""Stages of a version of which no message has been sent."""


class Fate(StrEnum):
    """The fate of a time that was named for the next update."""

    REPLACED = "replaced"
    """People got another notice before, and rely on the time that this notice named."""
    KEPT = "kept"
    RUNNING = "running"
    MISSED = "missed"


class NextUpdate(Value):
    """A time that people were given for the next update."""

    until: Moment
    named_by: tuple[str, ...]
    """The notices that named the time, the first one first."""
    named_at: Moment
    """The time at which sending of the first of these notices began."""
    fate: Fate
    by: str = ""
    """The notice with news that kept or replaced the time, or came too late; empty while there is none."""
    came_at: Moment | None = None
    """The time at which sending of this notice began."""

    @property
    def open(self) -> bool:
        """Return True while people have had no news since the time was named."""
        return self.came_at is None

    @property
    def missed_event(self) -> str:
        """Return the event under which it is recorded that this time was missed."""
        return missed_event(self.until)

    def late_by(self, now: datetime) -> timedelta:
        """Return how late the news came, or is by now; zero for a time that was not missed."""
        return (self.came_at or now) - self.until if self.fate is Fate.MISSED else timedelta()


class Silence(Value):
    """A time of silence between two notices with news."""

    after: str
    since: Moment
    before: str
    until: Moment

    @property
    def length(self) -> timedelta:
        """Return how long the silence lasted."""
        return self.until - self.since


def next_updates(case: Case, now: datetime) -> tuple[NextUpdate, ...]:
    """Return every time that people were given for the next update, the earliest first."""
    named: dict[datetime, list[_NamedTime]] = {}
    for named_time in sorted(_named_times(case)):
        named.setdefault(named_time.until, []).append(named_time)
    sent = _sent_news(case)
    return tuple(_next_update(case, sent, times, now) for _, times in sorted(named.items()))


def awaited(case: Case) -> datetime | None:
    """Return the earliest time named since people last had news, for which they still wait, or None."""
    last = max((one.key for one in _sent_news(case)), default=None)
    return min(
        (named_time.until for named_time in _named_times(case) if last is None or named_time.key >= last), default=None
    )


def to_be_sorry_for(case: Case, now: datetime) -> NextUpdate | None:
    """Return the first missed time for which the next notice must say sorry, or None.

    A missed time counts when it is later than the last notice that said sorry, and when at most one notice with news
    has come since.
    """
    said = [
        (told_version.at, told_version.sorry_for) for notice in case.notices for told_version in notice.told_versions
    ]
    until = max((at for at, sorry_for in said if sorry_for), default=None)
    latest = [one.notice.id for one in _sent_news(case)][-1:]
    missed = (
        next_update
        for next_update in next_updates(case, now)
        if next_update.fate is Fate.MISSED and next_update.by in ("", *latest)
    )
    return next((one for one in missed if until is None or one.until > until), None)


def as_news_stands(case: Case, now: datetime) -> Case:
    """Return the case with its drafts adjusted to missed times and to news that people have had.

    A draft that does not say sorry for the missed time is not current. An approved one is sent as it is, because a new
    approval would make it later still; the next notice says sorry. A holding statement for which nobody waits is left
    out.
    """
    sorry = to_be_sorry_for(case, now) is not None
    news = {notice.id for notice in case.with_news()}
    notices = tuple(
        notice.model_copy(update={"current": False})
        if sorry and notice.id in news and _lacks_apology(notice)
        else notice
        for notice in case.notices
        if not (notice.step == HOLDING and _is_draft(notice) and is_needless(case, notice.occurrence))
    )
    return case if notices == case.notices else case.model_copy(update={"notices": notices})


def is_needless(case: Case, number: int) -> bool:
    """Return True when people have had news since this holding statement was begun, so that nobody waits for one."""
    until, within = awaited(case), case.playbook.approve_within if case.playbook else timedelta()
    begun = (
        occurrence.due_at
        for occurrence in case.occurrences
        if (occurrence.step, occurrence.number) == (HOLDING, number)
    )
    return until is None or any(until - within > due_at for due_at in begun)


def warnings(case: Case, now: datetime) -> tuple[Alert, ...]:
    """Return warnings to the lead that only half or a quarter of the time for approvals is left, with none given."""
    until = awaited(case)
    paused = case.state is IncidentState.PAUSED
    if until is None or case.playbook is None or now > until:
        return ()
    aside = set_aside(case)
    if not paused and any(_is_approved(n) and (n.step, n.occurrence) not in aside for n in case.with_news()):
        return ()
    within = case.playbook.approve_within
    if now < until - within / 2:
        return ()
    left, share = ("a quarter", "1/4") if now >= until - within / 4 else ("half", "1/2")
    zone = case.incident.organisation.timezone
    what = f"{left} of the time for approvals is left: people expect news by {in_both(until, zone)}"
    why = "the incident is paused" if paused else "nothing is approved"
    words = f"{what}, and {why}; `amends timeline {case.incident.id}` shows what waits"
    return (Alert(AlertId(AlertKind.NEWS_AWAITED, minute(until), share), words, now),)


def set_aside(case: Case) -> frozenset[tuple[str, int]]:
    """Return step and number of occurrences that a person holds or skipped: none of their notices is sent."""
    states = (OccurrenceState.HELD, OccurrenceState.SKIPPED)
    return frozenset(
        (occurrence.step, occurrence.number) for occurrence in case.occurrences if occurrence.state in states
    )


def missed_alert(missed: NextUpdate, zone: str, now: datetime) -> Alert:
    """Return the alert to the lead that this time was missed."""
    named = f"{in_both(missed.until, zone)}, the time for the next news that {listed(missed.named_by)} named"
    words = f"missed: {named}; the next notice says that we are sorry"
    return Alert(AlertId(AlertKind.NEWS_MISSED, minute(missed.until)), words, now)


def missed_event(until: datetime) -> str:
    """Return the event under which it is recorded that this time was missed."""
    return f"{until:%Y-%m-%dT%H:%M}Z"


def standing(case: Case) -> str:
    """Return in words how far the next notice with news has come."""
    drafts = [notice for notice in case.with_news() if _is_draft(notice) or notice.begun_at is None]
    return "; ".join(map(_stands, drafts)) or "nothing is drafted yet"


def longest_silence(case: Case, now: datetime) -> Silence | None:
    """Return the longest silence between notices with news, the last one lasting to now while unresolved, or None."""
    sent = [(one.key[0], one.notice.id) for one in _sent_news(case)]
    end = case.events.get(Event.CLOSED, case.events.get(Event.RESOLVED))
    marks = sent if end or not sent else [*sent, (now, "now")]
    gaps = (Silence(after=a, since=since, before=b, until=until) for (since, a), (until, b) in pairwise(marks))
    return max(gaps, key=lambda gap: gap.length, default=None)


def holding_step(case: Case) -> Step:
    """Return the step of the holding statement, with the audience, channels and approvals of the last notice sent.

    Raises LookupError when no playbook runs, or none of its steps tells people anything.
    """
    if case.playbook is None:
        raise LookupError("no playbook runs")
    telling = {
        step.id: step for step in case.playbook.steps if step.notice and step.phase in (Phase.UPDATE, Phase.NOTIFY)
    }
    if not telling:
        raise LookupError(f"no step of {case.playbook.id} tells people anything")
    last = [one.notice.step for one in _sent_news(case) if one.notice.step in telling]
    how = telling[last[-1]] if last else next(iter(telling.values()))
    kept = {"audience", "channels", "cascade", "approvals", "waits_for", "waves"}
    words = "Say that there is nothing new yet, because people were told that they would hear from us by now."
    return Step.model_validate(
        how.model_dump(by_alias=True, include=kept)
        | {"id": HOLDING, "phase": Phase.UPDATE, "of": "notified", "every": "1d", "at_most": 500}
        | {"notice": HOLDING, "reads_on": words}
    )


@dataclass(frozen=True, order=True)
class _NamedTime:
    """A time for the next update, as one notice named it."""

    at: datetime
    place: int
    """The place of the notice among the others, which decides between notices sent at the same moment."""
    until: datetime
    notice: str

    @property
    def key(self) -> tuple[datetime, int]:
        return self.at, self.place


@dataclass(frozen=True)
class _SentNews:
    """A notice with news of which sending has begun."""

    key: tuple[datetime, int]
    notice: NoticeStatus


def _named_times(case: Case) -> Iterator[_NamedTime]:
    for place, notice in enumerate(case.notices):
        for told_version in notice.told_versions:
            if told_version.next_news_at:
                yield _NamedTime(told_version.at, place, told_version.next_news_at, notice.id)


def _sent_news(case: Case) -> list[_SentNews]:
    """Return the notices with news of which sending has begun, in the order of their beginnings."""
    places = {notice.id: place for place, notice in enumerate(case.notices)}
    begun = ((notice.begun_at, notice) for notice in case.with_news())
    sent = (_SentNews((at, places[notice.id]), notice) for at, notice in begun if at)
    return sorted(sent, key=lambda one: one.key)


def _next_update(case: Case, sent: list[_SentNews], times: list[_NamedTime], now: datetime) -> NextUpdate:
    """Return the next update at this time; of several notices that named the time, the worst fate counts."""
    first, recorded = times[0], case.missed_updates.get(missed_event(times[0].until))
    fates = [_fate(case, sent, named, recorded, now) for named in times]
    fate, by, came_at = max(fates, key=lambda one: list(Fate).index(one[0]))
    named_by = tuple(dict.fromkeys(named.notice for named in times))
    return NextUpdate(until=first.until, named_by=named_by, named_at=first.at, fate=fate, by=by, came_at=came_at)


def _fate(
    case: Case, sent: list[_SentNews], named: _NamedTime, recorded: datetime | None, now: datetime
) -> tuple[Fate, str, datetime | None]:
    place = bisect_right(sent, named.key, key=lambda one: one.key)
    if place == len(sent):
        return Fate.MISSED if recorded or now > named.until else Fate.RUNNING, "", None
    came_at, notice = sent[place].key[0], sent[place].notice
    if came_at > named.until:
        return Fate.MISSED, notice.id, came_at
    if recorded:  # the notice was released in time, but no message could be sent by then
        return Fate.MISSED, notice.id, max(recorded, notice.sent_at or recorded)
    replaced = any(told_version.next_news_at for told_version in notice.told_versions) and not _is_an_update(
        case, notice
    )
    return Fate.REPLACED if replaced else Fate.KEPT, notice.id, came_at


def _is_an_update(case: Case, notice: NoticeStatus) -> bool:
    """Return True when the notice is the update that was announced, and not another notice that came between."""
    steps = case.playbook.steps if case.playbook else ()
    return notice.step == HOLDING or any(step.id == notice.step and step.phase is Phase.UPDATE for step in steps)


def _lacks_apology(notice: NoticeStatus) -> bool:
    """Return True when the notice waits for approvals and does not say sorry."""
    return notice.stage is NoticeStage.DRAFTED and notice.sorry_for is None


def _is_draft(notice: NoticeStatus) -> bool:
    return notice.stage in WAITING_STAGES and not notice.releases


def _is_approved(notice: NoticeStatus) -> bool:
    """Return True when the notice will be sent without a further decision."""
    return notice.current and notice.begun_at is None and notice.stage in (NoticeStage.APPROVED, NoticeStage.SENDING)


def _stands(notice: NoticeStatus) -> str:
    missing = notice.approvals_missing
    if notice.stage is NoticeStage.DRAFTED and notice.current:
        return f"{notice.id} waits for {missing} {'approval' if missing == 1 else 'approvals'}"
    if notice.stage is NoticeStage.DRAFTED:
        return f"{notice.id} is drafted afresh"
    return f"{notice.id} is {'on its way' if notice.stage is NoticeStage.SENDING else notice.stage}"
