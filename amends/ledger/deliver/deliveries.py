"""Messages of a released notice: claim, mark and record them, and recover the messages of a worker that has died."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Update, bindparam, delete, insert, not_, text, update
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import ApprovalMissing, LedgerAltered, NotAllowed
from amends.domain.case.states import Embargo, IncidentState
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause
from amends.domain.deliver.cascade import Outcome, outcome, untried
from amends.domain.notice.notice import DeliveryState, Draft, NoticeStage, name_parts
from amends.ledger.audit.replay import Replay
from amends.ledger.commitment.told import told
from amends.ledger.deliver.cascade import AGAIN, call_after_the_end, next_message, reopen
from amends.ledger.deliver.claims import Claim, Claims, Released, WaitingMessage
from amends.ledger.deliver.latecomer_news import send_news_again
from amends.ledger.deliver.statistics import message_states
from amends.ledger.notice.codes import give_codes
from amends.ledger.notice.notices import PUBLIC, Notices, changed_since, latecomers, notice_row
from amends.ledger.notice.restore import as_the_log_says, left_among
from amends.ledger.people.holds import withhold
from amends.ledger.people.opt_outs import withdraw
from amends.ledger.people.people import ELEMENTS
from amends.ledger.store.bulk import DriverTransaction, Kept, among, listed, on_postgresql, spelled, statement
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
from amends.ledger.store.sealing import ALTERED, SETTLED, Run, journal_of
from amends.ledger.store.session import Store, Transaction
from amends.ledger.store.sums import settle
from amends.ledger.tables.deliver import DUE, PAGES, DeliveryRow, LeaseRow
from amends.ledger.tables.incident import IncidentRow
from amends.ledger.tables.notice import NoticeRow, ReleaseRow

TAKEN = (DeliveryState.SENT, DeliveryState.DELIVERED)
"""The states of messages that their provider has taken."""
SPAN = 20_000
"""The largest difference between the ids of deferred messages in one page."""

Answer = tuple[Claim, Receipt]
"""A claim, and the channel's receipt for its message."""

DUE_ROWS = """
SELECT id, person, channel, address_index, variant, attempts, notice, doubtful FROM delivery
WHERE incident = :incident AND notice = :notice AND channel IN :channels AND {due} AND state IN {states}{wave}
LIMIT :limit
"""
IN_A_WAVE_BEGUN = " AND person <= :people"
GIVE_BACK = """
UPDATE delivery SET state = 'waiting', lease = NULL, attempts = attempts - 1, updated_at = :now
WHERE state = 'claimed' AND lease = :lease AND """
OF_THE_LEASE = """
FROM lease JOIN delivery ON delivery.lease = lease.id AND delivery.id BETWEEN lease.first AND lease.last
WHERE lease.id = :lease AND delivery.state IN :states
"""
ANSWERED = f"""
SELECT delivery.state, min(delivery.id), max(delivery.id), count(*) {OF_THE_LEASE} GROUP BY delivery.state
"""
ANSWERED_IN_RUNS = f"""
SELECT state, min(id), max(id) FROM (
    SELECT delivery.id, delivery.state,
           delivery.id - row_number() OVER (PARTITION BY delivery.state ORDER BY delivery.id) AS run
    {OF_THE_LEASE}
) AS answered GROUP BY state, run ORDER BY 2
"""
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
# One query per state, without an order and in the words of the index: so the index leads to the next page at once.
WAITING, DEFERRED = "state = 'waiting'", "state = 'deferred' AND next_try_at <= :now"


class Deliveries:
    """The messages of a ledger, as the sending engine uses them."""

    def __init__(self, store: Store, claims: Claims, notices: Notices, replay: Replay) -> None:
        self._store = store
        self._claims = claims
        self._notices = notices
        self._replay = replay
        self._taken: dict[int, dict[int, str]] = {}
        """By lease and message, what this process knows to be sent before the audit chain knows it."""
        self._left: set[int] = set()
        """The same messages of all leases."""

    def claim(
        self, incident: str, notice: str, channels: Iterable[ChannelKind], limit: int, now: datetime
    ) -> tuple[Claim, ...]:
        """Claim up to this many due messages under a new lease; no other worker gets them while the lease runs.

        Raises ApprovalMissing when the released version is not what is approved now, NotAllowed while the incident is
        paused or under an embargo, and LedgerRestored, also when a backup is restored during a send. Messages that were
        claimed before are refused at their commit mark.
        """
        while (claims := self._claim_page(incident, notice, channels, limit, now)) == ():
            pass  # no message of that page may be sent
        return claims or ()

    def _claim_page(
        self, incident: str, notice: str, channels: Iterable[ChannelKind], limit: int, now: datetime
    ) -> tuple[Claim, ...] | None:
        """Claim the next page; return None when nothing is due, and () when no message of the page may be sent."""
        self._replay.refuse_altered(incident, notice)
        with self._store.write() as write:
            self._store.refuse_if_restored(write.session)
            released, facts = self.may_send(write.session, incident, notice, now)
            withhold(write.session, incident, now)
            if released.optional:
                withdraw(write.session, incident, now)
            rows = _due(write.session, incident, notice, list(channels), limit, now, released.people)
            if not rows:
                return None
            self._refuse_settled(incident, notice, rows)
            lease = _new_lease(write.session, incident, notice, facts, rows, now)
            _take(write.session, rows, released.version, lease, now)
            rows = give_codes(write, incident, notice, rows, released.coded, now)
            # The head of the audit chain is also written beside the ledger, which identifies an older copy.
            write.note(now, incident, "claimed", notice, messages=len(rows))
        # Other workers wait for that transaction, so the longest work is done after it.
        with self._store.read() as session:
            claims = self._claims.of_rows(session, incident, rows, released, lease)
            named = left_among(session, [claim.key for claim in claims])
        self._rename(rows, claims)
        claims = self._without_named(claims, named, now) if named else claims
        return claims if all(claim.readable for claim in claims) else self._without_unreadable(claims, now)

    def _refuse_settled(self, incident: str, notice: str, rows: Sequence[WaitingMessage]) -> None:
        """Raise LedgerAltered when one of these waiting messages has left by the audit chain."""
        if again := [*self._replay.settled(incident, notice, _ids(rows)), *self._left.intersection(_ids(rows))]:
            named = ", ".join(map(str, again[:3])) + (" and others" if len(again) > 3 else "")
            raise LedgerAltered(
                f"{len(again)} messages of {notice} wait that have left by the audit chain ({named}): {ALTERED}"
            )

    def _rename(self, rows: Sequence[WaitingMessage], claims: Sequence[Claim]) -> None:
        """Store the name of each message's text where the addendum has changed since the message was stored."""
        both = zip(rows, claims, strict=True)
        if others := [claim for row, claim in both if claim.text != name_parts(row.variant)]:
            with self._store.write() as write:
                for claim in others:
                    those = col(DeliveryRow.id) == claim.id
                    write.change(update(DeliveryRow).where(those).values(variant=str(claim.text)))

    def _without_named(self, claims: tuple[Claim, ...], named: Mapping[str, bool], now: datetime) -> tuple[Claim, ...]:
        """Return the claims that a relay's log does not name; record the others as the log says (restored backup)."""
        with self._store.write() as write:
            as_the_log_says(write, {claim.id: claim.key for claim in claims}, named, now)
        return tuple(claim for claim in claims if claim.key not in named)

    def _without_unreadable(self, claims: tuple[Claim, ...], now: datetime) -> tuple[Claim, ...]:
        """Return the claims whose data could be opened, and park the others for a person to look at."""
        with self._store.write() as write:
            park(write, [claim.id for claim in claims if not claim.readable], now)
        return tuple(claim for claim in claims if claim.readable)

    def may_send(self, session: Session, incident: str, notice: str, now: datetime) -> tuple[Released, int]:
        """Return the released version and the version of the facts. Raises ApprovalMissing, NotAllowed."""
        # The row is locked for reading: no other list of people comes into force before the claims have their lease.
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
            look = f"; `amends preview {incident} {notice}` shows what waits for approval" if row else ""
            raise ApprovalMissing(f"{notice} has not been released{look}")
        draft = self._notices.drafted(row)
        if changed := changed_since(session, draft):
            raise ApprovalMissing(f"{changed} changed after {notice} was approved; what is left waits for approval")
        begun = None
        if draft.waves:
            since, after = self._notices.waves_go_on(session, row)
            begun = draft.waves.people(since, now, after)
        kind = (
            draft.template,
            released_at,
            row.version,
            row.binding,
            draft.optional,
            begun,
            draft.has_cohorts,
            bool(draft.results),
        )
        return Released(*kind, coded=self._notices.coded(session, row)), version

    def renew(self, leases: Iterable[int], now: datetime) -> None:
        """Renew these leases, whose messages still wait for answers."""
        with self._store.write() as write:
            these = col(LeaseRow.id).in_(list(leases))
            lock(write.session, these)
            write.change(update(LeaseRow).where(these).values(until=now + LEASE))

    def record(
        self, leaving: Sequence[Claim], answers: Sequence[Answer], incident: str, notice: str, now: datetime
    ) -> frozenset[int]:
        """Record commit marks and answers in one commit, and return the ids of the messages that may leave.

        Refusals for good are recorded in a commit before, in which the next channel of the cascade takes over.

        A message in `leaving` whose id is not returned must not be sent: another worker holds the message, the incident
        is paused, or the facts have changed since the claim. An answer to a message that another lease holds by now is
        dropped.
        """
        outcomes = [(claim, _outcome(claim, receipt, now)) for claim, receipt in answers]
        if failed := [(claim, answer) for claim, answer in outcomes if answer.state.gone_wrong]:
            self._hand_over(failed, incident, notice, now)
        self._store.mark_notes.begin({claim.lease for claim in leaving})
        with self._store.driver_write() as transaction:
            # Each lease is locked before its messages, as in `recover`: otherwise the two could deadlock.
            leases = {claim.lease for claim, _ in answers}
            marks = _mark(transaction, leaving, leases, now)
            late = transaction.ended(leases)
            transaction.not_tried([(claim.id, claim.lease) for claim, receipt in answers if untried(receipt)])
            transaction.keep_answers(_kept(transaction, [one for one in outcomes if one[0].lease not in late], now))
        self._store.mark_notes.add(marks)
        self._remember([(claim.lease, claim.id, answer.state) for claim, answer in outcomes if answer.state in TAKEN])
        if late:
            self._record_late([one for one in outcomes if one[0].lease in late], now)
        return frozenset(message for messages in marks.values() for message in messages)

    def _record_late(self, outcomes: Sequence[tuple[Claim, Outcome]], now: datetime) -> None:
        """Record answers that come after the end of their lease, whose messages the audit chain calls uncertain."""
        with self._store.write() as write:
            for claim, answer in outcomes:
                if not answer.state.gone_wrong:
                    settle(write.session, _answering(claim, answer, now))

    def _hand_over(self, failed: Sequence[tuple[Claim, Outcome]], incident: str, notice: str, now: datetime) -> None:
        """Record that a channel has failed these people for good, and store their messages on the next channel.

        A notice that is over when a late answer comes is reopened.
        """
        with self._store.write() as write:
            case, handed_over = write.incident(incident), 0
            lock(write.session, col(LeaseRow.id).in_({claim.lease for claim, _ in failed}))
            for claim, answer in sorted(failed, key=_whose):
                # No row: an earlier call has handed the message over.
                if settle(write.session, _answering(claim, answer, now)):
                    row = write.session.get_one(NoticeRow, (incident, notice, claim.released.version))
                    handed_over += _next_message(write.session, self._notices.drafted(row), claim, now)
            latest = notice_row(write.session, incident, notice)
            if handed_over and latest and latest.stage in AGAIN:
                reopen(write.session, latest)
                call_after_the_end(write, case, notice, now)

    def give_back(self, claims: Sequence[Claim], now: datetime) -> None:
        """Make messages that have not left wait again; the claim counts as no attempt."""
        with self._store.write() as write:
            connection = write.session.connection()
            for lease in {claim.lease for claim in claims}:
                mine = listed(connection, [claim.id for claim in claims if claim.lease == lease])
                asked = {"now": spelled(connection, now), "lease": lease, "ids": mine}
                connection.execute(statement(GIVE_BACK + among(connection, "id")), asked)

    def end_leases(
        self, leases: Sequence[int], answered: dict[str, int], incident: str, notice: str, now: datetime
    ) -> None:
        """End these leases, whose messages all have answers, and write the counts of answers to the audit chain.

        A lease that still holds messages stays until it runs out and a worker recovers its messages.
        """
        with self._store.write() as write:
            held = select(DeliveryRow.id).where(HELD).exists()
            over = lock(write.session, col(LeaseRow.id).in_(leases), ~held)
            for lease in over:
                self._settle_answered(write.session, incident, notice, lease or 0)
            write.change(delete(LeaseRow).where(col(LeaseRow.id).in_(over)))  # deletes their marks too
            if answered:
                write.note(now, incident, "answered", notice, states=answered)
            here = write.session.exec(select(LeaseRow.id).where(col(LeaseRow.id).in_(leases))).all()
        self._store.mark_notes.drop(set(leases).difference(here))
        for lease in leases:
            self._left.difference_update(self._taken.pop(lease, ()))

    def _remember(self, sent: Sequence[tuple[int, int, DeliveryState]]) -> None:
        """Remember messages, by lease and id, that were sent, until the audit chain knows them."""
        for lease in {lease for lease, _, _ in sent}:
            theirs = {number: state for mine, number, state in sent if mine == lease}
            self._left.update(theirs)
            self._taken.setdefault(lease, {}).update(theirs)

    def _settle_answered(self, session: Session, incident: str, notice: str, lease: int) -> None:
        """Note for the audit chain the messages of this lease that have an answer.

        When the ledger has fewer that were sent than this process knows, somebody has changed them since.
        """
        runs, taken = _answered(session, lease), self._taken.get(lease, {})
        if sum(last - first + 1 for state, first, last in runs if state in TAKEN) < len(taken):
            journal_of(session).settle(incident, notice, ((taken[one], one, one) for one in sorted(taken)))
        journal_of(session).settle(incident, notice, runs)

    def recover(self, incident: str, notice: str, now: datetime) -> int:
        """Recover the messages of leases that have ended, as after a crash, and return how many are uncertain.

        A message with a commit mark becomes uncertain, and no machine sends it again; every other message waits again.
        A page of the website waits in both cases, because a page that is put up again is the same page. Raises
        LedgerRestored, because an older copy may lack a mark.
        """
        with self._store.write() as write:
            freed = doubtful = 0
            if stale := ended_leases(write.session, incident, notice, now):
                self._store.refuse_if_restored(write.session)
            for lease in stale:
                doubtful += put_in_doubt(write.session, lease, now)
                self._settle_answered(write.session, incident, notice, lease.id or 0)
                freed += free_rest(write.session, lease, now)
                write.session.delete(lease)
            if stale:  # even for leases without messages: their marks are deleted, and the audit chain must say so
                write.note(now, incident, "recovered", notice, waiting=freed, uncertain=doubtful)
        self._store.mark_notes.drop([lease.id for lease in stale if lease.id])
        return doubtful

    def busy(self, incident: str, now: datetime) -> bool:
        """Return True while a worker holds messages of this incident."""
        with self._store.read() as session:
            query = select(LeaseRow.holder).where(LeaseRow.incident == incident, not_(run_out(now)))
            return not all(map(has_ended, session.exec(query)))

    def unanswered(self, incident: str) -> int:
        """Count the messages of this incident that have a commit mark and no answer yet."""
        with self._store.read() as session:
            leases = select(LeaseRow).where(LeaseRow.incident == incident)
            return sum(len(open_marks(session, lease)) for lease in session.exec(leases))

    def at_work(self, incident: str, notice: str, channels: Iterable[ChannelKind]) -> bool:
        """Return True while a lease holds messages of this notice on these channels."""
        with self._store.read() as session:
            on_these = col(DeliveryRow.channel).in_(list(channels))
            return any(held_by(session, lease, on_these) for lease in leases_of(session, incident, notice))

    def senders(self, channel: ChannelKind, now: datetime) -> int:
        """Count the processes that hold messages for this channel, of any notice and on any machine."""
        with self._store.read() as session:
            pages = select(LeaseRow.holder).join(DeliveryRow, col(DeliveryRow.id) == LeaseRow.first)
            here = pages.where(DeliveryRow.channel == channel, not_(run_out(now))).distinct()
            return sum(not has_ended(holder) for holder in session.exec(here))

    def pending(self, incident: str, notice: str) -> int:
        """Count the messages of the notice that are waiting, deferred or claimed."""
        with self._store.read() as session:
            return _pending(session, incident, notice)

    def share_left(self, incident: str, notice: str) -> float:
        """Return the share of the notice's messages to people that are neither waiting, nor deferred, nor claimed."""
        to_people = col(DeliveryRow.person) != PUBLIC
        counted = select(func.count()).select_from(DeliveryRow)
        here = counted.where(DeliveryRow.incident == incident, DeliveryRow.notice == notice, to_people)
        with self._store.read() as session:
            messages = session.exec(here).one()
            due = session.exec(here.where(text("state IN " + DUE))).one()
            in_hand = sum(held_by(session, lease, to_people) for lease in leases_of(session, incident, notice))
        return 1 - (due + in_hand) / messages if messages else 1.0

    def finish(self, incident: str, notice: str, now: datetime) -> bool:
        """Record that the notice is sent when no message is pending any more; return True when the notice is sent.

        A notice is not sent while a message is parked, or while a person from a corrected list has no message.
        """
        with self._store.write() as write:
            write.incident(incident)
            return self.finish_in(write, incident, notice, now)

    def finish_in(self, write: Transaction, incident: str, notice: str, now: datetime) -> bool:
        row = notice_row(write.session, incident, notice)
        if row is None or row.stage != NoticeStage.SENDING:
            return row is not None and row.stage == NoticeStage.SENT
        if _pending(write.session, incident, notice):
            return False
        row.sent_at = row.sent_at or now
        send_news_again(write.session, incident, notice)
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
        """Return True when every page of the latest version is on the website, or when the version has no page."""
        with self._store.read() as session:
            row = notice_row(session, incident, notice)
            missing = select(DeliveryRow.id).where(
                DeliveryRow.incident == incident,
                DeliveryRow.notice == notice,
                DeliveryRow.person == PUBLIC,
                DeliveryRow.version == (row.version if row else 0),
                col(DeliveryRow.channel).in_(PAGES),
                col(DeliveryRow.state).not_in([DeliveryState.SENT, DeliveryState.DELIVERED]),
            )
            return session.exec(missing.limit(1)).first() is None


def park(write: Transaction, messages: Collection[int], now: datetime) -> None:
    """Park messages of people whose data cannot be opened. The caller holds these messages."""
    why = {"cause": ReceiptCause.FAULT.value, "detail": "KeyMissing"}
    parked = {"state": DeliveryState.PARKED, **why, "updated_at": now}
    settle(write.session, update(DeliveryRow).where(col(DeliveryRow.id).in_(messages)).values(**parked))


def _pending(session: Session, incident: str, notice: str) -> int:
    """Count the pending messages in one query: between two queries a claim could be given back and be missed."""
    messages = select(func.count()).select_from(DeliveryRow)
    due = messages.where(DeliveryRow.incident == incident, DeliveryRow.notice == notice, text("state IN " + DUE))
    held = messages.where(HELD).correlate(LeaseRow).scalar_subquery()  # counted by lease, without a scan of messages
    leases = select(func.coalesce(func.sum(held), 0)).select_from(LeaseRow)
    in_hand = leases.where(LeaseRow.incident == incident, LeaseRow.notice == notice)
    return int(session.exec(select(due.scalar_subquery() + in_hand.scalar_subquery())).one())


def _due(
    session: Session,
    incident: str,
    notice: str,
    channels: list[ChannelKind],
    limit: int,
    now: datetime,
    people: int | None,
) -> list[WaitingMessage]:
    """Return the next due messages: first deferred ones, which must not wait for the end of a send of many hours.

    Deferred messages make a page of their own, with ids close together, because the messages of a lease are searched
    in the whole range of ids that the lease spans.
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

    deferred = found(DEFERRED, limit)
    return [row for row in deferred if abs(row.id - deferred[0].id) <= SPAN] or found(WAITING, limit)


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


TAKE = f"""
UPDATE delivery SET state = 'claimed', lease = :lease, attempts = attempts + 1, updated_at = :now, elements = {ELEMENTS}
WHERE """
# Each written version costs a foreign-key check, so it is written only where it changes.
TAKE_OVER = "UPDATE delivery SET version = :version WHERE version <> :version AND "


def _take(session: Session, rows: Sequence[WaitingMessage], version: int, lease: int, now: datetime) -> None:
    connection = session.connection()
    these, mine = among(connection, "id"), listed(connection, _ids(rows))
    connection.execute(statement(TAKE + these), {"lease": lease, "now": spelled(connection, now), "ids": mine})
    connection.execute(statement(TAKE_OVER + these), {"version": version, "ids": mine})


def _ids(rows: Iterable[WaitingMessage]) -> list[int]:
    return [row.id for row in rows]


def _mark(
    transaction: DriverTransaction, claims: Sequence[Claim], answered: set[int], now: datetime
) -> dict[int, list[int]]:
    """Record commit marks, and return by lease the ids of the messages whose lease is still valid.

    The leases of the answered messages are locked too.
    """
    marks: dict[int, list[int]] = {}
    for lease in sorted({claim.lease for claim in claims} | answered):
        messages = [claim.id for claim in claims if claim.lease == lease]
        if messages and transaction.keep_mark(lease, messages, now):
            marks[lease] = messages
        elif lease in answered:
            transaction.lock(lease)
    return marks


def _outcome(claim: Claim, receipt: Receipt, now: datetime) -> Outcome:
    return outcome(receipt, claim.attempts, claim.released.at, now, doubtful=claim.doubtful)


def _kept(transaction: DriverTransaction, outcomes: Sequence[tuple[Claim, Outcome]], now: datetime) -> list[Kept]:
    """Return the answers that are not handed over to the next channel, as they are stored."""
    alike: dict[tuple[DeliveryState, ReceiptCause, str, bool, datetime | None, int], dict[int, str]] = {}
    for claim, (state, cause, detail, doubtful, name, again_at) in outcomes:
        same = alike.setdefault((state, cause, detail, doubtful, again_at, claim.lease), {})
        same.setdefault(claim.id, name)  # the first of two answers to a message counts
    at = transaction.spelled(now)
    return [
        Kept(state.value, cause.value, detail, doubtful, transaction.spelled(again_at), at, messages, lease)
        for (state, cause, detail, doubtful, again_at, lease), messages in alike.items()
        if not state.gone_wrong
    ]


def _whose(failed: tuple[Claim, Outcome]) -> int:
    about = failed[0].about
    return about.number if about else PUBLIC


def _answering(claim: Claim, answer: Outcome, now: datetime) -> Update:
    held = col(DeliveryRow.state).in_([DeliveryState.CLAIMED, DeliveryState.UNCERTAIN])
    ours = (col(DeliveryRow.id) == claim.id, col(DeliveryRow.lease) == claim.lease, held)
    state, cause, detail, doubtful, provider_id, again_at = answer
    why = {"cause": cause.value, "detail": detail, "doubtful": doubtful}
    return (
        update(DeliveryRow)
        .where(*ours)
        .values(state=state, **why, provider_id=provider_id, next_try_at=again_at, updated_at=now)
    )


def _answered(session: Session, lease: int) -> list[Run]:
    """Return the settled messages of a lease as runs of ids; those of one state are often one run already."""
    connection, asked = session.connection(), {"lease": lease, "states": sorted(SETTLED)}
    found = connection.execute(statement(ANSWERED, "states"), asked).all()
    if any(messages != last - first + 1 for _, first, last, messages in found):
        found = connection.execute(statement(ANSWERED_IN_RUNS, "states"), asked).all()
    return [(state, first, last) for state, first, last, *_ in found]


def _next_message(session: Session, draft: Draft, claim: Claim, now: datetime) -> bool:
    """Store a message for the same person on the next channel of the cascade; return False when there is none."""
    if claim.to is None or claim.about is None:
        return False
    return next_message(session, draft, claim.released.version, claim.about.number, str(claim.text), now)
