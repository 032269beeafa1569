"""Views of a case: the case with what one kind of reader needs besides, read in one consistent view of the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from amends.domain.case.case import Case
from amends.domain.case.states import LastSigns
from amends.domain.case.views.closing import ClosingView
from amends.domain.case.views.draft import DraftView
from amends.domain.case.views.timeline import TimelineView
from amends.domain.feedback.queue.gaps import ManyAsked
from amends.domain.feedback.survey.survey import SurveyResults
from amends.domain.incident.event_kind import EventKind
from amends.domain.notice.notice import PersonState
from amends.domain.people.person import MailboxRuling
from amends.domain.playbook.closing import Criterion
from amends.domain.playbook.playbook import Event
from amends.ledger.case.access_requests import request_counts
from amends.ledger.case.case import Cases, events_of
from amends.ledger.case.person_reports import reports_open
from amends.ledger.claim.sums import claim_totals
from amends.ledger.commitment.rows import worded_by
from amends.ledger.entitlement.remedies import remedy_counts
from amends.ledger.feedback.contacts import contact_days
from amends.ledger.feedback.leaks import leaking_questions
from amends.ledger.feedback.questions import open_leaks
from amends.ledger.feedback.queue.gaps import many_asked
from amends.ledger.feedback.survey.surveys import survey_results
from amends.ledger.incident.closing import (
    carried_over,
    last_latecomer_at,
    last_question_at,
    last_receipt_at,
    last_signs,
    overrides_of,
)
from amends.ledger.incident.incidents import alerts_of, version_row
from amends.ledger.incident.stops import stops_of
from amends.ledger.store.session import Store
from amends.ledger.tables.incident import IncidentRow, IncidentVersionRow

CAME = (PersonState.DELIVERED, PersonState.SENT, PersonState.UNCERTAIN)
"""The states of people to whom a notice came, or may have come."""
Values = dict[str, Any]


class Views:
    """The views of the incidents' cases. Each raises NotInLedger for an unknown incident."""

    def __init__(self, store: Store, cases: Cases) -> None:
        self._store = store
        self._cases = cases

    def closing(self, incident: str, now: datetime | None = None) -> ClosingView:
        """Return the case with what its closing depends on; with `now` also what is overdue, see Cases.read."""
        with self._read(incident, now) as (session, case):
            return ClosingView(**dict(case), **self._closing(session, case, now))

    def timeline(self, incident: str, now: datetime | None = None, *, domains: bool = False) -> TimelineView:
        """Return the case with all that a timeline tells of it; with `now` also what is overdue, see Cases.read.

        `domains` gives the names of stopped domains, which are for a terminal alone and never for Prefect.
        """
        with self._store.read() as session:
            case, row = self._cases.with_row(session, incident, now)
            watched = self._watched(session, case, row, domains=domains)
            return TimelineView(**dict(case), **self._closing(session, case, now), **watched)

    def drafting(self, incident: str, now: datetime | None = None) -> DraftView:
        """Return the case with what the text of a notice rests on; with `now` also what is overdue, see Cases.read."""
        with self._read(incident, now) as (session, case):
            return DraftView(**dict(case), **self._drafting(session, case))

    def to_draft(self, case: Case) -> DraftView:
        """Return this case, as it was read before, with what the text of a notice rests on."""
        with self._store.read() as session:
            return DraftView(**dict(case), **self._drafting(session, case))

    @contextmanager
    def _read(self, incident: str, now: datetime | None) -> Iterator[tuple[Session, Case]]:
        with self._store.read() as session:
            yield session, self._cases.read_in(session, incident, now)

    def _closing(self, session: Session, case: Case, now: datetime | None) -> Values:
        incident = case.incident.id
        return {
            "surveys": self._surveys(session, case),
            "reports_open": reports_open(session, incident),
            "requests": request_counts(session, incident, now),
            "claims": claim_totals(session, incident, case.playbook.claims if case.playbook else None, now),
            "remedies": remedy_counts(session, incident),
            "closing_overrides": overrides_of(session, incident),
            "carried_over": carried_over(session, incident),
            "last_signs": self._last_signs(session, case),
        }

    def _watched(self, session: Session, case: Case, row: IncidentRow, *, domains: bool) -> Values:
        incident, zone = case.incident.id, case.incident.organisation.timezone
        alerts, stops = alerts_of(session, incident), stops_of(self._store, session, row, names=domains)
        return {
            "alerts": alerts,
            "alarms": frozenset(events_of(session, incident, EventKind.ALARM)[EventKind.ALARM]),
            "mailboxes": MailboxRuling(row.mailbox_ruling) if row.mailbox_ruling else None,
            "stopped_sends": stops.sends,
            "stopped_domains": stops.domains,
            "leaks": open_leaks(session, incident, leaking_questions(alerts)),
            "many_asked": _many_asked(session, case),
            "contacts": contact_days(session, self._store.cache, incident, zone),
        }

    def _drafting(self, session: Session, case: Case) -> Values:
        version = version_row(session, case.incident.id, case.version)
        told_at, news = next(iter(case.last_told()), None), case.incident.news
        if told_at:
            news = self._cases.file_at(session, case.incident.id, told_at).news
        return {
            "author": version.author,
            "earlier_authors": _earlier_authors(session, version),
            "worded_by": worded_by(session, case.incident.id),
            "news_told": tuple(one for one in news if told_at and one.at <= told_at),
            "surveys": self._surveys(session, case),
            "many_asked": _many_asked(session, case),
        }

    def _surveys(self, session: Session, case: Case) -> tuple[SurveyResults, ...]:
        surveys = case.playbook.surveys if case.playbook else ()
        invited = {notice.id: sum(notice.people.get(state, 0) for state in CAME) for notice in case.notices}
        return survey_results(session, self._store.cache, case.incident.id, surveys, invited)

    def _last_signs(self, session: Session, case: Case) -> LastSigns:
        """Return the last signs of people, where they may keep the case from closing.

        The last receipt is looked for only when a number of messages has changed: a million messages may be read.
        """
        rules = case.playbook.closing if case.playbook else None
        if rules is None or Criterion.CALM not in rules.criteria or case.was_closed:
            return LastSigns()
        closing = {step.id for step in case.playbook.steps if step.of == Event.RESOLVED} if case.playbook else set()
        notices = tuple(notice for notice in case.notices if notice.step not in closing and notice.begun_at)
        numbers = tuple((notice.id, notice.version, *sorted(notice.people.items())) for notice in notices)
        incident, names = case.incident.id, [notice.id for notice in notices]
        receipt = self._store.cache.get(
            ("last receipt", incident, numbers), lambda: last_receipt_at(session, incident, names)
        )
        return last_signs((last_question_at(session, incident), receipt, last_latecomer_at(session, incident)))


def _many_asked(session: Session, case: Case) -> tuple[ManyAsked, ...]:
    """Return the questions that many ask, looked for only where enough people have asked anything."""
    if case.playbook is None or case.questions.asked < case.playbook.gap_at:
        return ()
    return many_asked(session, case.incident.id, case.playbook.gap_at)


def _earlier_authors(session: Session, version: IncidentVersionRow) -> tuple[str, ...]:
    """Return the authors of earlier versions, sorted, without the author of this version."""
    query = select(IncidentVersionRow.author).where(
        IncidentVersionRow.incident == version.incident,
        col(IncidentVersionRow.version) < version.version,
        IncidentVersionRow.author != version.author,
    )
    return tuple(sorted(set(session.exec(query))))
