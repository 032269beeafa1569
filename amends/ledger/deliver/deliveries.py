"""Verbs about messages: claim, mark, record, and what is left when a worker is gone."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Update, bindparam, delete, insert, not_, text, update
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import ApprovalMissing, NotAllowed
from amends.domain.case.case import Embargo, IncidentState
from amends.domain.channel.channel import Cause, ChannelKind, Receipt
from amends.domain.deliver.cascade import Outcome, outcome, untried
from amends.domain.notice.notice import DeliveryState, Draft, NoticeStage, name_parts, text_name
from amends.ledger.commitment import told
from amends.ledger.deliver.cascade import AGAIN, call_after_the_end, next_message, reopen
from amends.ledger.deliver.claims import Claim, Claims, Released, WaitingMessage
from amends.ledger.deliver.statistics import message_states
from amends.ledger.notice.notices import PUBLIC, Notices, changed_since, latecomers, notice_row
from amends.ledger.notice.restore import as_the_log_says, left_among
from amends.ledger.people.opt_outs import withdraw
from amends.ledger.store.bulk import Kept, Swift, among, listed, on_postgresql, spelled, statement
from amends.ledger.store.leases import (
    HELD,
    LEASE,
    ended_leases,
    free_rest,
    has_ended,
    held_by,
    leases_of,
    lock,
    open_marks,
    put_in_doubt,
    run_out,
    this_process,
)
from amends.ledger.store.session import Store, Write
from amends.ledger.store.tables import DUE, DeliveryRow, IncidentRow, LeaseRow, NoticeRow, ReleaseRow

SPAN = 20_000
"""So far the numbers of put off messages in one page may lie apart."""

Answer = tuple[Claim, Receipt]
"""A message and what its channel said of it."""

DUE_ROWS = """
SELECT id, person, channel, address_index, variant, attempts, notice, doubtful FROM delivery
WHERE incident = :incident AND notice = :notice AND channel IN :channels AND {due} AND state IN {states}{wave}
LIMIT :limit
"""
IN_A_WAVE_BEGUN = " AND person <= :people"
GIVE_BACK = """
UPDATE delivery SET state = 'waiting', lease = NULL, attempts = attempts - 1, updated_at = :now
WHERE state = 'claimed' AND lease = :lease AND """
FACTS = (
    select(
        col(IncidentRow.state), col(IncidentRow.version), col(IncidentRow.embargo_until), col(IncidentRow.embargo_why)
    )
    .where(IncidentRow.id == bindparam("incident"))
    .with_for_update(read=True, key_share=True)
)
RELEASED_AT = select(ReleaseRow.at).where(
    ReleaseRow.incident == bindparam("incident"),
    ReleaseRow.notice == bindparam("notice"),
    ReleaseRow.version == bindparam("version"),
)
# One query per state, no order, and the words of the index: so it leads to the next page, however many were sent.
WAITING, DEFERRED = "state = 'waiting'", "state = 'deferred' AND next_try_at <= :now"


class Deliveries:
    """What the sending engine asks of the ledger."""

    def __init__(self, store: Store, claims: Claims, notices: Notices) -> None:
        self._store = store
        self._claims = claims
        self._notices = notices

    def claim(
        self, incident: str, notice: str, channels: Iterable[ChannelKind], limit: int, now: datetime
    ) -> tuple[Claim, ...]:
        """Take up to this many messages that are due; nobody else gets them while their lease runs.

        Raises ApprovalMissing when what was released is not what stands approved now, NotAllowed while the incident
        is paused, and LedgerRestored, also when that was done under a running send. What was claimed before is stopped
        when it is marked.
        """
        while (claims := self._claim_page(incident, notice, channels, limit, now)) == ():
            pass  # all of that page had left already
        return claims or ()

    def _claim_page(
        self, incident: str, notice: str, channels: Iterable[ChannelKind], limit: int, now: datetime
    ) -> tuple[Claim, ...] | None:
        """The next page, or None when nothing is due."""
        with self._store.write() as write:
            self._store.refuse_if_restored(write.session)
            released, facts = self.may_send(write.session, incident, notice, now)
            if released.optional:
                withdraw(write.session, incident, now)
            rows = _due(write.session, incident, notice, list(channels), limit, now, released.people)
            if not rows:
                return None
            lease = _new_lease(write.session, incident, notice, facts, rows, now)
            _take(write.session, rows, released.version, lease, now)
            # Noted beside the ledger too, so that an older copy of it is known as one.
            write.note(now, incident, "claimed", notice, messages=len(rows))
        # Others wait for that transaction, so what takes longest is done after it.
        with self._store.read() as session:
            claims = self._claims.of_rows(session, incident, rows, released, lease)
            named = left_among(session, [claim.key for claim in claims])
        self._rename(rows, claims)
        claims = self._without_named(claims, named, now) if named else claims
        return claims if all(claim.readable for claim in claims) else self._without_unreadable(claims, now)

    def _rename(self, rows: Sequence[WaitingMessage], claims: Sequence[Claim]) -> None:
        """Store which text each gets, where that has become another since the message was stored."""
        both = zip(rows, claims, strict=True)
        if others := [claim for row, claim in both if claim.addendum != name_parts(row.variant)[2]]:
            with self._store.write() as write:
                for claim in others:
                    name = text_name(claim.locale, claim.reader, claim.addendum)
                    write.change(update(DeliveryRow).where(col(DeliveryRow.id) == claim.id).values(variant=name))

    def _without_named(self, claims: tuple[Claim, ...], named: Mapping[str, bool], now: datetime) -> tuple[Claim, ...]:
        """Without those that a relay's log knows of, after a backup was restored."""
        with self._store.write() as write:
            as_the_log_says(write, {claim.id: claim.key for claim in claims}, named, now)
        return tuple(claim for claim in claims if claim.key not in named)

    def _without_unreadable(self, claims: tuple[Claim, ...], now: datetime) -> tuple[Claim, ...]:
        """Whose data cannot be opened waits for a person; the others do not wait for them."""
        with self._store.write() as write:
            park(write, [claim.id for claim in claims if not claim.readable], now)
        return tuple(claim for claim in claims if claim.readable)

    def may_send(self, session: Session, incident: str, notice: str, now: datetime) -> tuple[Released, int]:
        """What stands approved, and the version of the facts. Raises ApprovalMissing, NotAllowed."""
        # Held for reading, so that nobody puts another list of people in force before what is claimed has its lease.
        facts = session.exec(FACTS, params={"incident": incident}).first()
        if facts is None or facts[0] == IncidentState.PAUSED:
            raise NotAllowed(
                f"incident {incident} is paused: `amends incident timeline {incident}` says why, and `amends incident "
                f"resume {incident} --as NAME` lets it go on"
            )
        _, version, embargo_until, embargo_why = facts
        if embargo_until and now < embargo_until:
            raise NotAllowed(Embargo(until=embargo_until, why=embargo_why).says(incident))
        row = notice_row(session, incident, notice)
        asked = {"incident": incident, "notice": notice, "version": row.version if row else 0}
        released_at = session.exec(RELEASED_AT, params=asked).first()
        if row is None or released_at is None:
            raise ApprovalMissing(f"{notice} has not been released")
        draft = self._notices.drafted(row)
        if changed := changed_since(session, draft):
            raise ApprovalMissing(f"{changed} changed after {notice} was approved; what is left waits for approval")
        begun = None
        if draft.waves:
            since, after = self._notices.waves_go_on(session, row)
            begun = draft.waves.people(since, now, after)
        return Released(draft.template, released_at, row.version, row.binding, draft.optional, begun), version

    def renew(self, leases: Iterable[int], now: datetime) -> None:
        """Hold these leases longer, while answers are awaited."""
        with self._store.write() as write:
            these = col(LeaseRow.id).in_(list(leases))
            lock(write.session, these)
            write.change(update(LeaseRow).where(these).values(until=now + LEASE))

    def record(
        self, leaving: Sequence[Claim], answers: Sequence[Answer], incident: str, notice: str, now: datetime
    ) -> frozenset[int]:
        """Mark that these may leave and record the answers, in one commit; the numbers of those that may.

        Who was refused for good has a commit before that, in which the next channel of the cascade takes over.

        A leaving message of which the number is not returned must not be sent: somebody else holds it, the incident
        is paused, or the facts changed since it was claimed. An answer for a message that another lease holds by now
        is dropped.
        """
        outcomes = [(claim, _outcome(claim, receipt, now)) for claim, receipt in answers]
        if failed := [(claim, answer) for claim, answer in outcomes if answer.state.gone_wrong]:
            self._hand_over(failed, incident, notice, now)
        self._store.mark_notes.begin({claim.lease for claim in leaving})
        with self._store.swift_write() as swift:
            # A lease before its messages, as whoever recovers it does: else each could wait for the other.
            marks = _mark(swift, leaving, {claim.lease for claim, _ in answers}, now)
            swift.not_tried([(claim.id, claim.lease) for claim, receipt in answers if untried(receipt)])
            swift.keep_answers(_kept(swift, outcomes, now))
        self._store.mark_notes.add(marks)
        return frozenset(message for messages in marks.values() for message in messages)

    def _hand_over(self, failed: Sequence[tuple[Claim, Outcome]], incident: str, notice: str, now: datetime) -> None:
        """A channel has failed these people for good; the next of the cascade gets a message for them.

        An answer that comes late may find the notice at its end; then that goes on.
        """
        with self._store.write() as write:
            case, handed_over = write.incident(incident), 0
            lock(write.session, col(LeaseRow.id).in_({claim.lease for claim, _ in failed}))
            for claim, answer in sorted(failed, key=_whose):
                if write.change(_failing(claim, answer, now)):  # else it was handed over already
                    row = write.session.get_one(NoticeRow, (incident, notice, claim.released.version))
                    handed_over += _next_message(write.session, self._notices.drafted(row), claim, now)
            latest = notice_row(write.session, incident, notice)
            if handed_over and latest and latest.stage in AGAIN:
                reopen(write.session, latest)
                call_after_the_end(write, case, notice, now)

    def give_back(self, claims: Sequence[Claim], now: datetime) -> None:
        """Nothing of these has left; they wait again."""
        with self._store.write() as write:
            connection = write.session.connection()
            for lease in {claim.lease for claim in claims}:
                mine = listed(connection, [claim.id for claim in claims if claim.lease == lease])
                asked = {"now": spelled(connection, now), "lease": lease, "ids": mine}
                connection.execute(statement(GIVE_BACK + among(connection, "id")), asked)

    def end_leases(
        self, leases: Sequence[int], answered: dict[str, int], incident: str, notice: str, now: datetime
    ) -> None:
        """Nothing of these leases is in hand any more; what came of them, for the audit.

        One of which that is not true stays, until it runs out and somebody recovers what it holds.
        """
        with self._store.write() as write:
            held = select(DeliveryRow.id).where(HELD).exists()
            over = lock(write.session, col(LeaseRow.id).in_(leases), ~held)
            write.change(delete(LeaseRow).where(col(LeaseRow.id).in_(over)))  # its marks go with it
            if answered:
                write.note(now, incident, "answered", notice, states=answered)
            here = write.session.exec(select(LeaseRow.id).where(col(LeaseRow.id).in_(leases))).all()
        self._store.mark_notes.drop(set(leases).difference(here))

    def recover(self, incident: str, notice: str, now: datetime) -> int:
        """After a crash: what surely had not left waits again; the rest becomes uncertain. How many are uncertain.

        A machine never sends an uncertain message again. A page is no message: put up again, it is the same page.
        Raises LedgerRestored: in an older copy a mark may be missing.
        """
        with self._store.write() as write:
            freed = doubtful = 0
            if stale := ended_leases(write.session, incident, notice, now):
                self._store.refuse_if_restored(write.session)
            for lease in stale:
                doubtful += put_in_doubt(write.session, lease, now)
                freed += free_rest(write.session, lease, now)
                write.session.delete(lease)
            if stale:  # also when nothing was left of it: its marks are gone now, and the chain must tell of them
                write.note(now, incident, "recovered", notice, waiting=freed, uncertain=doubtful)
        self._store.mark_notes.drop([lease.id for lease in stale if lease.id])
        return doubtful

    def busy(self, incident: str, now: datetime) -> bool:
        """Whether some worker holds messages of this incident right now."""
        with self._store.read() as session:
            query = select(LeaseRow.holder).where(LeaseRow.incident == incident, not_(run_out(now)))
            return not all(map(has_ended, session.exec(query)))

    def unanswered(self, incident: str) -> int:
        """How many messages of this incident may have left and have no answer yet."""
        with self._store.read() as session:
            leases = select(LeaseRow).where(LeaseRow.incident == incident)
            return sum(len(open_marks(session, lease)) for lease in session.exec(leases))

    def at_work(self, incident: str, notice: str, channels: Iterable[ChannelKind]) -> bool:
        """Whether some worker has messages of this notice on these channels in hand."""
        with self._store.read() as session:
            on_these = col(DeliveryRow.channel).in_(list(channels))
            return any(held_by(session, lease, on_these) for lease in leases_of(session, incident, notice))

    def senders(self, channel: ChannelKind, now: datetime) -> int:
        """How many processes have messages for this channel in hand, of whichever notices, on all machines."""
        with self._store.read() as session:
            pages = select(LeaseRow.holder).join(DeliveryRow, col(DeliveryRow.id) == LeaseRow.first)
            here = pages.where(DeliveryRow.channel == channel, not_(run_out(now))).distinct()
            return sum(not has_ended(holder) for holder in session.exec(here))

    def pending(self, incident: str, notice: str) -> int:
        """How many messages of the notice have not come to an end yet."""
        with self._store.read() as session:
            return _pending(session, incident, notice)

    def share_left(self, incident: str, notice: str) -> float:
        """The share of the messages to people of this notice with which the engine has nothing to do any more."""
        to_people = col(DeliveryRow.person) != PUBLIC
        counted = select(func.count()).select_from(DeliveryRow)
        here = counted.where(DeliveryRow.incident == incident, DeliveryRow.notice == notice, to_people)
        with self._store.read() as session:
            messages = session.exec(here).one()
            due = session.exec(here.where(text("state IN " + DUE))).one()
            in_hand = sum(held_by(session, lease, to_people) for lease in leases_of(session, incident, notice))
        return 1 - (due + in_hand) / messages if messages else 1.0

    def finish(self, incident: str, notice: str, now: datetime) -> bool:
        """Note that nothing of the notice is pending any more, if so; whether it is sent.

        It is not as long as something is parked, or somebody whom a corrected list brought has no message of it.
        """
        with self._store.write() as write:
            write.incident(incident)
            return self.finish_in(write, incident, notice, now)

    def finish_in(self, write: Write, incident: str, notice: str, now: datetime) -> bool:
        row = notice_row(write.session, incident, notice)
        if row is None or row.stage != NoticeStage.SENDING:
            return row is not None and row.stage == NoticeStage.SENT
        if _pending(write.session, incident, notice):
            return False
        row.sent_at = row.sent_at or now
        states = message_states(write.session, incident, notice).get(notice, {})
        draft = self._notices.drafted(row)
        if states.get(DeliveryState.PARKED) or latecomers(write.session, row, draft.audience, draft.audience_digest):
            return False
        row.stage = NoticeStage.SENT
        if draft.about:
            told(write.session, incident, draft.about, draft.change)
        write.note(now, incident, "sent", notice, states={state.value: count for state, count in states.items()})
        return True

    def published(self, incident: str, notice: str) -> bool:
        """Whether every page of the notice, as it was last drafted, stands on the website; true when it has none."""
        with self._store.read() as session:
            row = notice_row(session, incident, notice)
            missing = select(DeliveryRow.id).where(
                DeliveryRow.incident == incident,
                DeliveryRow.notice == notice,
                DeliveryRow.person == PUBLIC,
                DeliveryRow.version == (row.version if row else 0),
                DeliveryRow.channel == ChannelKind.WEBSITE,
                col(DeliveryRow.state).not_in([DeliveryState.SENT, DeliveryState.DELIVERED]),
            )
            return session.exec(missing.limit(1)).first() is None


def park(write: Write, messages: Collection[int], now: datetime) -> None:
    """Park messages of people whose data cannot be opened. The caller holds these messages."""
    why = {"cause": Cause.FAULT.value, "detail": "KeyMissing"}
    parked = {"state": DeliveryState.PARKED, **why, "updated_at": now}
    write.change(update(DeliveryRow).where(col(DeliveryRow.id).in_(messages)).values(**parked))


def _pending(session: Session, incident: str, notice: str) -> int:
    """Due or in hand, in one look: between two, somebody could give back what is in hand."""
    messages = select(func.count()).select_from(DeliveryRow)
    due = messages.where(DeliveryRow.incident == incident, DeliveryRow.notice == notice, text("state IN " + DUE))
    held = messages.where(HELD).correlate(LeaseRow).scalar_subquery()  # lease by lease, and not every message
    leases = select(func.coalesce(func.sum(held), 0)).select_from(LeaseRow)
    in_hand = leases.where(LeaseRow.incident == incident, LeaseRow.notice == notice)
    return int(session.exec(select(due.scalar_subquery() + in_hand.scalar_subquery())).one())


def _due(
    session: Session, incident: str, notice: str, channels: list[ChannelKind], limit: int, now: datetime,
    people: int | None,
) -> list[WaitingMessage]:  # fmt: skip
    """Those that were put off come first: a send of many hours must not let them wait for its end.

    They are a page of their own, whose numbers are not far apart, because what a lease holds is looked for among all
    numbers that it spans.
    """
    connection = session.connection()
    wave = IN_A_WAVE_BEGUN if people is not None else ""
    locked = "FOR UPDATE SKIP LOCKED" if on_postgresql(connection) else ""

    def found(due: str, most: int) -> list[WaitingMessage]:
        asked = {"incident": incident, "notice": notice, "channels": [channel.value for channel in channels]}
        moment = {"now": spelled(connection, now)} if due is DEFERRED else {}
        wave_begun = {"people": people} if people is not None else {}
        query = statement(DUE_ROWS.format(due=due, states=DUE, wave=wave) + locked, "channels")
        rows = connection.execute(query, {**asked, **moment, **wave_begun, "limit": most})
        return list(map(WaitingMessage._make, rows.all()))

    put_off = found(DEFERRED, limit)
    return [row for row in put_off if abs(row.id - put_off[0].id) <= SPAN] or found(WAITING, limit)


NEW_LEASE = insert(LeaseRow).returning(col(LeaseRow.id))


def _new_lease(
    session: Session, incident: str, notice: str, facts: int, rows: Sequence[WaitingMessage], now: datetime
) -> int:
    numbers = _ids(rows)
    lease = {
        "incident": incident,
        "notice": notice,
        "facts": facts,
        "first": min(numbers),
        "last": max(numbers),
        "until": now + LEASE,
        "holder": this_process(),
    }
    return session.connection().execute(NEW_LEASE, lease).scalar_one() or 0


TAKE = """
UPDATE delivery SET state = 'claimed', lease = :lease, attempts = attempts + 1, updated_at = :now WHERE """
# Whatever version is written is looked up among those released, so it is written only where it is another one.
TAKE_OVER = "UPDATE delivery SET version = :version WHERE version <> :version AND "


def _take(session: Session, rows: Sequence[WaitingMessage], version: int, lease: int, now: datetime) -> None:
    connection = session.connection()
    these, mine = among(connection, "id"), listed(connection, _ids(rows))
    connection.execute(statement(TAKE + these), {"lease": lease, "now": spelled(connection, now), "ids": mine})
    connection.execute(statement(TAKE_OVER + these), {"version": version, "ids": mine})


def _ids(rows: Iterable[WaitingMessage]) -> list[int]:
    return [row.id for row in rows]


def _mark(swift: Swift, claims: Sequence[Claim], answered: set[int], now: datetime) -> dict[int, list[int]]:
    """Keep that these may leave; the numbers of those of which the lease still holds, by lease.

    The leases of which messages were answered are locked too.
    """
    marks: dict[int, list[int]] = {}
    for lease in sorted({claim.lease for claim in claims} | answered):
        messages = [claim.id for claim in claims if claim.lease == lease]
        if messages and swift.keep_mark(lease, messages, now):
            marks[lease] = messages
        elif lease in answered:
            swift.lock(lease)
    return marks


def _outcome(claim: Claim, receipt: Receipt, now: datetime) -> Outcome:
    return outcome(receipt, claim.attempts, claim.released.at, now, doubtful=claim.doubtful)


def _kept(swift: Swift, outcomes: Sequence[tuple[Claim, Outcome]], now: datetime) -> list[Kept]:
    """Return the answers that are not handed over to the next channel, as they are stored."""
    at = swift.spelled(now)
    return [
        Kept(state.value, cause.value, detail, doubtful, name, swift.spelled(again_at), at, claim.id, claim.lease)
        for claim, (state, cause, detail, doubtful, name, again_at) in outcomes
        if not state.gone_wrong
    ]


def _whose(failed: tuple[Claim, Outcome]) -> int:
    about = failed[0].about
    return about.number if about else PUBLIC


def _failing(claim: Claim, answer: Outcome, now: datetime) -> Update:
    held = col(DeliveryRow.state).in_([DeliveryState.CLAIMED, DeliveryState.UNCERTAIN])
    ours = (col(DeliveryRow.id) == claim.id, col(DeliveryRow.lease) == claim.lease, held)
    why = {"cause": answer.cause.value, "detail": answer.detail, "doubtful": answer.doubtful}
    return update(DeliveryRow).where(*ours).values(state=answer.state, **why, updated_at=now)


def _next_message(session: Session, draft: Draft, claim: Claim, now: datetime) -> bool:
    """Store a message for the same person on the next channel of the cascade; whether there is one."""
    if claim.to is None or claim.about is None:
        return False
    version, name = claim.released.version, text_name(claim.locale, claim.reader, claim.addendum)
    return next_message(session, draft, version, claim.about.number, name, now)
