"""Cases in the ledger: read the whole case of an incident, in one consistent view."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, text
from sqlalchemy.orm import defer
from sqlmodel import Session, col, func, select

from amends.domain.assess.assessment import Assessment
from amends.domain.case.case import Case
from amends.domain.case.next_update import as_news_stands
from amends.domain.case.outline import Outline
from amends.domain.case.states import Embargo, IncidentState, OccurrenceKind, OccurrenceState, RecordedOccurrence
from amends.domain.incident.event_kind import EventKind
from amends.domain.incident.incident import Incident
from amends.domain.law.duty import Addressee
from amends.domain.notice.notice import DeliveryState, Draft, NoticeRelease, NoticeStatus, PersonState
from amends.domain.people.person import AudienceCounts
from amends.domain.playbook.playbook import Event, Phase, Playbook, at_severity
from amends.domain.risk.levels import Severity
from amends.domain.team.approval import Standing
from amends.ledger.audit.tally import any_in
from amends.ledger.case.reach import reach_of
from amends.ledger.commitment.rows import changes, commitments_of, untold
from amends.ledger.deliver.statistics import HAS_LEFT, DeferredMessages, message_states, next_tries, person_states
from amends.ledger.deliver.told import keys_told_otherwise, people_no_longer_affected, public_told_otherwise
from amends.ledger.entitlement.corrections import result_corrections
from amends.ledger.feedback.questions import question_counts
from amends.ledger.incident.clock import clock_doubts
from amends.ledger.incident.incidents import version_row
from amends.ledger.law import filings_of, latest_assessment, substitutes_of
from amends.ledger.notice.notices import Notices, in_force, is_current, is_overtaken, latecomers, promises_changed
from amends.ledger.notice.stage import RELEASED, said_of_all, stage_of, standing_of
from amends.ledger.people.locale_rulings import rulings_of
from amends.ledger.playbook.pins import pin_row
from amends.ledger.store.session import Store, incident_row
from amends.ledger.tables.deliver import DUE, DeliveryRow
from amends.ledger.tables.incident import EventRow, IncidentRow, IncidentVersionRow
from amends.ledger.tables.notice import NoticeRow, ReleaseRow
from amends.ledger.tables.playbook import OccurrenceRow, PinRow

Counted = tuple[dict[str, dict[DeliveryState, int]], dict[str, dict[PersonState, int]], dict[str, DeferredMessages]]
"""By notice: the number of messages in each state, of people in each state, and the deferred messages."""

DIGEST = select(IncidentVersionRow.digest).where(
    IncidentVersionRow.incident == bindparam("incident"), IncidentVersionRow.version == bindparam("version")
)


class _ToldWrongly(NamedTuple):
    """The things that somebody was told and that are wrong by now."""

    keys: frozenset[str]
    """The keys of statements to people in the list, and to the public."""
    somebody_left: bool
    """True when somebody was told that their data was affected, and a corrected list lacks them."""


class Cases:
    """The cases of the incidents, as they are read from the ledger."""

    def __init__(self, store: Store, notices: Notices) -> None:
        self._store = store
        self._notices = notices

    def incident_file(self, incident: str) -> Incident:
        """Return the incident file in force. Raises NotInLedger."""
        with self._store.read() as session:
            return self._file(session, incident_row(session, incident))

    def read(self, incident: str, now: datetime | None = None) -> Case:
        """Return the case of an incident: all that its plan depends on, in numbers. Raises NotInLedger.

        With `now`, the case also has the number of overdue questions, and the drafts that name a time that has passed.
        """
        with self._store.read() as session:
            return self.read_in(session, incident, now)

    def read_in(self, session: Session, incident: str, now: datetime | None) -> Case:
        """Return the case as this session, which must have read nothing yet, sees it. Raises NotInLedger."""
        return self.with_row(session, incident, now)[0]

    def with_row(self, session: Session, incident: str, now: datetime | None) -> tuple[Case, IncidentRow]:
        """Return the case as `read_in` does, and the incident's row. Raises NotInLedger."""
        doubt = self._store.doubt_in(session)  # must be the first to read
        row = incident_row(session, incident)
        bare = self._uncounted(session, row, doubt)
        notices, questions = self._statuses(session, incident, now), question_counts(session, incident, now)
        case = bare.model_copy(update={"notices": notices, "questions": questions})
        case = self._with_reach(session, self._with_changed_facts(session, case))
        return as_news_stands(case, now) if now else case, row

    def outline(self, incident: str) -> Outline:
        """Return the case without its counts, which need all messages of each notice. Raises NotInLedger."""
        with self._store.read() as session:
            row, assessment = incident_row(session, incident), latest_assessment(session, incident, self._store.cache)
            events = events_of(session, incident, EventKind.EVENT)[EventKind.EVENT]
            return self._outline(session, row, pin_row(session, incident), assessment, events)

    def _uncounted(self, session: Session, row: IncidentRow, doubt: str) -> Case:
        incident = row.id
        pin, assessment = pin_row(session, incident), latest_assessment(session, incident, self._store.cache)
        happened = events_of(session, incident, EventKind.EVENT, EventKind.MISSED_UPDATE)
        recorded = _occurrences(session, incident)
        outline = self._outline(session, row, pin, assessment, happened[EventKind.EVENT])
        return Case(
            **dict(outline),
            occurrences=tuple(one for one in recorded if one.kind is OccurrenceKind.STEP),
            recorded_reminders=tuple(one for one in recorded if one.kind is not OccurrenceKind.STEP),
            missed_updates=happened[EventKind.MISSED_UPDATE],
            filings=filings_of(session, incident),
            substitutes=substitutes_of(session, incident),
            result_corrections=result_corrections(session, incident) if outline.has_own_results else (),
            clock_doubt="; ".join(clock_doubts(session)),
            ledger_doubt=doubt,
        )

    def _outline(
        self,
        session: Session,
        row: IncidentRow,
        pin: PinRow | None,
        assessment: Assessment | None,
        events: dict[str, datetime],
    ) -> Outline:
        return Outline(
            incident=self._file(session, row),
            version=row.version,
            state=IncidentState(row.state),
            opened_at=row.opened_at,
            audience=self._store.cache.get(
                ("audience", row.id, row.audience_digest), lambda: AudienceCounts.model_validate(row.counts)
            ),
            assessment=assessment,
            pinned=pin.digest if pin else "",
            embargo=Embargo(until=row.embargo_until, why=row.embargo_why) if row.embargo_until else None,
            playbook=self._playbook(pin, assessment.band if assessment else None),
            events=events,
            commitments=commitments_of(session, row.id),
            untold=untold(session, row.id),
            changes=changes(session, row.id),
            locale_rulings=rulings_of(session, row.id),
        )

    def _playbook(self, pin: PinRow | None, severity: Severity | None) -> Playbook | None:
        if pin is None:
            return None
        name = ("playbook", pin.digest, severity)
        return self._store.cache.get(name, lambda: at_severity(Playbook.model_validate(pin.playbook), severity))

    def _with_changed_facts(self, session: Session, case: Case) -> Case:
        """Return the case with what is wrong by now of that which people were told last.

        When somebody was told otherwise than is known now, the case has the keys of what is wrong, and the event of the
        change; when somebody who was told has left the list, the event of that.
        """
        if not case.last_told():
            return case
        amended_at = version_row(session, case.incident.id, case.version).at
        wrong, events = self._told_wrongly(session, case, amended_at), case.events
        for event, happened in ((Event.FACTS_CHANGED, wrong.keys), (Event.NO_LONGER_AFFECTED, wrong.somebody_left)):
            events = events | {event: amended_at} if happened else events
        return case.model_copy(update={"events": events, "told_wrongly": tuple(sorted(wrong.keys))})

    def _with_reach(self, session: Session, case: Case) -> Case:
        """Return the case with the people who are not told, which are counted once people count as told.

        Counted again only when the list or a number of people has changed: a million messages may be read.
        """
        if Event.NOTIFIED not in case.events or not any(duty.addressee is Addressee.PEOPLE for duty in case.duties):
            return case
        telling = [notice for notice in case.notices if notice.releases and case.phase_of(notice) is Phase.NOTIFY]
        first = [one for one in telling if one.releases[0].at <= case.events[Event.NOTIFIED]]
        restricted = any(duty.channel_rule for duty in case.duties)
        counting = [one for one in telling if restricted and case.tells_first(one)]
        numbers = tuple(
            (one.id, one.version, one.pending, one.not_told, one.letters, *one.people.items()) for one in telling
        )
        states = tuple(
            (one.id, *sorted(message_states(session, case.incident.id, one.id).get(one.id, {}).items()))
            for one in counting
        )
        reach = self._store.cache.get(
            ("reach", case.incident.id, case.audience.digest, numbers, states),
            lambda: reach_of(session, case.incident.id, telling, first, counting),
        )
        return case.model_copy(update={"reach": reach})

    def _told_wrongly(self, session: Session, case: Case, amended_at: datetime) -> "_ToldWrongly":
        """Return what somebody was told and is wrong by now.

        Found again only when a fact, the list or a number of people told has changed: all messages of the notices that
        once said something wrong may be read.
        """
        asked = (session, self._notices, case.incident, case.audience.people)
        sent = tuple(
            (notice.id, notice.version, notice.stage, notice.pending, *notice.people.values())
            for notice in case.notices
        )

        def look() -> _ToldWrongly:
            left = people_no_longer_affected(session, self._notices, case.incident)
            return _ToldWrongly(keys_told_otherwise(*asked).union(public_told_otherwise(*asked)), next(left, 0) > 0)

        name = ("told wrongly", case.incident.id, case.version, amended_at, case.audience.digest, sent)
        return self._store.cache.get(name, look)

    def file_at(self, session: Session, incident: str, at: datetime) -> Incident:
        """Return the incident file that was in force at this time."""
        version = select(func.max(IncidentVersionRow.version)).where(
            IncidentVersionRow.incident == incident, IncidentVersionRow.at <= at
        )
        return self._version(session, incident, session.exec(version).one() or 1)

    def _file(self, session: Session, row: IncidentRow) -> Incident:
        return self._version(session, row.id, row.version)

    def _version(self, session: Session, incident: str, version: int) -> Incident:
        """Return this version of the incident file, from the cache when it was read before.

        The digest is part of the cache key, because after a restored backup the same version may be another file.
        """
        digest = session.exec(DIGEST, params={"incident": incident, "version": version}).first()
        name = ("incident", incident, version, digest)
        return self._store.cache.get(
            name, lambda: Incident.model_validate(version_row(session, incident, version).content)
        )

    def _counted(self, session: Session, incident: str) -> Counted:
        return message_states(session, incident), person_states(session, incident), next_tries(session, incident)

    def _statuses(self, session: Session, incident: str, now: datetime | None) -> tuple[NoticeStatus, ...]:
        """Return the status of each notice in its latest version, without drafts that were overtaken before release."""
        here = incident_row(session, incident)  # held, because each notice asks for this row again
        query = (
            select(NoticeRow)
            .where(NoticeRow.incident == here.id)
            .order_by(col(NoticeRow.drafted_at))
            .options(defer(NoticeRow.draft))  # type: ignore[arg-type]
        )
        rows = session.exec(query).all()
        releases = self._releases(session, incident, {(row.notice, row.version): row for row in rows})
        latest = self._latest(session, rows)
        states, people, tries = self._counted(session, incident)
        said, valid = said_of_all(session, incident), in_force(session, incident)

        def status(name: str, row: NoticeRow) -> NoticeStatus | None:
            draft = self._notices.drafted(row)
            if row.stage not in RELEASED and is_overtaken(session, draft):
                return None
            wave = self._next_wave_at(session, row, draft, now)
            messages = _Messages(states.get(name, {}), people.get(name, {}), tries.get(name), wave)
            stands = standing_of(session, row, draft, now, said)
            told = tuple(releases.get(name, ()))
            return _status(session, row, draft, stands, messages, told, now, current=is_current(session, draft, valid))

        return tuple(found for name, row in latest.items() if (found := status(name, row)))

    def _latest(self, session: Session, rows: Iterable[NoticeRow]) -> dict[str, NoticeRow]:
        """Return the version of each notice that stands: the latest, or the one before an overtaken new draft of it."""
        latest: dict[str, NoticeRow] = {}
        for row in sorted(rows, key=lambda row: row.version):
            redrafted = row.notice in latest and row.stage not in RELEASED
            if not (redrafted and is_overtaken(session, self._notices.drafted(row))):
                latest[row.notice] = row
        return latest

    def _next_wave_at(self, session: Session, row: NoticeRow, draft: Draft, now: datetime | None) -> datetime | None:
        """Return the beginning of the next wave when only people of later waves still wait, or None."""
        release = session.get(ReleaseRow, (row.incident, row.notice, row.version)) if draft.waves else None
        if release is None or draft.waves is None or now is None:
            return None
        waiting = (DeliveryRow.state == DeliveryState.WAITING, col(DeliveryRow.person) > 0)
        here = (DeliveryRow.incident == row.incident, DeliveryRow.notice == row.notice)
        first = select(func.min(DeliveryRow.person)).where(*here, *waiting, text("state IN " + DUE))
        person = session.exec(first).one()
        if person is None:
            return None
        begins = draft.waves.begins(person, *self._notices.waves_go_on(session, row))
        return begins if begins > now else None

    def _releases(
        self, session: Session, incident: str, rows: dict[tuple[str, int], NoticeRow]
    ) -> dict[str, list[NoticeRelease]]:
        """Return the released versions of each notice, the first one first.

        The only released version of a notice counts as told even before a message of it was sent.
        """
        query = select(ReleaseRow).where(ReleaseRow.incident == incident).order_by(col(ReleaseRow.version))
        releases = session.exec(query).all()
        versions, found = Counter(release.notice for release in releases), defaultdict(list)
        for release in releases:
            row = rows[release.notice, release.version]
            said = self._notices.drafted(row)
            told = versions[row.notice] == 1 or self._was_sent(session, row, said)
            one = NoticeRelease(
                at=release.at,
                drafted_at=row.drafted_at,
                sent_at=row.sent_at,
                told=told,
                next_news_at=said.next_news_at,
                sorry_for=said.sorry_for,
            )
            found[release.notice].append(one)
        return found

    def _was_sent(self, session: Session, row: NoticeRow, draft: Draft) -> bool:
        """Return True when a message of this version was sent, to a person if the notice has any channel to people."""
        to_people = any(kind.personal for kind in draft.channels)
        return any_in(session, row.incident, row.notice, row.version, HAS_LEFT, to_people=to_people)


def events_of(session: Session, incident: str, *kinds: EventKind) -> dict[EventKind, dict[str, datetime]]:
    """Return the time of each event of these kinds by its name, for every kind."""
    times: dict[EventKind, dict[str, datetime]] = {kind: {} for kind in kinds}
    query = select(EventRow.kind, EventRow.name, EventRow.at).where(
        EventRow.incident == incident, col(EventRow.kind).in_(kinds)
    )
    for kind, name, at in session.exec(query):
        times[EventKind(kind)][name] = at
    return times


def _occurrences(session: Session, incident: str) -> tuple[RecordedOccurrence, ...]:
    query = (
        select(OccurrenceRow)
        .where(OccurrenceRow.incident == incident)
        .order_by(col(OccurrenceRow.due_at), col(OccurrenceRow.step))
    )
    return tuple(
        RecordedOccurrence(
            kind=OccurrenceKind(row.kind),
            step=row.step,
            number=row.number,
            due_at=row.due_at,
            state=OccurrenceState(row.state),
            revision=row.revision,
            done_at=row.done_at,
            note=row.note,
        )
        for row in session.exec(query)
    )


@dataclass(frozen=True)
class _Messages:
    """The messages of one notice in numbers, with the times at which the next ones are due."""

    states: dict[DeliveryState, int]
    people: dict[PersonState, int]
    later: DeferredMessages | None
    next_wave_at: datetime | None = None
    """The beginning of the next wave; None unless only people of later waves still wait."""

    @property
    def pending(self) -> int:
        return sum(count for state, count in self.states.items() if state.pending)

    @property
    def only_deferred_until(self) -> datetime | None:
        """Return when the next message is due, or None when a message is due already or none is pending."""
        busy = (DeliveryState.CLAIMED,) if self.next_wave_at else (DeliveryState.WAITING, DeliveryState.CLAIMED)
        if any(state in self.states for state in busy):
            return None
        next_try_at = self.later.at if self.later else None
        return min((at for at in (next_try_at, self.next_wave_at) if at), default=None)


def _is_untrue(session: Session, draft: Draft, now: datetime | None) -> bool:
    """Return True when the draft states a promise or a time that has become wrong."""
    return bool(promises_changed(session, draft)) or (now is not None and draft.outdated(now))


def _status(
    session: Session,
    row: NoticeRow,
    draft: Draft,
    stands: Standing,
    messages: _Messages,
    releases: tuple[NoticeRelease, ...],
    now: datetime | None,
    *,
    current: bool,
) -> NoticeStatus:
    outdated = row.stage not in RELEASED and _is_untrue(session, draft, now)
    return NoticeStatus(
        id=row.notice,
        version=row.version,
        template=draft.template,
        step=draft.step,
        occurrence=draft.occurrence,
        about=draft.about,
        audience=draft.audience,
        meant_for=draft.people,
        authors=draft.authors,
        stage=stage_of(row, stands),
        binding=row.binding,
        approvals_needed=draft.approvals.needed,
        approvals=stands.approved_by,
        standing=stands,
        drafted_at=row.drafted_at,
        sent_at=row.sent_at,
        next_news_at=draft.next_news_at,
        sorry_for=draft.sorry_for,
        releases=releases,
        people=messages.people,
        pending=messages.pending,
        parked=messages.states.get(DeliveryState.PARKED, 0),
        letters=messages.states.get(DeliveryState.TO_PRINT, 0),
        not_told=latecomers(session, row, draft.audience, draft.audience_digest, sum(messages.people.values())),
        next_try_at=messages.only_deferred_until,
        kept_back=messages.later.kept_back if messages.later else 0,
        for_domains=messages.later.for_domains if messages.later else 0,
        more_waves=messages.next_wave_at is not None,
        waits_for=draft.waits_for,
        current=current and not outdated,
    )
