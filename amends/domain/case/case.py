"""The case: everything known about one incident, read at one time, with numbers in place of the audience."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from amends.domain.assess.assessment import Assessment
from amends.domain.base.text import minute
from amends.domain.base.value import Moment, Value
from amends.domain.case.stops import StoppedDomain, StoppedSend
from amends.domain.channel.channel import ChannelKind
from amends.domain.claim.claim import ClaimTotals
from amends.domain.feedback.load.load import ContactDay
from amends.domain.feedback.question import QuestionCounts, QuestionKind
from amends.domain.feedback.queue.gaps import ManyAsked
from amends.domain.feedback.survey.survey import SurveyResults
from amends.domain.incident.commitment import Commitment, CommitmentState
from amends.domain.incident.incident import Incident, News
from amends.domain.law.duty import Duty
from amends.domain.law.filing import Filing
from amends.domain.law.substitute import SubstituteNotice
from amends.domain.notice.notice import NoticeStatus, PersonState
from amends.domain.people.access_request import RequestCounts
from amends.domain.people.locales import LocaleRuling, without_words
from amends.domain.people.person import AudienceCounts, MailboxRuling
from amends.domain.playbook.closing import CarriedOver, ClosingOverride
from amends.domain.playbook.playbook import Event, Phase, Playbook, Threshold
from amends.domain.playbook.schedule import Calendar
from amends.domain.remedy.remedy import RemedyCounts, ResultCorrection

DESTROYED = "destroyed"
"""The event that the personal data was destroyed. No step is timed from this event: nobody is left to be told."""
ALERT_CHARACTERS = 194
"""The most characters of an alert in the name of its event; the audit chain has the whole text."""
REPLY_WITHIN, OWNER = timedelta(hours=72), "support"
LINKS_EXPIRE_AFTER = timedelta(days=365)
"""The time limit and the owner of the answers to questions that come before a playbook runs."""
TOLD = (PersonState.SENT, PersonState.DELIVERED)
"""States of people who count as told for a threshold."""


class EventKind(StrEnum):
    """A kind of event that the ledger records once."""

    EVENT = "event"
    """An event of the case. A step that is done is an event by its id."""
    ALERT = "alert"
    """An alert, by its words."""
    MISSED_UPDATE = "missed_update"
    """A time that was named for the next update and was missed."""
    MAILBOXES = "mailboxes"
    """The decision on mailboxes that several people share, by its word."""
    ALARM = "alarm"
    """An alarm that Prefect was told of, by its key."""
    STOPPED_SEND = "stopped_send"
    STOPPED_DOMAIN = "stopped_domain"
    LEAK = "leak"
    """A question that holds contact data of other people of the list."""


class Alert(NamedTuple):
    """An alert: something that a person must look at."""

    name: str
    """The words of the alert; of a long alert its beginning and a hash of all its words."""
    at: datetime

    @property
    def what(self) -> str:
        """Return the words of the alert, cut short when there are too many."""
        return self.name if len(self.name) <= ALERT_CHARACTERS else f"{self.name[:ALERT_CHARACTERS]}…"


class IncidentState(StrEnum):
    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"


class OccurrenceState(StrEnum):
    """The state of a recorded occurrence of a step."""

    PLANNED = "planned"
    """The occurrence has not begun; the record exists because its run had to be set up again."""
    WAITING = "waiting"
    """The occurrence has drafted a notice that waits for approval or is being sent."""
    DONE = "done"
    SKIPPED = "skipped"
    """An outage or a condition made the occurrence needless."""
    HELD = "held"
    """Somebody cancelled the run of the occurrence; a person decides."""

    @property
    def begun(self) -> bool:
        """Return True when something was done for the occurrence, or decided about it."""
        return self is not OccurrenceState.PLANNED


class OccurrenceKind(StrEnum):
    """A kind of recorded occurrence; reminders are given once, and what was given once is recorded."""

    STEP = "step"
    """An occurrence of a step of the playbook, or of a built-in step."""
    DEADLINE = "deadline"
    """A reminder of a legal deadline."""
    LATE = "late"
    """A reminder that the task of a step is not done in time."""


class RecordedOccurrence(Value):
    """One occurrence of a step, or one reminder that was given, as recorded."""

    kind: OccurrenceKind = OccurrenceKind.STEP
    step: str
    """The id of the step; of a reminder of a legal deadline the duty and its due time."""
    number: int
    due_at: Moment
    state: OccurrenceState
    revision: int = 0
    done_at: Moment | None = None
    note: str = ""


class Embargo(Value):
    """An embargo: nothing may be sent before this time, because law enforcement asked for the delay."""

    until: Moment
    why: str

    def says(self, incident: str) -> str:
        """Return in words why nothing is sent, and what ends the embargo."""
        until = minute(self.until)
        return f"nothing may leave before {until}: {self.why}; `amends incident lift {incident}` ends that"


class ToldBy(Value):
    """Some people of one place, by the channels on which a first notice has told them and may yet."""

    place: str
    consented: bool
    """True when the reader of the messages has consented to notice by email."""
    told: tuple[ChannelKind, ...] = ()
    """The channels of messages that reached the people, or may have."""
    waits: tuple[ChannelKind, ...] = ()
    """The channels of messages that wait to leave, to be printed or for a decision."""
    people: int


class LastSigns(Value):
    """The times of the last signs of people; counted only where a playbook wants calm before the case closes."""

    question_at: Moment | None = None
    receipt_at: Moment | None = None
    """The last receipt for a message, those of the closing steps left aside."""
    latecomer_at: Moment | None = None
    """The last correction of the list that added somebody."""

    @property
    def last(self) -> datetime | None:
        """Return the time of the last sign, or None when there was none."""
        return max(filter(None, (self.question_at, self.receipt_at, self.latecomer_at)), default=None)


class Reach(Value):
    """The people of the notices that tell people what happened, by place, as far as a duty to them may not be done.

    A place is US-CA where the state is known, else US, and empty where nobody knows; see PlaceCounts.
    """

    unreached: dict[str, int] = {}
    """People whom no message reached, and for whom none waits: without an address, or without one that works."""
    waiting: dict[str, int] = {}
    """People whom no message reached yet: one waits to leave, to be printed or for a decision, or is yet to be made."""
    letters_at: dict[str, Moment] = {}
    """The time at which the last letters to people of the place were handed over."""
    told_by: tuple[ToldBy, ...] = ()
    """The people with a message of a first notice; counted only where some law does not count every message."""
    page_up_since: Moment | None = None
    """The time since which the first of these notices is on the website."""


def owner_of(playbook: Playbook, kind: QuestionKind) -> str:
    """Return the owner who is to answer a question of this kind by the playbook."""
    complaint = kind is QuestionKind.COMPLAINT and playbook.complaints_owner
    return playbook.complaints_owner if complaint else playbook.questions_owner


class Outline(Value):
    """The part of a case that a personal page needs, without any number that has to be counted."""

    incident: Incident
    playbook: Playbook | None = None
    """The playbook for the severity that was assessed."""
    events: dict[str, Moment] = {}
    """The time of each event of the case, see EventKind.EVENT."""
    commitments: tuple[Commitment, ...] = ()
    untold: dict[str, int] = {}
    """By commitment, the number of the change of its fate of which those who were told of it do not know yet."""
    changes: dict[str, int] = {}
    """By commitment, the number of its last change."""
    locale_rulings: tuple[LocaleRuling, ...] = ()
    """The decisions in which language readers are written to for whose own there are no words; one for each locale."""

    @property
    def reply_within(self) -> timedelta:
        """Return the time within which a question is to be answered."""
        return self.playbook.reply_within if self.playbook else REPLY_WITHIN

    @property
    def questions_owner(self) -> str:
        """Return the owner who is to answer questions."""
        return self.playbook.questions_owner if self.playbook else OWNER

    @property
    def links_expire_after(self) -> timedelta:
        """Return the time after the last notice at which the personal links of a closed incident stop working."""
        return self.playbook.links_expire_after if self.playbook else LINKS_EXPIRE_AFTER

    def owner_of(self, kind: QuestionKind) -> str:
        """Return the owner who is to answer a question of this kind."""
        return owner_of(self.playbook, kind) if self.playbook else OWNER


class Case(Outline):
    """The case of one incident at one moment."""

    version: int
    """The version of the incident file; each amendment adds one."""
    state: IncidentState
    opened_at: Moment
    author: str
    """The member who handed in the current version of the incident file, or of the list of people."""
    earlier_authors: tuple[str, ...] = ()
    """Members who handed in earlier versions, parts of which may still be in force."""
    audience: AudienceCounts
    mailboxes: MailboxRuling | None = None
    """The decision on mailboxes that several people share, or None as long as nobody has decided."""
    assessment: Assessment | None = None
    pinned: str = ""
    """Content hash of the playbook and its words."""
    occurrences: tuple[RecordedOccurrence, ...] = ()
    """The recorded occurrences of steps."""
    recorded_reminders: tuple[RecordedOccurrence, ...] = ()
    """The recorded occurrences of the other kinds."""
    alerts: tuple[Alert, ...] = ()
    missed_updates: dict[str, Moment] = {}
    """The times for the next update that were missed, by name, and when each was recorded as missed."""
    alarms: frozenset[str] = frozenset()
    """The keys of the alarms that Prefect was told of."""
    notices: tuple[NoticeStatus, ...] = ()
    filings: tuple[Filing, ...] = ()
    """Filings with authorities, including wrongly recorded ones that were corrected since."""
    reach: Reach = Reach()
    """The people who are not told, by place; counted once people count as told."""
    substitutes: tuple[SubstituteNotice, ...] = ()
    """The substitute notices that were recorded, the first one first."""
    worded_by: dict[str, str] = {}
    """By commitment, the member who gave its evidence or its reason, where there is one."""
    result_corrections: tuple[ResultCorrection, ...] = ()
    """The corrections of results that messages told wrongly, those that people have read too."""
    remedies: dict[str, RemedyCounts] = {}
    """By commitment that is kept for each person alone, the persons in numbers."""
    stopped_sends: tuple[StoppedSend, ...] = ()
    stopped_domains: tuple[StoppedDomain, ...] = ()
    questions: QuestionCounts = QuestionCounts()
    many_asked: tuple[ManyAsked, ...] = ()
    """The questions that so many people ask that the next update must speak of them, see the playbook's `gap_at`."""
    leaks: tuple[int, ...] = ()
    """The questions without an answer that hold contact data of other people of the list."""
    surveys: tuple[SurveyResults, ...] = ()
    """The results of surveys by invitation, the first invitation first."""
    reports_open: int = 0
    """The reports from personal pages that wait for a decision; the people's messages are held meanwhile."""
    requests: RequestCounts = RequestCounts()
    """The requests of people for their data."""
    closing_overrides: tuple[ClosingOverride, ...] = ()
    """The closing criteria that members want to pass over, the first one first."""
    carried_over: tuple[CarriedOver, ...] = ()
    """The commitments that go on after the case is closed."""
    last_signs: LastSigns = LastSigns()
    claims: ClaimTotals = ClaimTotals()
    """The claims of compensation in numbers, beside the playbook's budget."""
    contacts: tuple[ContactDay, ...] = ()
    """The contacts of each day that had any, in the organisation's time zone."""
    told_wrongly: tuple[str, ...] = ()
    """Facts that people were last told as certain and that are different now."""
    news_told: tuple[News, ...] = ()
    """The news of the incident file of which all have been told."""
    embargo: Embargo | None = None
    clock_doubt: str = ""
    """The reason to doubt the clock; nothing falls due until a person confirms the time. Empty without a doubt."""
    ledger_doubt: str = ""
    """The reason why the ledger may lack the last messages sent; nothing is sent until a person has compared the ledger
    with what was sent. Empty without a doubt."""

    @property
    def authors(self) -> tuple[str, ...]:
        """Return the members who wrote something that the notices rest on, and so can approve none of them."""
        return (self.author, *self.earlier_authors)

    def earlier_authors_about(self, commitment: str) -> tuple[str, ...]:
        """Return the other authors of a notice about this commitment, among them the one who gave its evidence."""
        added = self.worded_by.get(commitment, self.author)
        return tuple(sorted({*self.earlier_authors, added} - {self.author}))

    @property
    def remedies_owed(self) -> dict[str, int]:
        """Return the number of persons who wait for their own result, by commitment; none of one that was dropped."""
        counted = ((one, self.remedies.get(one.id)) for one in self.commitments)
        stands = (one for one in counted if one[0].state is not CommitmentState.DROPPED)
        return {one.id: counts.owed for one, counts in stands if counts and counts.owed}

    @property
    def open_claims(self) -> int:
        """Return the number of claims of compensation that are not settled."""
        return self.claims.open

    @property
    def commitments_open(self) -> bool:
        """Return True while a commitment is not settled, or its audience has not been told how the commitment ended.

        Somebody to whom a wrong result was told, and not the right one, has not been told.
        """
        told = (self.notice(one.notice) for one in self.result_corrections)
        to_be_corrected = any(one is None or not one.is_over for one in told)
        still_open = any(commitment.settled_at is None for commitment in self.commitments)
        return bool(self.untold) or to_be_corrected or still_open

    @property
    def without_texts(self) -> dict[str, int]:
        """Return the people by locale for whom the incident file has no texts and nobody has ruled.

        Empty before any text is written.
        """
        texts = tuple(self.incident.texts)
        return without_words(self.audience.by_locale, texts, self.locale_rulings) if texts else {}

    @property
    def named_events(self) -> dict[str, datetime]:
        """Return the events that a playbook can name, steps included; others, such as the end of the data, are not."""
        steps = self.playbook.steps if self.playbook else ()
        known = {*Event, *(step.id for step in steps), *(self.playbook.thresholds if self.playbook else ())}
        return {name: at for name, at in self.events.items() if name in known}

    @property
    def calendar(self) -> Calendar:
        """Return the organisation's clock, with the business days of the playbook."""
        days_off = frozenset(self.playbook.days_off) if self.playbook else frozenset()
        return Calendar(ZoneInfo(self.incident.organisation.timezone), days_off)

    @property
    def duties(self) -> tuple[Duty, ...]:
        """Return the duties of the latest assessment; none before the first one."""
        return self.assessment.duties if self.assessment else ()

    def phase_of(self, notice: NoticeStatus) -> Phase | None:
        """Return the phase of the notice's step, or None for a built-in step and before a playbook runs."""
        steps = self.playbook.steps if self.playbook else ()
        return next((step.phase for step in steps if step.id == notice.step), None)

    def tells_first(self, notice: NoticeStatus) -> bool:
        """Return True when the step of the notice tells people for the first time what happened."""
        steps = self.playbook.steps if self.playbook else ()
        return any(step.tells_first for step in steps if step.id == notice.step)

    def notice(self, notice_id: str) -> NoticeStatus | None:
        """Return the notice with this id, or None when it was never drafted."""
        return next((notice for notice in self.notices if notice.id == notice_id), None)

    def told_news_until(self) -> datetime | None:
        """Return the time up to which all know the news: that of the latest draft sent to all, or None.

        The first version of a notice decides, because people who have the first do not get the later ones.
        """
        return max((one.told_versions[0].drafted_at for one in self.with_news() if one.everybody_told), default=None)

    def last_told(self) -> tuple[datetime, ...]:
        """Return the times of the drafts that people were told last: the one sent to all, and later ones sent to some.

        Empty as long as nothing was sent to all.
        """
        until = self.told_news_until()
        written = {one.drafted_at for notice in self.with_news() for one in notice.told_versions}
        return tuple(sorted(at for at in written if until and at >= until))

    @property
    def gaps(self) -> tuple[ManyAsked, ...]:
        """Return the questions that many ask and to which nobody has an answer."""
        return tuple(one for one in self.many_asked if not one.answered)

    @property
    def destroyed_at(self) -> datetime | None:
        """Return when the personal data was destroyed, or None as long as the data exists."""
        return self.events.get(DESTROYED)

    @property
    def is_closed(self) -> bool:
        """Return True when the case is closed; a case paused after its end is closed all the same."""
        return self.resumed().state is IncidentState.CLOSED

    @property
    def was_closed(self) -> bool:
        """Return True when the case is closed, or was once and is open again for people who must hear more."""
        return self.is_closed or Event.CLOSED in self.events

    def resumed(self) -> "Case":
        """Return the case in the state that it has without the pause."""
        if self.state is not IncidentState.PAUSED:
            return self
        before = IncidentState.CLOSED if Event.CLOSED in self.events else IncidentState.OPEN
        return self.model_copy(update={"state": before})

    def with_news(self) -> Iterator[NoticeStatus]:
        """Return the notices that tell news: all but invitations to a survey and notices about one commitment."""
        steps = self.playbook.steps if self.playbook else ()
        without = {step.id for step in steps if not step.tells_news}
        return (notice for notice in self.notices if notice.step not in without)


def newly_reached(case: Case) -> tuple[str, ...]:
    """Return the names of thresholds reached now for the first time; a threshold once reached stays reached."""
    if case.playbook is None:
        return ()
    named = case.playbook.thresholds.items()
    return tuple(name for name, one in named if name not in case.events and is_reached(case, one))


def is_reached(case: Case, threshold: Threshold) -> bool:
    """Return True when the number of the threshold is reached now."""
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
