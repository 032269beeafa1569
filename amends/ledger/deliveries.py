"""Verbs about messages: claim, mark, record; and how every person stands to a notice."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Select, Table, bindparam, case, inspect, update
from sqlmodel import Session, col, func, select

from amends.domain.case import IncidentState
from amends.domain.channel import ChannelKind, Receipt
from amends.domain.errors import ApprovalMissing, NotAllowed
from amends.domain.letters import GENERAL
from amends.domain.notice import (
    PERSON_STATE,
    DeliveryState,
    Draft,
    NoticeStage,
    PersonState,
    name_parts,
    text_name,
)
from amends.domain.people import Person
from amends.domain.reach import Outcome, next_channel, outcome
from amends.ledger.incidents import opened_person
from amends.ledger.notices import PUBLIC, addresses, is_current, letter_of, letters_in_force, notice_row
from amends.ledger.promises import told
from amends.ledger.store import Store, Write
from amends.ledger.tables import DeliveryRow, IncidentRow, NoticeRow, PersonRow, ReleaseRow

LEASE = timedelta(seconds=90)
"""How long a claim holds without being renewed."""

HELD = (DeliveryState.CLAIMED, DeliveryState.IN_DOUBT)
"""A worker has the message in hand."""

Answer = tuple["Claim", Receipt]
"""A message and what its channel said of it."""

# Put together once: these three are most of what is asked of the database for each message.
TABLE = cast("Table", inspect(DeliveryRow).local_table)
OURS = (
    select(TABLE.c.id, TABLE.c.fence)
    .where(TABLE.c.id.in_(bindparam("ids", expanding=True)), TABLE.c.state.in_(bindparam("states", expanding=True)))
    .order_by(TABLE.c.id)
    .with_for_update()
)
MAY_LEAVE = OURS.where(
    TABLE.c.incident.in_(
        select(IncidentRow.id).where(
            IncidentRow.state != IncidentState.PAUSED,
            col(IncidentRow.version).in_(bindparam("facts", expanding=True)),
        )
    )
)
CHANGE = update(TABLE).where(TABLE.c.id == bindparam("message"))


@dataclass(frozen=True, slots=True)
class Claim:
    """One message that this worker alone may send, as long as its lease runs."""

    id: int
    fence: int
    """Rises with every claim; a worker that fell behind is told by it."""
    key: str
    version: int
    """Of the notice, as it stood approved when this was claimed."""
    binding: str
    """The hash of what was approved."""
    facts: int
    """The version of the incident file at that time; when it changes, this may not leave any more."""
    attempts: int
    """How often it was claimed, this time included."""
    channel: ChannelKind
    locale: str
    reader: str
    letter: str
    """Which laws decide what it says: those of the home of the person it is about."""
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
        incident is paused. What was claimed before is stopped when it is marked.
        """
        with self.write() as write:
            released = _may_send(write, incident, notice)
            rows = _due_rows(write.session, incident, notice, list(channels), limit, now)
            claims = self._claims(write.session, incident, rows, released.draft["template"], released)
            _change(write, [_claim_row(claim, now) for claim in claims])
            return claims

    def _claims(
        self,
        session: Session,
        incident: str,
        rows: Sequence[DeliveryRow],
        template: str,
        released: NoticeRow | None = None,
    ) -> tuple[Claim, ...]:
        """The letter is chosen anew: since the message was stored, the letters in force may have become others."""
        about = _people(session, incident, {row.person for row in rows if row.person != PUBLIC})
        guardians = _people(session, incident, {row.guardian for row in about.values() if row.guardian})
        seal = self.seal(session, incident)
        opened = {number: opened_person(row, seal) for number, row in {**guardians, **about}.items()}
        version, binding = (released.version, released.binding) if released else (0, "")
        approved = (version, binding, session.get_one(IncidentRow, incident).version)
        letters = letters_in_force(session, incident)
        chosen = {number: letter_of(letters, template, person) for number, person in about.items()}
        return tuple(
            self._claim(row, about.get(row.person), opened, chosen.get(row.person, GENERAL), approved) for row in rows
        )

    def _claim(
        self,
        row: DeliveryRow,
        about: PersonRow | None,
        opened: dict[int, Person],
        letter: str,
        approved: tuple[int, str, int],
    ) -> Claim:
        locale, reader, _ = name_parts(row.variant)
        version, binding, facts = approved
        return Claim(
            id=row.id or 0,
            fence=row.fence + 1,
            key=self.keys.message_key(row.incident, row.notice, row.person, row.channel, row.address_index),
            version=version,
            binding=binding,
            facts=facts,
            attempts=row.attempts + 1,
            channel=ChannelKind(row.channel),
            locale=locale,
            reader=reader,
            letter=letter,
            about=opened[about.number] if about else None,
            to=opened[about.guardian or about.number] if about else None,
            link=self.keys.link_token(row.incident, about.number, about.link_version) if about else "",
        )

    def renew(self, claims: Iterable[Claim], now: datetime) -> None:
        """Hold these claims longer, while an answer is awaited."""
        with self.write() as write:
            _change(write, [{"message": claim.id, "lease_until": now + LEASE} for claim in _ours(write, claims, HELD)])

    def write_down(
        self, leaving: Sequence[Claim], answers: Sequence[Answer], incident: str, notice: str, now: datetime
    ) -> frozenset[int]:
        """Mark the leaving in doubt and record the answers, in one commit; the ids of both that were still ours.

        A leaving message of which the id is not returned must not be sent: somebody else holds it, the incident is
        paused, or the facts changed since it was claimed. An answer of which the id is not returned was not kept. A
        channel that failed for good hands over to the next of the cascade.
        """
        with self.write() as write:
            return _mark(write, leaving, now) | _record(write, answers, incident, notice, now)

    def give_back(self, claims: Sequence[Claim], now: datetime) -> None:
        """Nothing of these has left; they wait again."""
        waiting = {"state": DeliveryState.WAITING, "lease_until": None, "updated_at": now}
        with self.write() as write:
            ours = _ours(write, claims, (DeliveryState.CLAIMED,))
            _change(write, [{"message": claim.id, "attempts": claim.attempts - 1, **waiting} for claim in ours])

    def recover(self, incident: str, notice: str, now: datetime) -> int:
        """After a crash: what surely had not left waits again; the rest becomes uncertain. How many are uncertain.

        A machine never sends an uncertain message again. A page is no message: put up again, it is the same page.
        """
        with self.write() as write:
            stale = (
                update(DeliveryRow)
                .where(col(DeliveryRow.incident) == incident, col(DeliveryRow.notice) == notice)
                .where(col(DeliveryRow.lease_until) < now)
            )
            in_doubt = col(DeliveryRow.state) == DeliveryState.IN_DOUBT
            page = in_doubt & (col(DeliveryRow.channel) == ChannelKind.WEBSITE)
            freed = write.change(
                stale.where((col(DeliveryRow.state) == DeliveryState.CLAIMED) | page).values(
                    state=DeliveryState.WAITING, fence=DeliveryRow.fence + 1, lease_until=None, updated_at=now
                )
            )
            doubtful = write.change(
                stale.where(in_doubt).values(
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

    def busy(self, incident: str, now: datetime) -> bool:
        """Whether some worker holds a message of this incident right now."""
        with self.read() as session:
            query = select(DeliveryRow.id).where(DeliveryRow.incident == incident, col(DeliveryRow.lease_until) > now)
            return session.exec(query.limit(1)).first() is not None

    def finish(self, incident: str, notice: str, now: datetime) -> bool:
        """Note that nothing of the notice is pending any more, if so; whether it is."""
        with self.write() as write:
            write.incident(incident)
            row = notice_row(write.session, incident, notice)
            if row is None or row.stage != NoticeStage.SENDING:
                return row is not None and row.stage == NoticeStage.SENT
            states = message_states(write.session, incident).get(notice, {})
            if any(state.pending for state in states):
                return False
            row.stage, row.sent_at = NoticeStage.SENT, row.sent_at or now
            draft = Draft.model_validate(row.draft)
            if draft.about:
                told(write.session, incident, draft.about, draft.change)
            write.note(now, incident, "sent", notice, states={state.value: count for state, count in states.items()})
            return True

    def published(self, incident: str, notice: str) -> bool:
        """Whether every page of the notice, as it was last drafted, stands on the website; true when it has none."""
        with self.read() as session:
            row = notice_row(session, incident, notice)
            missing = select(DeliveryRow.id).where(
                DeliveryRow.incident == incident,
                DeliveryRow.notice == notice,
                DeliveryRow.version == (row.version if row else 0),
                DeliveryRow.channel == ChannelKind.WEBSITE,
                col(DeliveryRow.state).not_in([DeliveryState.SENT, DeliveryState.DELIVERED]),
            )
            return session.exec(missing.limit(1)).first() is None

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


def _due_rows(
    session: Session, incident: str, notice: str, channels: list[ChannelKind], limit: int, now: datetime
) -> list[DeliveryRow]:
    # One query per state and no order: so an index leads to the next page, however many were sent before it.
    waiting = (col(DeliveryRow.state) == DeliveryState.WAITING,)
    deferred = (col(DeliveryRow.state) == DeliveryState.DEFERRED, col(DeliveryRow.next_try_at) <= now)
    rows: list[DeliveryRow] = []
    for due in (waiting, deferred):
        query = select(DeliveryRow).where(
            DeliveryRow.incident == incident,
            DeliveryRow.notice == notice,
            col(DeliveryRow.channel).in_(channels),
            *due,
        )
        rows += session.exec(query.limit(limit - len(rows)).with_for_update(skip_locked=True)).all()
    return rows


def _ours(
    write: Write,
    claims: Iterable[Claim],
    states: Sequence[DeliveryState],
    query: Select[Any] = OURS,
    **more: Any,
) -> list[Claim]:
    """Those of these claims that nobody took over and that are in one of these states; locked until the commit."""
    known = {(claim.id, claim.fence): claim for claim in claims}
    if not known:
        return []
    asked = {"ids": [number for number, _ in known], "states": states, **more}
    held = write.session.connection().execute(query, asked)
    return [known[number, fence] for number, fence in held if (number, fence) in known]


def _change(write: Write, rows: list[dict[str, Any]]) -> None:
    """Update each of these messages, named by `message`."""
    if rows:
        write.session.connection().execute(CHANGE, rows)


def _mark(write: Write, claims: Sequence[Claim], now: datetime) -> frozenset[int]:
    facts = {claim.facts for claim in claims}
    ours = _ours(write, claims, (DeliveryState.CLAIMED,), MAY_LEAVE, facts=facts)
    mark = {"state": DeliveryState.IN_DOUBT, "lease_until": now + LEASE, "updated_at": now}
    _change(write, [{"message": claim.id, **mark} for claim in ours])
    return frozenset(claim.id for claim in ours)


def _record(write: Write, answers: Sequence[Answer], incident: str, notice: str, now: datetime) -> frozenset[int]:
    receipts = {claim.id: receipt for claim, receipt in answers}
    ours = _ours(write, [claim for claim, _ in answers], HELD)
    released = {
        version: write.session.get_one(ReleaseRow, (incident, notice, version)).at
        for version in {claim.version for claim in ours}
    }
    outcomes = [(claim, outcome(receipts[claim.id], claim.attempts, released[claim.version], now)) for claim in ours]
    _change(write, [_outcome_row(claim, answer, now) for claim, answer in outcomes])
    for claim, answer in outcomes:
        if answer.state.gone_wrong:
            _hand_over(write.session, incident, notice, claim, now)
    if outcomes:
        states = Counter(answer.state.value for _, answer in outcomes)
        write.note(now, incident, "answered", notice, states=dict(states))
    return frozenset(claim.id for claim in ours)


def _people(session: Session, incident: str, numbers: Iterable[int]) -> dict[int, PersonRow]:
    query = select(PersonRow).where(PersonRow.incident == incident, col(PersonRow.number).in_(list(numbers)))
    return {row.number: row for row in session.exec(query)}


def _may_send(write: Write, incident: str, notice: str) -> NoticeRow:
    if write.incident(incident).state == IncidentState.PAUSED:
        raise NotAllowed(f"incident {incident} is paused; `amends incident resume {incident}` lets it go on")
    row = notice_row(write.session, incident, notice)
    if row is None or write.session.get(ReleaseRow, (incident, notice, row.version)) is None:
        raise ApprovalMissing(f"{notice} has not been released")
    if not is_current(write.session, Draft.model_validate(row.draft)):
        raise ApprovalMissing(f"the facts changed after {notice} was approved; what is left of it waits for approval")
    return row


def _claim_row(claim: Claim, now: datetime) -> dict[str, Any]:
    return {
        "message": claim.id,
        "version": claim.version,
        "variant": text_name(claim.locale, claim.reader, claim.letter),
        "state": DeliveryState.CLAIMED,
        "fence": claim.fence,
        "attempts": claim.attempts,
        "lease_until": now + LEASE,
    }


def _outcome_row(claim: Claim, answer: Outcome, now: datetime) -> dict[str, Any]:
    return {
        "message": claim.id,
        "state": answer.state,
        "detail": answer.detail,
        "provider_id": answer.provider_id,
        "next_try_at": answer.next_try_at,
        "lease_until": None,
        "updated_at": now,
    }


def _hand_over(session: Session, incident: str, notice: str, claim: Claim, now: datetime) -> None:
    """The channel has failed this person for good; the next of the cascade gets a message for them."""
    if claim.to is None or claim.about is None:
        return
    draft = session.get_one(NoticeRow, (incident, notice, claim.version)).draft
    known = addresses(session.get_one(PersonRow, (incident, claim.to.number)))
    tried = session.exec(
        select(DeliveryRow.channel).where(
            DeliveryRow.incident == incident,
            DeliveryRow.notice == notice,
            DeliveryRow.person == claim.about.number,
        )
    ).all()
    cascade = [ChannelKind(name) for name in draft["cascade"]]
    channel = next_channel({ChannelKind(name) for name in tried}, known.keys(), cascade)
    if channel is None:
        return
    session.add(
        DeliveryRow(
            incident=incident,
            notice=notice,
            version=claim.version,
            person=claim.about.number,
            channel=channel,
            address_index=known[channel],
            variant=text_name(claim.locale, claim.reader, claim.letter),
            state=DeliveryState.WAITING,
            detail="",
            provider_id="",
            attempts=0,
            fence=0,
            updated_at=now,
        )
    )


def message_states(session: Session, incident: str) -> dict[str, dict[DeliveryState, int]]:
    """How many messages are in each state, for every notice."""
    query = (
        select(DeliveryRow.notice, DeliveryRow.state, func.count())
        .where(DeliveryRow.incident == incident)
        .group_by(col(DeliveryRow.notice), col(DeliveryRow.state))
    )
    counted: dict[str, dict[DeliveryState, int]] = {}
    for notice, state, count in session.exec(query):
        counted.setdefault(notice, {})[DeliveryState(state)] = count
    return counted


BEST_FIRST = tuple(DeliveryState)


def person_states(session: Session, incident: str) -> dict[str, dict[PersonState, int]]:
    """How many people stand where with every notice: each where their best message stands, so in exactly one state."""
    rank = case({state.value: place for place, state in enumerate(BEST_FIRST)}, value=col(DeliveryRow.state))
    best = (
        select(DeliveryRow.notice, func.min(rank).label("rank"))
        .where(DeliveryRow.incident == incident, DeliveryRow.person != PUBLIC)
        .group_by(col(DeliveryRow.notice), col(DeliveryRow.person))
        .subquery()
    )
    query = select(best.c.notice, best.c.rank, func.count()).group_by(best.c.notice, best.c.rank)
    counted: dict[str, Counter[PersonState]] = {}
    for notice, place, count in session.exec(query):
        counted.setdefault(notice, Counter())[PERSON_STATE[BEST_FIRST[place]]] += count
    return {notice: dict(states) for notice, states in counted.items()}


def next_tries(session: Session, incident: str) -> dict[str, datetime]:
    """When the earliest deferred message of each notice may be tried again."""
    query = (
        select(DeliveryRow.notice, func.min(DeliveryRow.next_try_at))
        .where(DeliveryRow.incident == incident, DeliveryRow.state == DeliveryState.DEFERRED)
        .group_by(col(DeliveryRow.notice))
    )
    return {notice: at for notice, at in session.exec(query) if at is not None}


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
