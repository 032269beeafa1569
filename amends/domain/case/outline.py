"""The outline of a case: all that is read without counting messages, people or questions."""

from datetime import datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from amends.domain.assess.assessment import Assessment
from amends.domain.base.errors import NotAllowed
from amends.domain.base.value import Moment, Value
from amends.domain.case.states import LINKS_EXPIRE_AFTER, OWNER, REPLY_WITHIN, Embargo, IncidentState
from amends.domain.feedback.hour import QuestionHour, why_not_there
from amends.domain.feedback.question import QuestionKind
from amends.domain.incident.commitment import Commitment
from amends.domain.incident.event_kind import DESTROYED
from amends.domain.incident.incident import Incident
from amends.domain.law.duty import Duty
from amends.domain.notice.notice import NoticeStatus
from amends.domain.people.locales import LocaleRuling, without_words
from amends.domain.people.person import AudienceCounts
from amends.domain.playbook.playbook import Event, Phase, Playbook
from amends.domain.playbook.schedule import Calendar
from amends.domain.playbook.session import PlannedSession


class Outline(Value):
    """All of a case that is read without counting: file, assessment, playbook, events and commitments."""

    incident: Incident
    version: int
    """The version of the incident file; each amendment adds one."""
    state: IncidentState
    opened_at: Moment
    audience: AudienceCounts
    assessment: Assessment | None = None
    pinned: str = ""
    """Content hash of the playbook and its words."""
    embargo: Embargo | None = None
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
    def has_own_results(self) -> bool:
        """Return True when a commitment is kept for each person alone, with a result of their own."""
        return any(commitment.per_person for commitment in self.commitments)

    @property
    def links_expire_after(self) -> timedelta:
        """Return the time after the last notice at which the personal links of a closed incident stop working."""
        return self.playbook.links_expire_after if self.playbook else LINKS_EXPIRE_AFTER

    def owner_of(self, kind: QuestionKind) -> str:
        """Return the owner who is to answer a question of this kind."""
        return self.playbook.owner_of(kind) if self.playbook else OWNER

    def hour_of(self, planned: PlannedSession) -> QuestionHour:
        """Return the hour that is planned. Raises NotAllowed while its time is unknown, and for a place not our own."""
        begins = planned.begins(self.events, self.calendar)
        if begins is None:
            raise NotAllowed(f"{planned.id} begins after {planned.of}, which has not happened yet")
        for where in planned.where.values():
            if refusal := why_not_there(where, self.incident.organisation.own_domains):
                raise NotAllowed(f"{planned.id}: {refusal}")
        return QuestionHour(
            id=planned.id, title=planned.title, where=planned.where, begins_at=begins, minutes=planned.minutes
        )

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

    def resumed(self) -> Self:
        """Return the case in the state that it has without the pause."""
        if self.state is not IncidentState.PAUSED:
            return self
        before = IncidentState.CLOSED if Event.CLOSED in self.events else IncidentState.OPEN
        return self.model_copy(update={"state": before})
