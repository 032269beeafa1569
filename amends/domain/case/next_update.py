"""The times that people were given for the next news: which were kept, which are running, which were missed.

A time is kept when the next notice with news began to leave by then. Not when the last of its messages left: one
mailbox that says `later` would make every large notice late, and we would be sorry for what hardly anybody felt.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from amends.domain.base.text import in_both, listed
from amends.domain.base.value import Moment, Value
from amends.domain.case.case import Case, IncidentState, OccurrenceState
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.playbook.playbook import HOLDING, Event, Phase, Step

MISSED = "news missed "
"""Before a time that was named: the event that it was missed, which stays so whatever is known later."""
WAITING_STAGES = (NoticeStage.DRAFTED, NoticeStage.APPROVED, NoticeStage.REJECTED)
"""Nothing of the version that stands has left."""


class Fate(StrEnum):
    """What became of a time that was named."""

    REPLACED = "replaced"
    """People heard something before, and go by the time that this named."""
    KEPT = "kept"
    RUNNING = "running"
    MISSED = "missed"


class NextUpdate(Value):
    """A time that people were given for the next news."""

    until: Moment
    named_by: tuple[str, ...]
    """The notices that named it, the first one first."""
    named_at: Moment
    """When the first of them began to leave."""
    fate: Fate
    by: str = ""
    """The notice with news that kept it, replaced it or came too late; empty while there is none."""
    came_at: Moment | None = None
    """When that notice began to leave."""

    @property
    def open(self) -> bool:
        """People have not heard any news since it was named."""
        return self.came_at is None

    @property
    def noted_as(self) -> str:
        """The event under which it is known that this time was missed."""
        return noted_as(self.until)

    def late_by(self, now: datetime) -> timedelta:
        """How late the news came, or is by now; nothing for a time that was not missed."""
        return (self.came_at or now) - self.until if self.fate is Fate.MISSED else timedelta()


class Silence(Value):
    """Between two notices with news."""

    after: str
    since: Moment
    before: str
    until: Moment

    @property
    def length(self) -> timedelta:
        """How long nobody heard anything."""
        return self.until - self.since


def next_updates(case: Case, now: datetime) -> tuple[NextUpdate, ...]:
    """Every time that people were given for the next news, the earliest first."""
    named: dict[datetime, list[_Naming]] = {}
    for naming in sorted(_namings(case)):
        named.setdefault(naming.until, []).append(naming)
    told = _told(case)
    return tuple(_clock(case, told, namings, now) for _, namings in sorted(named.items()))


def awaited(case: Case) -> datetime | None:
    """The first of the times that were named since people last heard news: they still wait for it."""
    last = max((one.key for one in _told(case)), default=None)
    return min((one.until for one in _namings(case) if last is None or one.key >= last), default=None)


def to_be_sorry_for(case: Case, now: datetime) -> NextUpdate | None:
    """The first missed time for which the next notice says sorry: nobody did yet, and at most one came since."""
    said = [(one.at, one.sorry_for) for notice in case.notices for one in notice.told_versions]
    until = max((at for at, sorry_for in said if sorry_for), default=None)
    latest = [one.notice.id for one in _told(case)][-1:]
    missed = (clock for clock in next_updates(case, now) if clock.fate is Fate.MISSED and clock.by in ("", *latest))
    return next((clock for clock in missed if until is None or clock.until > until), None)


def as_news_stands(case: Case, now: datetime) -> Case:
    """The case with what it means for drafts that a time was missed, or that people have heard.

    A draft that does not say sorry for the missed time is not current; one that is approved leaves as it is, because
    asking anew would make it later still, and the next one says it. A holding statement that nobody waits for is gone.
    """
    sorry = to_be_sorry_for(case, now) is not None
    news = {notice.id for notice in case.with_news()}
    notices = tuple(
        notice.model_copy(update={"current": False})
        if sorry and notice.id in news and _says_nothing(notice)
        else notice
        for notice in case.notices
        if not (notice.step == HOLDING and _is_draft(notice) and is_needless(case, notice.occurrence))
    )
    return case if notices == case.notices else case.model_copy(update={"notices": notices})


def is_needless(case: Case, number: int) -> bool:
    """Whether people have heard since this holding statement was begun, so that nobody waits for it."""
    until, within = awaited(case), case.playbook.approve_within if case.playbook else timedelta()
    begun = (turn.due_at for turn in case.occurrences if (turn.step, turn.number) == (HOLDING, number))
    return until is None or any(until - within > due_at for due_at in begun)


def warnings(case: Case, now: datetime) -> tuple[str, ...]:
    """What the lead should hear when half of the time for approvals is over, and three quarters, and nobody approved.

    The same words at every look, so that they are said once.
    """
    until = awaited(case)
    paused = case.state is IncidentState.PAUSED
    if until is None or case.playbook is None or now > until:
        return ()
    aside = set_aside(case)
    if not paused and any(_is_approved(n) and (n.step, n.occurrence) not in aside for n in case.with_news()):
        return ()
    within = case.playbook.approve_within
    left = "a quarter" if now >= until - within / 4 else "half" if now >= until - within / 2 else ""
    if not left:
        return ()
    zone = case.incident.organisation.timezone
    what = f"{left} of the time for approvals is left: people expect news by {in_both(until, zone)}"
    why = "the incident is paused" if paused else "nothing is approved"
    return (f"{what}, and {why}; `amends timeline {case.incident.id}` shows what waits",)


def set_aside(case: Case) -> frozenset[tuple[str, int]]:
    """The turns that a person holds or left out: nothing that was written in them leaves."""
    states = (OccurrenceState.HELD, OccurrenceState.SKIPPED)
    return frozenset((turn.step, turn.number) for turn in case.occurrences if turn.state in states)


def missed_line(clock: NextUpdate, zone: str) -> str:
    """That a time was missed, in words for the lead."""
    named = f"{in_both(clock.until, zone)}, the time for the next news that {listed(clock.named_by)} named"
    return f"missed: {named}; the next notice says that we are sorry"


def noted_as(until: datetime) -> str:
    """The event under which it is known that this time was missed."""
    return f"{MISSED}{until:%Y-%m-%dT%H:%M}Z"


def standing(case: Case) -> str:
    """How far the next notice with news has come, in words."""
    drafts = [notice for notice in case.with_news() if _is_draft(notice) or notice.begun_at is None]
    return "; ".join(map(_stands, drafts)) or "nothing is drafted yet"


def longest_silence(case: Case, now: datetime) -> Silence | None:
    """The longest time in which people heard nothing, from the first notice to the last news or to now; None before."""
    told = [(one.key[0], one.notice.id) for one in _told(case)]
    end = case.events.get(Event.CLOSED, case.events.get(Event.RESOLVED))
    marks = told if end or not told else [*told, (now, "now")]
    gaps = (Silence(after=a, since=since, before=b, until=until) for (since, a), (until, b) in pairwise(marks))
    return max(gaps, key=lambda gap: gap.length, default=None)


def holding_step(case: Case) -> Step:
    """How the holding statement is told: to whom, over what and with whose approval people were told before.

    Raises LookupError when no playbook runs, or none of its steps tells people anything.
    """
    if case.playbook is None:
        raise LookupError("no playbook runs")
    telling = {
        step.id: step for step in case.playbook.steps if step.notice and step.phase in (Phase.UPDATE, Phase.NOTIFY)
    }
    if not telling:
        raise LookupError(f"no step of {case.playbook.id} tells people anything")
    last = [one.notice.step for one in _told(case) if one.notice.step in telling]
    how = telling[last[-1]] if last else next(iter(telling.values()))
    kept = {"audience", "channels", "cascade", "approvals", "waits_for", "waves"}
    words = "Say that there is nothing new yet, because people were told that they would hear from us by now."
    return Step.model_validate(
        how.model_dump(by_alias=True, include=kept)
        | {"id": HOLDING, "phase": Phase.UPDATE, "of": "notified", "every": "1d", "at_most": 500}
        | {"notice": HOLDING, "reads_on": words}
    )


@dataclass(frozen=True, order=True)
class _Naming:
    """One notice naming one time."""

    at: datetime
    place: int
    """Of its notice among the others, which decides between those that left at the same moment."""
    until: datetime
    notice: str

    @property
    def key(self) -> tuple[datetime, int]:
        return self.at, self.place


@dataclass(frozen=True)
class _Telling:
    """A notice with news that has begun to leave."""

    key: tuple[datetime, int]
    notice: NoticeStatus


def _namings(case: Case) -> Iterator[_Naming]:
    for place, notice in enumerate(case.notices):
        for one in notice.told_versions:
            if one.next_news_at:
                yield _Naming(one.at, place, one.next_news_at, notice.id)


def _told(case: Case) -> list[_Telling]:
    """In the order in which they began to leave."""
    places = {notice.id: place for place, notice in enumerate(case.notices)}
    begun = ((notice.begun_at, notice) for notice in case.with_news())
    told = (_Telling((at, places[notice.id]), notice) for at, notice in begun if at)
    return sorted(told, key=lambda one: one.key)


def _clock(case: Case, told: list[_Telling], namings: list[_Naming], now: datetime) -> NextUpdate:
    """What became of the time; of several notices that named it, the one for which it went worst counts."""
    first, noted = namings[0], case.events.get(noted_as(namings[0].until))
    fates = [_fate(case, told, naming, noted, now) for naming in namings]
    fate, by, came_at = max(fates, key=lambda one: list(Fate).index(one[0]))
    named_by = tuple(dict.fromkeys(naming.notice for naming in namings))
    return NextUpdate(until=first.until, named_by=named_by, named_at=first.at, fate=fate, by=by, came_at=came_at)


def _fate(
    case: Case, told: list[_Telling], naming: _Naming, noted: datetime | None, now: datetime
) -> tuple[Fate, str, datetime | None]:
    place = bisect_right(told, naming.key, key=lambda one: one.key)
    if place == len(told):
        return Fate.MISSED if noted or now > naming.until else Fate.RUNNING, "", None
    came_at, notice = told[place].key[0], told[place].notice
    if came_at > naming.until:
        return Fate.MISSED, notice.id, came_at
    if noted:  # it had been let go in time, and nothing of it could leave
        return Fate.MISSED, notice.id, max(noted, notice.sent_at or noted)
    replaced = any(one.next_news_at for one in notice.told_versions) and not _is_an_update(case, notice)
    return Fate.REPLACED if replaced else Fate.KEPT, notice.id, came_at


def _is_an_update(case: Case, notice: NoticeStatus) -> bool:
    """It is the news that was announced, and not something that came between."""
    steps = case.playbook.steps if case.playbook else ()
    return notice.step == HOLDING or any(step.id == notice.step and step.phase is Phase.UPDATE for step in steps)


def _says_nothing(notice: NoticeStatus) -> bool:
    """It waits for approvals and does not say sorry."""
    return notice.stage is NoticeStage.DRAFTED and notice.sorry_for is None


def _is_draft(notice: NoticeStatus) -> bool:
    return notice.stage in WAITING_STAGES and not notice.releases


def _is_approved(notice: NoticeStatus) -> bool:
    """It will leave without a further word."""
    return notice.current and notice.begun_at is None and notice.stage in (NoticeStage.APPROVED, NoticeStage.SENDING)


def _stands(notice: NoticeStatus) -> str:
    missing = notice.approvals_missing
    if notice.stage is NoticeStage.DRAFTED and notice.current:
        return f"{notice.id} waits for {missing} {'approval' if missing == 1 else 'approvals'}"
    if notice.stage is NoticeStage.DRAFTED:
        return f"{notice.id} is drafted afresh"
    return f"{notice.id} is {'on its way' if notice.stage is NoticeStage.SENDING else notice.stage}"
