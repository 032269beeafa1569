"""Verbs about messages: claim, mark, record; and how every person stands to a notice."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Update, case, update
from sqlmodel import Session, col, func, select

from amends.domain.case import IncidentState
from amends.domain.channel import ChannelKind, Receipt
from amends.domain.errors import ApprovalMissing, NotAllowed
from amends.domain.notice import PERSON_STATE, DeliveryState, Draft, NoticeStage, PersonState
from amends.domain.people import Person
from amends.domain.reach import Outcome, next_channel, outcome
from amends.domain.team import Member
from amends.ledger.incidents import opened_person
from amends.ledger.notices import PUBLIC, addresses, is_current, notice_row
from amends.ledger.promises import told
from amends.ledger.store import Store, Write
from amends.ledger.tables import DeliveryRow, NoticeRow, PersonRow, ReleaseRow

LEASE = timedelta(seconds=90)
"""How long a claim holds without being renewed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One message that this worker alone may send, as long as its lease runs."""

    id: int
    fence: int
    """Rises with every claim; a worker that fell behind is told by it."""
    key: str
    version: int
    channel: ChannelKind
    locale: str
    reader: str
    about: Person | None
    """Whose data it is about; None for the public."""
    to: Person | None
    """Who is written to: the same person, or the guardian."""
    link: str = ""
    """The token of the personal link of the person it is about."""


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """One message in a list, without any personal data."""

    person: int
    country: str
    channel: ChannelKind
    state: DeliveryState
    detail: str
    attempts: int
    updated_at: datetime


class Deliveries(Store):
    """What the sending engine asks of the ledger."""

    def claim(
        self, incident: str, notice: str, channels: Iterable[ChannelKind], limit: int, now: datetime
    ) -> tuple[Claim, ...]:
        """Take up to this many messages that are due; nobody else gets them while the lease runs.

        Raises ApprovalMissing when what was released is not what stands approved now, and NotAllowed while the
        incident is paused: both stop a running send at the next claim.
        """
        with self.write() as write:
            _may_send(write, incident, notice)
            query = (
                select(DeliveryRow)
                .where(
                    DeliveryRow.incident == incident,
                    DeliveryRow.notice == notice,
                    col(DeliveryRow.channel).in_(list(channels)),
                    _is_due(now),
                )
                .order_by(col(DeliveryRow.id))
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            rows = write.session.exec(query).all()
            for row in rows:
                row.state, row.fence, row.lease_until = DeliveryState.CLAIMED, row.fence + 1, now + LEASE
                row.attempts += 1
            write.session.flush()
            return self._claims(write.session, incident, rows)

    def _claims(self, session: Session, incident: str, rows: Sequence[DeliveryRow]) -> tuple[Claim, ...]:
        about = _people(session, incident, {row.person for row in rows if row.person != PUBLIC})
        guardians = _people(session, incident, {row.guardian for row in about.values() if row.guardian})
        seal = self.seal(session, incident)
        opened = {number: opened_person(row, seal) for number, row in {**guardians, **about}.items()}
        return tuple(self._claim(row, about.get(row.person), opened) for row in rows)

    def _claim(self, row: DeliveryRow, about: PersonRow | None, opened: dict[int, Person]) -> Claim:
        locale, reader = row.variant.split("/")
        return Claim(
            id=row.id or 0,
            fence=row.fence,
            key=self.keys.message_key(row.incident, row.notice, row.person, row.channel, row.address_index),
            version=row.version,
            channel=ChannelKind(row.channel),
            locale=locale,
            reader=reader,
            about=opened[about.number] if about else None,
            to=opened[about.guardian or about.number] if about else None,
            link=self.keys.link_token(row.incident, about.number, about.link_version) if about else "",
        )

    def renew(self, claims: Iterable[Claim], now: datetime) -> None:
        """Hold these claims longer, while an answer is awaited."""
        with self.write() as write:
            for claim in claims:
                write.change(_held(claim).values(lease_until=now + LEASE))

    def mark_in_doubt(self, claims: Sequence[Claim], now: datetime) -> frozenset[int]:
        """Durably note that these messages may leave from now on; the ids of those that are still ours.

        A message of which the id is not returned must not be sent: somebody else holds it.
        """
        with self.write() as write:
            held = [
                claim.id
                for claim in claims
                if write.change(
                    _held(claim)
                    .where(col(DeliveryRow.state) == DeliveryState.CLAIMED)
                    .values(state=DeliveryState.IN_DOUBT, lease_until=now + LEASE, updated_at=now)
                )
            ]
            return frozenset(held)

    def record(self, receipts: Sequence[tuple[Claim, Receipt]], incident: str, notice: str, now: datetime) -> None:
        """Keep what the channels answered; a channel that failed for good hands over to the next of the cascade."""
        with self.write() as write:
            row, release = _released(write.session, incident, notice)
            draft = Draft.model_validate(row.draft)
            states: Counter[str] = Counter()
            for claim, receipt in receipts:
                answer = outcome(receipt, self._attempts(write.session, claim), release.at, now)
                if _keep(write, claim, answer, now):
                    states[answer.state] += 1
                    _hand_over(write.session, draft, claim, answer, now)
            write.note(now, incident, "answered", notice, states=dict(states))

    @staticmethod
    def _attempts(session: Session, claim: Claim) -> int:
        row = session.get(DeliveryRow, claim.id)
        return row.attempts if row else 1

    def give_back(self, claims: Sequence[Claim], now: datetime) -> None:
        """Nothing of these has left; they wait again."""
        with self.write() as write:
            for claim in claims:
                write.change(
                    _held(claim)
                    .where(col(DeliveryRow.state) == DeliveryState.CLAIMED)
                    .values(
                        state=DeliveryState.WAITING, lease_until=None, attempts=DeliveryRow.attempts - 1, updated_at=now
                    )
                )

    def recover(self, incident: str, notice: str, now: datetime) -> int:
        """After a crash: what surely had not left waits again; the rest becomes uncertain. How many are uncertain.

        A machine never sends an uncertain message again.
        """
        with self.write() as write:
            stale = (
                update(DeliveryRow)
                .where(col(DeliveryRow.incident) == incident, col(DeliveryRow.notice) == notice)
                .where(col(DeliveryRow.lease_until) < now)
            )
            freed = write.change(
                stale.where(col(DeliveryRow.state) == DeliveryState.CLAIMED).values(
                    state=DeliveryState.WAITING, fence=DeliveryRow.fence + 1, lease_until=None, updated_at=now
                )
            )
            doubtful = write.change(
                stale.where(col(DeliveryRow.state) == DeliveryState.IN_DOUBT).values(
                    state=DeliveryState.UNCERTAIN,
                    detail="the sender stopped before an answer came",
                    fence=DeliveryRow.fence + 1,
                    lease_until=None,
                    updated_at=now,
                )
            )
            if freed or doubtful:
                write.note(now, incident, "recovered", notice, waiting=freed, uncertain=doubtful)
            return doubtful

    def send_again(self, incident: str, notice: str, person: int, by: Member, now: datetime) -> int:
        """A person decided that an uncertain message shall go out once more; how many do. Raises NotAllowed."""
        if not by.role.may_approve:
            raise NotAllowed(f"{by.name} may not decide this: it needs a role that may approve")
        with self.write() as write:
            again = write.change(
                update(DeliveryRow)
                .where(
                    col(DeliveryRow.incident) == incident,
                    col(DeliveryRow.notice) == notice,
                    col(DeliveryRow.person) == person,
                    col(DeliveryRow.state) == DeliveryState.UNCERTAIN,
                )
                .values(state=DeliveryState.WAITING, detail="", updated_at=now)
            )
            row = notice_row(write.session, incident, notice)
            if again and row:
                row.stage = NoticeStage.SENDING
            write.note(now, incident, "sent again", f"{notice} person {person}", actor=by.name, messages=again)
            return again

    def finish(self, incident: str, notice: str, now: datetime) -> bool:
        """Note that nothing of the notice is pending any more, if so; whether it is."""
        with self.write() as write:
            row = notice_row(write.session, incident, notice)
            if row is None or row.stage != NoticeStage.SENDING:
                return row is not None and row.stage == NoticeStage.SENT
            states = message_states(write.session, incident, notice)
            if any(state.pending for state in states):
                return False
            row.stage, row.sent_at = NoticeStage.SENT, now
            draft = Draft.model_validate(row.draft)
            if draft.about:
                told(write.session, incident, draft.about, draft.change)
            write.note(now, incident, "sent", notice, states={state.value: count for state, count in states.items()})
            return True

    def deliveries(self, incident: str, notice: str) -> tuple[DeliveryLine, ...]:
        """Every message of a notice, by person."""
        with self.read() as session:
            query = (
                select(DeliveryRow, PersonRow.country)
                .join(
                    PersonRow,
                    (col(PersonRow.incident) == DeliveryRow.incident) & (col(PersonRow.number) == DeliveryRow.person),
                    isouter=True,
                )
                .where(DeliveryRow.incident == incident, DeliveryRow.notice == notice)
                .order_by(col(DeliveryRow.person), col(DeliveryRow.id))
            )
            return tuple(_line(row, country or "") for row, country in session.exec(query))


def _is_due(now: datetime) -> ColumnElement[bool]:
    waiting = col(DeliveryRow.state) == DeliveryState.WAITING
    deferred = (col(DeliveryRow.state) == DeliveryState.DEFERRED) & (col(DeliveryRow.next_try_at) <= now)
    return waiting | deferred


def _held(claim: Claim) -> Update:
    return update(DeliveryRow).where(col(DeliveryRow.id) == claim.id, col(DeliveryRow.fence) == claim.fence)


def _people(session: Session, incident: str, numbers: Iterable[int]) -> dict[int, PersonRow]:
    query = select(PersonRow).where(PersonRow.incident == incident, col(PersonRow.number).in_(list(numbers)))
    return {row.number: row for row in session.exec(query)}


def _may_send(write: Write, incident: str, notice: str) -> None:
    if write.incident(incident).state == IncidentState.PAUSED:
        raise NotAllowed(f"incident {incident} is paused; `amends incident resume {incident}` lets it go on")
    row, _ = _released(write.session, incident, notice)
    if not is_current(write.session, Draft.model_validate(row.draft)):
        raise ApprovalMissing(f"the facts changed after {notice} was approved; what is left of it waits for approval")


def _released(session: Session, incident: str, notice: str) -> tuple[NoticeRow, ReleaseRow]:
    row = notice_row(session, incident, notice)
    release = session.get(ReleaseRow, (incident, notice, row.version)) if row else None
    if row is None or release is None:
        raise ApprovalMissing(f"{notice} has not been released")
    return row, release


def _keep(write: Write, claim: Claim, answer: Outcome, now: datetime) -> bool:
    kept = write.change(
        _held(claim).values(
            state=answer.state,
            detail=answer.detail,
            provider_id=answer.provider_id,
            next_try_at=answer.next_try_at,
            lease_until=None,
            updated_at=now,
        )
    )
    return bool(kept)


def _hand_over(session: Session, draft: Draft, claim: Claim, answer: Outcome, now: datetime) -> None:
    """When a channel has failed a person for good, the next of the cascade gets a message for them."""
    if not answer.state.gone_wrong or claim.to is None or claim.about is None:
        return
    known = addresses(session.get_one(PersonRow, (draft.incident, claim.to.number)))
    tried = session.exec(
        select(DeliveryRow.channel).where(
            DeliveryRow.incident == draft.incident,
            DeliveryRow.notice == draft.notice,
            DeliveryRow.person == claim.about.number,
        )
    ).all()
    channel = next_channel({ChannelKind(name) for name in tried}, known.keys(), draft.cascade)
    if channel is None:
        return
    session.add(
        DeliveryRow(
            incident=draft.incident,
            notice=draft.notice,
            version=claim.version,
            person=claim.about.number,
            channel=channel,
            address_index=known[channel],
            variant=f"{claim.locale}/{claim.reader}",
            state=DeliveryState.WAITING,
            detail="",
            provider_id="",
            attempts=0,
            fence=0,
            updated_at=now,
        )
    )


def message_states(session: Session, incident: str, notice: str) -> dict[DeliveryState, int]:
    """How many messages of a notice are in each state."""
    query = (
        select(DeliveryRow.state, func.count())
        .where(DeliveryRow.incident == incident, DeliveryRow.notice == notice)
        .group_by(col(DeliveryRow.state))
    )
    return {DeliveryState(state): count for state, count in session.exec(query)}


BEST_FIRST = tuple(DeliveryState)


def person_states(session: Session, incident: str, notice: str) -> dict[PersonState, int]:
    """How many people stand where: each where their best message stands, so each in exactly one state."""
    rank = case({state.value: place for place, state in enumerate(BEST_FIRST)}, value=col(DeliveryRow.state))
    best = (
        select(func.min(rank).label("rank"))
        .where(DeliveryRow.incident == incident, DeliveryRow.notice == notice, DeliveryRow.person != PUBLIC)
        .group_by(col(DeliveryRow.person))
        .subquery()
    )
    counted: Counter[PersonState] = Counter()
    for place, count in session.exec(select(best.c.rank, func.count()).group_by(best.c.rank)):
        counted[PERSON_STATE[BEST_FIRST[place]]] += count
    return dict(counted)


def _line(row: DeliveryRow, country: str) -> DeliveryLine:
    return DeliveryLine(
        row.person,
        country,
        ChannelKind(row.channel),
        DeliveryState(row.state),
        row.detail,
        row.attempts,
        row.updated_at,
    )
