"""Reading the whole case of an incident, in one consistent view."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from amends.domain.case import Case, IncidentState, Occurrence, OccurrenceState
from amends.domain.errors import NotInLedger
from amends.domain.incident import Incident
from amends.domain.notice import DeliveryState, Draft, NoticeStatus, PersonState
from amends.domain.people import AudienceCounts
from amends.domain.playbook import Phase, Playbook
from amends.ledger.counting import count_people
from amends.ledger.feedback import question_counts, survey_counts
from amends.ledger.filings import filings_of, latest_assessment
from amends.ledger.incidents import version_row
from amends.ledger.notices import RELEASED, Notices, is_current, is_overtaken, latecomers, stage_of, standing_of
from amends.ledger.promises import commitments_of, untold
from amends.ledger.standing import message_states, next_tries, person_states
from amends.ledger.steps import pin_row
from amends.ledger.tables import (
    EventRow,
    IncidentRow,
    NoticeRow,
    OccurrenceRow,
    PinRow,
)


class Cases(Notices):
    """The case, read from the ledger."""

    def incident_file(self, incident: str) -> Incident:
        """The incident file in force. Raises NotInLedger."""
        with self.read() as session:
            return self._file(session, _existing(session, incident))

    def case(self, incident: str, now: datetime | None = None) -> Case:
        """Everything known about one incident, in numbers. Raises NotInLedger.

        With a now, it also says how many questions are overdue, and which drafts name a time that has passed.
        """
        with self.read() as session:
            row = _existing(session, incident)
            version = version_row(session, incident, row.version)
            pin = pin_row(session, incident)
            case = Case(
                incident=self._file(session, row),
                version=row.version,
                state=IncidentState(row.state),
                opened_at=row.opened_at,
                author=version.author,
                audience=self._memory.get(("audience", incident, row.audience_digest), lambda: _audience(session, row)),
                assessment=latest_assessment(session, incident, self._memory),
                playbook=self._playbook(pin),
                pinned=pin.digest if pin else "",
                events=dict(
                    session.exec(select(EventRow.name, EventRow.at).where(EventRow.incident == incident)).all()
                ),
                occurrences=_occurrences(session, incident),
                notices=self._notices(session, incident, now),
                commitments=commitments_of(session, incident),
                filings=filings_of(session, incident),
                untold=untold(session, incident),
                questions=question_counts(session, incident, now),
                survey=survey_counts(session, incident),
            )
        return _without_lost_assessments(case)

    def _playbook(self, pin: PinRow | None) -> Playbook | None:
        if pin is None:
            return None
        return self._memory.get(("playbook", pin.digest), lambda: Playbook.model_validate(pin.playbook))

    def _file(self, session: Session, row: IncidentRow) -> Incident:
        name = ("incident", row.id, row.version)
        return self._memory.get(
            name, lambda: Incident.model_validate(version_row(session, row.id, row.version).content)
        )

    def _notices(self, session: Session, incident: str, now: datetime | None) -> tuple[NoticeStatus, ...]:
        """The latest version of each notice, without the drafts that were overtaken before anything of them left."""
        query = (
            select(NoticeRow)
            .where(NoticeRow.incident == incident)
            .order_by(col(NoticeRow.drafted_at))
            .options(defer(NoticeRow.draft))  # type: ignore[arg-type]
        )
        latest: dict[str, NoticeRow] = {}
        for row in session.exec(query):
            if row.notice not in latest or latest[row.notice].version < row.version:
                latest[row.notice] = row
        states, people = message_states(session, incident), person_states(session, incident)
        tries = next_tries(session, incident)

        def status(name: str, row: NoticeRow) -> NoticeStatus | None:
            draft = self.drafted(row)
            if row.stage not in RELEASED and is_overtaken(session, draft):
                return None
            messages = _Messages(states.get(name, {}), people.get(name, {}), tries.get(name))
            return _status(session, row, draft, messages, now)

        return tuple(found for name, row in latest.items() if (found := status(name, row)))


def _existing(session: Session, incident: str) -> IncidentRow:
    row = session.get(IncidentRow, incident)
    if row is None:
        raise NotInLedger(f"no incident {incident} in this ledger; `amends incident list` shows those that are")
    return row


def _audience(session: Session, row: IncidentRow) -> AudienceCounts:
    """As counted when the list was put in force; in ledgers from before that was kept, counted anew."""
    if row.counts:
        return AudienceCounts.model_validate(row.counts)
    return count_people(session, row.id, row.people, row.audience_digest)


def _without_lost_assessments(case: Case) -> Case:
    """What was concluded before there were duties cannot be read any more: those turns are to be done again."""
    if case.assessment or case.playbook is None:
        return case
    steps = {step.id for step in case.playbook.steps if step.phase is Phase.ASSESS}
    lost = [turn for turn in case.occurrences if turn.step in steps and turn.state is OccurrenceState.DONE]
    return case.model_copy(update={"occurrences": tuple(turn for turn in case.occurrences if turn not in lost)})


def _occurrences(session: Session, incident: str) -> tuple[Occurrence, ...]:
    query = (
        select(OccurrenceRow)
        .where(OccurrenceRow.incident == incident)
        .order_by(col(OccurrenceRow.due_at), col(OccurrenceRow.step))
    )
    return tuple(
        Occurrence(
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
    """Where the messages of one notice stand."""

    states: dict[DeliveryState, int]
    people: dict[PersonState, int]
    next_try_at: datetime | None

    @property
    def pending(self) -> int:
        return sum(count for state, count in self.states.items() if state.pending)

    @property
    def only_deferred_until(self) -> datetime | None:
        """When a deferred message is due, if nothing else is left to do."""
        busy = (DeliveryState.WAITING, DeliveryState.CLAIMED)
        return None if any(state in self.states for state in busy) else self.next_try_at


def _status(session: Session, row: NoticeRow, draft: Draft, messages: _Messages, now: datetime | None) -> NoticeStatus:
    outdated = row.stage not in RELEASED and now is not None and draft.outdated(now)
    return NoticeStatus(
        id=row.notice,
        version=row.version,
        template=draft.template,
        step=draft.step,
        occurrence=draft.occurrence,
        about=draft.about,
        stage=stage_of(session, row, draft),
        binding=row.binding,
        approvals_needed=draft.approvals,
        approvals=standing_of(session, row, draft).approved_by,
        drafted_at=row.drafted_at,
        sent_at=row.sent_at,
        next_news_at=draft.next_news_at,
        people=messages.people,
        pending=messages.pending,
        parked=messages.states.get(DeliveryState.PARKED, 0),
        not_told=latecomers(session, row, draft.audience, draft.audience_digest),
        next_try_at=messages.only_deferred_until,
        current=is_current(session, draft) and not outdated,
    )
