"""The case: everything known about one incident, read at one time; numbers, never the audience itself."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from amends.domain.assess.assessment import Assessment
from amends.domain.base.text import minute
from amends.domain.base.value import Moment, Value
from amends.domain.feedback.question import QuestionCounts, SurveyCounts
from amends.domain.incident.commitment import Commitment
from amends.domain.incident.incident import Incident, News
from amends.domain.law.filing import Filing
from amends.domain.notice.notice import NoticeStatus, PersonState
from amends.domain.people.person import AudienceCounts
from amends.domain.playbook.playbook import Event, Phase, Playbook, Threshold
from amends.domain.playbook.schedule import Calendar

DESTROYED = "destroyed"
"""The event that the personal data was destroyed. No step is timed from it: nobody is left to be told."""

ALERT = "alert:"
"""How the event begins by which an alert is noted once; its words follow."""
ALERT_LETTERS = 194
"""So many letters of an alert name it, when it has no more; the audit chain has all of them."""


class Alert(NamedTuple):
    """That a person must look at something."""

    name: str
    """Of the event by which it is known."""
    at: datetime

    @property
    def what(self) -> str:
        """Its words; of a long one the first."""
        words = self.name.removeprefix(ALERT)
        return words if len(words) <= ALERT_LETTERS else f"{words[:ALERT_LETTERS]}…"


class IncidentState(StrEnum):
    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"


class OccurrenceState(StrEnum):
    """Where a step's occurrence stands once it was begun."""

    PLANNED = "planned"
    """It has not begun; it is here because its run had to be set up again."""
    WAITING = "waiting"
    """It drafted something that waits for approval, or is being sent."""
    DONE = "done"
    SKIPPED = "skipped"
    """An outage or a condition made it needless."""
    HELD = "held"
    """Somebody cancelled its run; a person decides."""

    @property
    def begun(self) -> bool:
        """Something was done for it, or decided."""
        return self is not OccurrenceState.PLANNED


class RecordedOccurrence(Value):
    """One turn of a step, as recorded."""

    step: str
    number: int
    due_at: Moment
    state: OccurrenceState
    revision: int = 0
    done_at: Moment | None = None
    note: str = ""


class Embargo(Value):
    """Nothing may leave before this time, because law enforcement asked for it."""

    until: Moment
    why: str

    def says(self, incident: str) -> str:
        """Why nothing leaves, and what ends that."""
        until = minute(self.until)
        return f"nothing may leave before {until}: {self.why}; `amends incident lift {incident}` ends that"


class Outline(Value):
    """What a personal page shows of an incident, or goes by: nothing of it has to be counted."""

    incident: Incident
    playbook: Playbook | None = None
    """As it reads for the severity that was assessed."""
    events: dict[str, Moment] = {}
    """When each event of the case happened; steps are here by their id once done."""
    commitments: tuple[Commitment, ...] = ()
    untold: dict[str, int] = {}
    """Commitments whose fate changed, and the number of the change that those promised have not been told of yet."""


class Case(Outline):
    """One incident at one moment."""

    version: int
    """Of the incident file; amending adds one."""
    state: IncidentState
    opened_at: Moment
    author: str
    """Who handed in the current version of the incident file, or of the list of people."""
    earlier_authors: tuple[str, ...] = ()
    """Who handed in the versions before it, of which something may still stand."""
    audience: AudienceCounts
    assessment: Assessment | None = None
    pinned: str = ""
    """Content hash of the playbook and its words."""
    occurrences: tuple[RecordedOccurrence, ...] = ()
    notices: tuple[NoticeStatus, ...] = ()
    filings: tuple[Filing, ...] = ()
    """What was handed in to authorities, with what was recorded wrongly and corrected since."""
    worded_by: dict[str, str] = {}
    """Who gave the evidence or the reason of each commitment that has one."""
    questions: QuestionCounts = QuestionCounts()
    survey: SurveyCounts = SurveyCounts()
    told_wrongly: tuple[str, ...] = ()
    """Facts that people last heard as certain and that are others now."""
    news_told: tuple[News, ...] = ()
    """What is new in the incident file and has been told to all."""
    embargo: Embargo | None = None
    clock_doubt: str = ""
    """Why nobody can tell what time it is; until a person says, nothing falls due."""
    ledger_doubt: str = ""
    """Why the ledger may lack what left last; until a person has compared it with what left, nothing leaves."""

    @property
    def authors(self) -> tuple[str, ...]:
        """Everybody who wrote something that its notices rest on, and so can approve none of them."""
        return (self.author, *self.earlier_authors)

    def earlier_authors_about(self, commitment: str) -> tuple[str, ...]:
        """The same without its author, of a notice about this commitment: who gave its evidence wrote that too."""
        added = self.worded_by.get(commitment, self.author)
        return tuple(sorted({*self.earlier_authors, added} - {self.author}))

    @property
    def commitments_open(self) -> bool:
        """Whether a promise is not settled yet, or those promised have not heard how it ended."""
        return bool(self.untold) or any(commitment.settled_at is None for commitment in self.commitments)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What a person was told to look at."""
        return tuple(Alert(name, at) for name, at in self.events.items() if name.startswith(ALERT))

    @property
    def named_events(self) -> dict[str, datetime]:
        """The events that a playbook can name, steps among them; not what a ledger notes so that it is said once."""
        steps = self.playbook.steps if self.playbook else ()
        known = {*Event, *(step.id for step in steps), *(self.playbook.thresholds if self.playbook else ())}
        return {name: at for name, at in self.events.items() if name in known}

    @property
    def calendar(self) -> Calendar:
        """The organisation's clock, and its business days as the playbook has them."""
        days_off = frozenset(self.playbook.days_off) if self.playbook else frozenset()
        return Calendar(ZoneInfo(self.incident.organisation.timezone), days_off)

    def notice(self, notice_id: str) -> NoticeStatus | None:
        """The notice with this id, if it was ever drafted."""
        return next((notice for notice in self.notices if notice.id == notice_id), None)

    def told_news_until(self) -> datetime | None:
        """Up to when all have heard the news: when the latest notice that went to all of them was written.

        Its first version decides: who has that does not get the later ones.
        """
        return max((one.told_versions[0].drafted_at for one in self.with_news() if one.everybody_told), default=None)

    def last_told(self) -> tuple[datetime, ...]:
        """When what people heard last was written: what all have heard, and what some have heard since.

        Empty as long as there is nothing that all have heard.
        """
        until = self.told_news_until()
        written = {one.drafted_at for notice in self.with_news() for one in notice.told_versions}
        return tuple(sorted(at for at in written if until and at >= until))

    @property
    def destroyed_at(self) -> datetime | None:
        """When its personal data was destroyed; None as long as it is there."""
        return self.events.get(DESTROYED)

    @property
    def is_closed(self) -> bool:
        """Whether its end has come; one that is paused after that is closed all the same."""
        return self.resumed().state is IncidentState.CLOSED

    def resumed(self) -> "Case":
        """The same, not paused."""
        if self.state is not IncidentState.PAUSED:
            return self
        before = IncidentState.CLOSED if Event.CLOSED in self.events else IncidentState.OPEN
        return self.model_copy(update={"state": before})

    def with_news(self) -> Iterator[NoticeStatus]:
        """All but the invitations to a survey and the notices about one promise: those tell no news."""
        steps = self.playbook.steps if self.playbook else ()
        without = {step.id for step in steps if step.phase in (Phase.COLLECT_FEEDBACK, Phase.FOLLOW_UP)}
        return (notice for notice in self.notices if notice.step not in without)


TOLD = (PersonState.SENT, PersonState.DELIVERED)


def newly_reached(case: Case) -> tuple[str, ...]:
    """The names of the thresholds that are reached now and were not before; what was reached once stays so."""
    if case.playbook is None:
        return ()
    named = case.playbook.thresholds.items()
    return tuple(name for name, one in named if name not in case.events and is_reached(case, one))


def is_reached(case: Case, threshold: Threshold) -> bool:
    """Whether the number is there now."""
    if threshold.questions_at_least:
        return case.questions.asked >= threshold.questions_at_least
    if threshold.open_questions_at_least:
        return case.questions.open >= threshold.open_questions_at_least
    return _told_percent(case, threshold.notice) >= (threshold.told_percent_at_least or 0)


def _told_percent(case: Case, notice_id: str) -> float:
    notice = case.notice(notice_id)
    people = sum(notice.people.values()) if notice else 0
    if notice is None or not people:
        return 0.0
    return 100 * sum(notice.people.get(state, 0) for state in TOLD) / people
